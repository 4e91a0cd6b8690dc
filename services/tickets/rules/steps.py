"""The steps of a ticket's life, one change each (schema.md 5). No clock, no database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.tickets.rules.tickets import (
    CLOSED,
    GROUP,
    LGPD,
    NPS,
    OPEN,
    PENDING,
    Attendance,
    Log,
    Said,
    Step,
    Tag,
    Ticket,
    said,
)
from shared.contracts.ticket import TicketClosed, TicketQueued, TicketRated, TicketUpdated

INSTANT = timedelta(microseconds=1)  # versions are microseconds


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When a request is decided, and what beside its ticket matters to it.

    `closing_queues` and `tags` are among those that the request names.
    """

    at: datetime
    other_ticket_id: int | None = None  # the contact's not-closed ticket, where it is another one
    successor_id: int | None = None  # the one that the ticket goes on as
    closing_queues: Collection[int] = ()
    farewells: Mapping[int, str] = field(default_factory=dict)  # by user
    tags: Collection[Tag] = ()


def close(ticket: Ticket, at: datetime, *, actor_id: int | None, silent: bool) -> Step:
    """Close a ticket, or first ask its contact for a mark, once an attendance."""
    attendance = ticket.attended
    if not silent and ticket.status in {OPEN, PENDING} and _asks_rating(ticket, attendance):
        asking = replace(
            ticket,
            status=NPS,
            updated_at=at,
            rating_questions=1,
            attendance=replace(attendance, closed_at=at),
        )
        logs = (Log("nps", actor_id or ticket.user_id, ticket.queue_id),)
        return Step(asking, TicketUpdated, logs, says=said("rating", ticket.wants.words.rating))
    words = () if silent or ticket.status in {GROUP, LGPD} else farewell(ticket)
    return replace(end(ticket, at, actor_id=actor_id), says=words)


def end(ticket: Ticket, at: datetime, *, actor_id: int | None = None, log: str = "closed") -> Step:
    """Close a ticket for good, without a word."""
    user_id = ticket.user_id or actor_id
    attendance = ticket.attended
    finished = replace(
        attendance,
        user_id=attendance.user_id or user_id,
        closed_at=attendance.closed_at or at,
        finished_at=at,
    )
    closed = replace(
        ticket, status=CLOSED, updated_at=at, closed_at=at, is_warned=False, attendance=None
    )
    logs = (Log(log, actor_id or ticket.user_id, ticket.queue_id),)
    return Step(closed, TicketClosed, logs, finished if ticket.attendance else None)


def rate(ticket: Ticket, mark: int, at: datetime) -> Step:
    """Note the contact's mark for the user who answered, and close the ticket."""
    rated = replace(ticket.attended, rated=True, rating_at=at)
    step = end(replace(ticket, attendance=rated), at)
    words = said("completion", ticket.wants.words.completion)
    return replace(step, fact=TicketRated, rate=mark, says=words)


def farewell(ticket: Ticket) -> tuple[Said, ...]:
    """Say the user's good-bye, else the line's; to one who still waits only where so set."""
    words = ticket.wants.words
    if ticket.status == PENDING and not ticket.wants.bids_farewell_to_waiting:
        return ()
    return said("farewell", words.farewell.strip() or words.completion)


def put_into(ticket: Ticket, queue_id: int, at: datetime, log: Log) -> Step:
    """Let a ticket wait in a queue; in the one that it has it does already."""
    if ticket.queue_id == queue_id:
        return Step(ticket, TicketQueued)
    attendance = queued(ticket, queue_id, at)
    waiting = replace(ticket, queue_id=queue_id, updated_at=at, attendance=attendance)
    return Step(waiting, TicketQueued, (replace(log, queue_id=queue_id),))


def queued(ticket: Ticket, queue_id: int | None, at: datetime) -> Attendance:
    """Stamp the open attendance where the queue is another one."""
    if queue_id == ticket.queue_id:
        return ticket.attended
    return replace(ticket.attended, queue_id=queue_id, queued_at=at)


def of_user(ticket: Ticket, user_id: int | None, now: Circumstances) -> Ticket:
    """Give a ticket to a user, with his own words of farewell."""
    words = replace(
        ticket.wants.words, farewell="" if user_id is None else now.farewells.get(user_id, "")
    )
    wants = replace(ticket.wants, words=words)
    return replace(ticket, user_id=user_id, updated_at=now.at, wants=wants)


def _asks_rating(ticket: Ticket, attendance: Attendance) -> bool:
    return ticket.wants.asks_rating and not ticket.is_group and attendance.rating_at is None
