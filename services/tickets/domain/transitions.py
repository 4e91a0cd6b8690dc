"""Transitions of a ticket, one change each; docs/life-cycle.md lists the rules."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.tickets.domain.ticket import (
    CLOSED,
    GROUP,
    LGPD,
    NPS,
    OPEN,
    PENDING,
    Attendance,
    AutoReply,
    Log,
    Tag,
    Ticket,
    Transition,
    build_auto_reply,
)
from shared.contracts.ticket import (
    TicketClosed,
    TicketDiscarded,
    TicketQueued,
    TicketRated,
    TicketReopened,
    TicketUpdated,
)


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """The time of a decision, and facts from other rows that it depends on.

    `other_ticket_id` is another ticket of the conversation that is not closed, `successor_id`
    the ticket that continues this one. `closing_queues` are the queues of the request that
    have `closeTicket`, `tags` its tags; `farewells` maps users to their texts.
    """

    at: datetime
    other_ticket_id: int | None = None
    successor_id: int | None = None
    closing_queues: Collection[int] = ()
    farewells: Mapping[int, str] = field(default_factory=dict)
    tags: Collection[Tag] = ()


def close(ticket: Ticket, at: datetime, *, actor_id: int | None, silent: bool) -> Transition:
    """Close a ticket, or first ask the contact for a rating, at most once per attendance."""
    if not silent and _may_ask_rating(ticket):
        asking = replace(
            ticket,
            status=NPS,
            updated_at=at,
            rating_questions=1,
            attendance=replace(ticket.open_attendance, closed_at=at),
        )
        logs = (Log("nps", actor_id or ticket.user_id, ticket.queue_id),)
        question = build_auto_reply("rating", ticket.policy.templates.rating)
        return Transition(asking, TicketUpdated, logs, auto_replies=question)
    replies = () if silent or ticket.status in {GROUP, LGPD} else build_farewell(ticket)
    return replace(end(ticket, at, actor_id=actor_id), auto_replies=replies)


def end(
    ticket: Ticket, at: datetime, *, actor_id: int | None = None, log: str = "closed"
) -> Transition:
    """Close a ticket and finish its attendance, without an auto-reply."""
    user_id = ticket.user_id or actor_id
    attendance = ticket.open_attendance
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
    return Transition(closed, TicketClosed, logs, finished if ticket.attendance else None)


def discard(ticket: Ticket, at: datetime) -> Transition:
    """Close a ticket that was created for a duplicate message and has no messages."""
    closed = replace(ticket, status=CLOSED, updated_at=at, closed_at=at)
    return Transition(closed, TicketDiscarded, (Log("delete"),))


def reopen(ticket: Ticket, status: str, at: datetime) -> Transition:
    """Reopen a closed ticket after a message of its contact."""
    reopened = replace(ticket, status=status, updated_at=at, closed_at=None)
    return Transition(reopened, TicketReopened, (Log("create"),))


def rate(ticket: Ticket, mark: int, at: datetime) -> Transition:
    """Save the contact's rating for the user of the attendance, and close the ticket."""
    attendance = replace(ticket.open_attendance, rated=True, rating_at=at)
    transition = end(replace(ticket, attendance=attendance), at)
    replies = build_auto_reply("completion", ticket.policy.templates.completion)
    return replace(transition, fact=TicketRated, rate=mark, auto_replies=replies)


def build_farewell(ticket: Ticket) -> tuple[AutoReply, ...]:
    """Return the user's farewell, else the line's; none for pending tickets unless configured."""
    templates = ticket.policy.templates
    if ticket.status == PENDING and not ticket.policy.sends_farewell_to_waiting:
        return ()
    return build_auto_reply("farewell", templates.farewell.strip() or templates.completion)


def put_into_queue(ticket: Ticket, queue_id: int, at: datetime, log: Log) -> Transition:
    """Put a ticket into a queue; if it is in that queue already, nothing changes."""
    if ticket.queue_id == queue_id:
        return Transition(ticket, TicketQueued)
    attendance = change_queue(ticket, queue_id, at)
    waiting = replace(ticket, queue_id=queue_id, updated_at=at, attendance=attendance)
    return Transition(waiting, TicketQueued, (replace(log, queue_id=queue_id),))


def change_queue(ticket: Ticket, queue_id: int | None, at: datetime) -> Attendance:
    """Return the open attendance; if the queue changes, with a new `queuedAt`."""
    if queue_id == ticket.queue_id:
        return ticket.open_attendance
    return replace(ticket.open_attendance, queue_id=queue_id, queued_at=at)


def assign_user(ticket: Ticket, user_id: int | None, now: DecisionContext) -> Ticket:
    """Return the ticket with another user and with that user's farewell text."""
    farewell = "" if user_id is None else now.farewells.get(user_id, "")
    templates = replace(ticket.policy.templates, farewell=farewell)
    policy = replace(ticket.policy, templates=templates)
    return replace(ticket, user_id=user_id, updated_at=now.at, policy=policy)


def _may_ask_rating(ticket: Ticket) -> bool:
    if ticket.status not in {OPEN, PENDING} or ticket.is_group:
        return False
    return ticket.policy.asks_rating and ticket.open_attendance.rating_at is None
