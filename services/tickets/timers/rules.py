"""Rules of time-based actions: warn, close, put into a queue, assign a user, move to a lane."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from services.tickets.domain.keys import TicketKey
from services.tickets.domain.plan import Plan
from services.tickets.domain.tags import enter_lane
from services.tickets.domain.ticket import INSTANT, Log, Ticket, Transition, build_auto_reply
from services.tickets.domain.transitions import end, put_into_queue
from shared.contracts.ticket import TicketUpdated

WARN, EXPIRE, EXPIRE_RATING, REDIRECT = "warn", "expire", "expire-rating", "redirect"
ASSIGN, NEXT_LANE = "assign", "next-lane"


@dataclass(frozen=True, slots=True)
class DueAction:
    """A due action; `updated_at` is the ticket's version when the action was found."""

    company_id: int
    ticket_id: int
    action: str
    updated_at: datetime
    queue_id: int | None = None
    closes: bool = False
    user_id: int | None = None
    lane_id: int | None = None
    greeting: str = ""

    @property
    def key(self) -> TicketKey:
        """Return the key of the ticket."""
        return TicketKey(self.company_id, self.ticket_id)


def run_due_actions(plan: Plan, due: Iterable[DueAction]) -> None:
    """Run due actions; skip tickets that were changed since the action was found."""
    for action in due:
        ticket = plan.tickets.get(action.key)
        if ticket and ticket.updated_at == action.updated_at:
            plan.apply(_run(ticket, action, plan.next_change_at(action.key)))


def _run(ticket: Ticket, due: DueAction, at: datetime) -> list[Transition]:
    templates = ticket.policy.templates
    if due.action == WARN:
        warned = replace(ticket, is_warned=True, updated_at=at)
        warning = build_auto_reply("inactive", templates.inactive)
        return [Transition(warned, TicketUpdated, auto_replies=warning)]
    if due.action == EXPIRE:
        expired = replace(ticket, unread_messages=0, bot_questions=0)
        return [_close(expired, at, "expired", templates.expired)]
    if due.action == EXPIRE_RATING:
        return [_close(ticket, at, "completion", templates.completion)]
    if due.action == ASSIGN:
        return [_assign(ticket, due.user_id, at)]
    if due.action == NEXT_LANE:
        return _move(ticket, due, at)
    return _redirect(ticket, due, at)


def _close(ticket: Ticket, at: datetime, purpose: str, text: str) -> Transition:
    return replace(end(ticket, at, log="autoClose"), auto_replies=build_auto_reply(purpose, text))


def _assign(ticket: Ticket, user_id: int | None, at: datetime) -> Transition:
    attendance = replace(ticket.open_attendance, user_id=user_id)
    assigned = replace(ticket, user_id=user_id, updated_at=at, attendance=attendance)
    return Transition(assigned, TicketUpdated, (Log("userDefine", user_id, ticket.queue_id),))


def _redirect(ticket: Ticket, due: DueAction, at: datetime) -> list[Transition]:
    if due.queue_id is None:
        return []
    queued = put_into_queue(ticket, due.queue_id, at, Log("redirect", ticket.user_id))
    return [queued, end(queued.ticket, at + INSTANT)] if due.closes else [queued]


def _move(ticket: Ticket, due: DueAction, at: datetime) -> list[Transition]:
    if due.lane_id is None:
        return []
    greeting = build_auto_reply("lane", due.greeting)
    return [replace(enter_lane(ticket, due.lane_id, at), auto_replies=greeting)]
