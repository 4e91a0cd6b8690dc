"""What time does to tickets (schema.md 5). No clock, no database: the store says what is due."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from services.tickets.rules.plan import Plan, TicketKey
from services.tickets.rules.steps import INSTANT, end, put_into
from services.tickets.rules.tagging import stand_in
from services.tickets.rules.tickets import Log, Step, Ticket, said
from shared.contracts.ticket import TicketUpdated

WARN, EXPIRE, EXPIRE_RATING, REDIRECT, DRAW = "warn", "expire", "expire-rating", "redirect", "draw"
NEXT_LANE = "next-lane"


@dataclass(frozen=True, slots=True)
class Due:
    """A ticket whose time has come, as it was when that was found."""

    company_id: int
    ticket_id: int
    what: str
    updated_at: datetime
    queue_id: int | None = None
    closes: bool = False
    user_id: int | None = None
    lane_id: int | None = None
    greeting: str = ""

    @property
    def key(self) -> TicketKey:
        """Name the ticket."""
        return self.company_id, self.ticket_id


def pass_time(plan: Plan, due: Iterable[Due]) -> None:
    """Do what is due; a ticket that somebody touched meanwhile waits anew."""
    for what in due:
        ticket = plan.tickets.get(what.key)
        if ticket and ticket.updated_at == what.updated_at:
            plan.take(None, None, _steps(ticket, what, plan.at(what.key)))


def _steps(ticket: Ticket, due: Due, at: datetime) -> list[Step]:
    words = ticket.wants.words
    if due.what == WARN:
        warned = replace(ticket, is_warned=True, updated_at=at)
        return [Step(warned, TicketUpdated, says=said("inactive", words.inactive))]
    if due.what == EXPIRE:
        forgotten = replace(ticket, unread_messages=0, bot_questions=0)
        return [_closed(forgotten, at, "expired", words.expired)]
    if due.what == EXPIRE_RATING:
        return [_closed(ticket, at, "completion", words.completion)]
    if due.what == DRAW:
        return [_drawn(ticket, due.user_id, at)]
    if due.what == NEXT_LANE:
        return _moved(ticket, due, at)
    return _redirected(ticket, due, at)


def _closed(ticket: Ticket, at: datetime, purpose: str, words: str) -> Step:
    return replace(end(ticket, at, log="autoClose"), says=said(purpose, words))


def _drawn(ticket: Ticket, user_id: int | None, at: datetime) -> Step:
    attendance = replace(ticket.attended, user_id=user_id)
    drawn = replace(ticket, user_id=user_id, updated_at=at, attendance=attendance)
    return Step(drawn, TicketUpdated, (Log("userDefine", user_id, ticket.queue_id),))


def _redirected(ticket: Ticket, due: Due, at: datetime) -> list[Step]:
    if due.queue_id is None:
        return []
    step = put_into(ticket, due.queue_id, at, Log("redirect", ticket.user_id))
    return [step, end(step.ticket, at + INSTANT)] if due.closes else [step]


def _moved(ticket: Ticket, due: Due, at: datetime) -> list[Step]:
    if due.lane_id is None:
        return []
    return [replace(stand_in(ticket, due.lane_id, at), says=said("lane", due.greeting))]
