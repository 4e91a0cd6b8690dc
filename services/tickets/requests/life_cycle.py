"""Rules for requests about tickets: what each status allows (docs/life-cycle.md).

(lgpd) → pending → open → (nps) → closed; a closed ticket can be accepted again; a group's ticket
has a status of its own.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from services.tickets.domain.tags import add_tags, move_to_lane, remove_tags
from services.tickets.domain.ticket import (
    CLOSED,
    GROUP,
    INSTANT,
    LGPD,
    NPS,
    OPEN,
    PENDING,
    Attendance,
    AutoReply,
    Decision,
    Log,
    Note,
    Refusal,
    Ticket,
    Transition,
    build_auto_reply,
)
from services.tickets.domain.transitions import (
    DecisionContext,
    assign_user,
    change_queue,
    close,
    end,
    put_into_queue,
    rate,
)
from shared.contracts.ticket import (
    TicketAccepted,
    TicketNoted,
    TicketReturned,
    TicketTransferred,
    TicketViewed,
)
from shared.contracts.ticket_request import (
    TicketAccept,
    TicketClose,
    TicketMove,
    TicketNote,
    TicketQueue,
    TicketRate,
    TicketRequest,
    TicketReturn,
    TicketTag,
    TicketTransfer,
    TicketUntag,
    TicketView,
)

MIN_NOTE = 3  # characters

ALL_STATUSES = frozenset({OPEN, PENDING, CLOSED, GROUP, NPS, LGPD})
ALLOWED: Mapping[type[TicketRequest], Collection[str]] = {
    TicketAccept: {PENDING, OPEN, NPS, CLOSED},
    TicketReturn: {OPEN},
    TicketQueue: {PENDING, OPEN},
    TicketTransfer: {PENDING, OPEN},
    TicketClose: ALL_STATUSES - {CLOSED},
    TicketView: {OPEN, GROUP},
    TicketRate: {NPS},
    TicketNote: ALL_STATUSES,
    TicketTag: ALL_STATUSES,
    TicketUntag: ALL_STATUSES,
    TicketMove: ALL_STATUSES,
}
REASONS = {
    OPEN: "ticket is not being rated",
    PENDING: "ticket is not accepted",
    CLOSED: "ticket is closed",
    GROUP: "ticket is a group's: it has no user and no queue",
    NPS: "ticket is being rated",
    LGPD: "the contact has not consented yet",
}


def decide(ticket: Ticket, request: TicketRequest, now: DecisionContext) -> Decision:
    """Return the transitions of a request, or its refusal; its users and queues must exist."""
    if ticket.status not in ALLOWED[type(request)]:
        is_rating = isinstance(request, TicketRate) and ticket.status != CLOSED
        other = now.other_ticket_id or now.successor_id
        return Refusal(REASONS[OPEN if is_rating else ticket.status], other)
    return _RULES[type(request)](ticket, request, now)


def _accept(ticket: Ticket, request: TicketAccept, now: DecisionContext) -> Decision:
    if ticket.status == CLOSED and now.other_ticket_id is not None:
        return Refusal("the contact has another ticket", now.other_ticket_id)
    if ticket.status == CLOSED and now.successor_id is not None:
        return Refusal("ticket goes on as another one", now.successor_id)
    if ticket.status == OPEN and ticket.user_id not in {None, request.user_id}:
        return Refusal("ticket already accepted")
    queue_id = ticket.queue_id if request.queue_id is None else request.queue_id
    is_own = ticket.status == OPEN and ticket.user_id == request.user_id
    if is_own and ticket.queue_id == queue_id:
        return [Transition(ticket, TicketAccepted)]
    attendance = replace(
        change_queue(ticket, queue_id, now.at),
        user_id=request.user_id,
        started_at=ticket.open_attendance.started_at if is_own else now.at,
        closed_at=None,
        rating_at=None,
        rated=False,
    )
    accepted = replace(
        assign_user(ticket, request.user_id, now),
        status=OPEN,
        queue_id=queue_id,
        closed_at=None,
        rating_questions=0,
        attendance=attendance,
    )
    log = "queue" if is_own else "open" if ticket.status == PENDING else "reopen"
    replies = () if is_own else build_auto_reply("accepted", ticket.policy.templates.accepted)
    logs = (Log(log, request.user_id, queue_id),)
    return [Transition(accepted, TicketAccepted, logs, auto_replies=replies)]


def _return(ticket: Ticket, request: TicketReturn, now: DecisionContext) -> Decision:
    returned = replace(
        assign_user(ticket, None, now),
        status=PENDING,
        attendance=replace(ticket.open_attendance, user_id=None, started_at=None),
    )
    logs = (Log(PENDING, request.actor_id or ticket.user_id, ticket.queue_id),)
    return [Transition(returned, TicketReturned, logs)]


def _queue(ticket: Ticket, request: TicketQueue, now: DecisionContext) -> Decision:
    queued = put_into_queue(ticket, request.queue_id, now.at, Log("queue", request.actor_id))
    if request.queue_id in now.closing_queues:
        return [queued, end(queued.ticket, now.at + INSTANT, actor_id=request.actor_id)]
    return [queued]


def _transfer(ticket: Ticket, request: TicketTransfer, now: DecisionContext) -> Decision:
    if request.queue_id is None and request.user_id is None:
        return Refusal("neither a user nor a queue is named")
    queue_id = ticket.queue_id if request.queue_id is None else request.queue_id
    closes_at_once = queue_id != ticket.queue_id and queue_id in now.closing_queues
    if queue_id != ticket.queue_id and ticket.policy.closes_on_transfer and not closes_at_once:
        return [_build_handover(ticket, request, now)]
    attendance = replace(
        change_queue(ticket, queue_id, now.at),
        user_id=request.user_id,
        started_at=None if request.user_id is None else ticket.open_attendance.started_at or now.at,
    )
    transferred = replace(
        assign_user(ticket, request.user_id, now),
        status=PENDING if request.user_id is None else OPEN,
        queue_id=queue_id,
        attendance=attendance,
    )
    logs = (
        Log("transfered", ticket.user_id, ticket.queue_id),
        Log("receivedTransfer", request.user_id, queue_id),
    )
    replies = _build_transfer_replies(ticket, request)
    transition = Transition(transferred, TicketTransferred, logs, auto_replies=replies)
    if closes_at_once:
        return [transition, end(transferred, now.at + INSTANT, actor_id=request.actor_id)]
    return [transition]


def _build_handover(ticket: Ticket, request: TicketTransfer, now: DecisionContext) -> Transition:
    """Close the ticket and continue it as a new one, which gets its messages."""
    closed = end(ticket, now.at, actor_id=request.actor_id)
    has_user = request.user_id is not None
    successor = replace(
        assign_user(ticket, request.user_id, now),
        id=0,
        status=OPEN if has_user else PENDING,
        queue_id=request.queue_id,
        tags=frozenset(),
        attendance=Attendance(
            user_id=request.user_id,
            queue_id=request.queue_id,
            queued_at=now.at,
            started_at=now.at if has_user else None,
        ),
    )
    return replace(
        closed,
        ticket=replace(closed.ticket, unread_messages=0),
        fact=TicketTransferred,
        logs=(Log("transfered", ticket.user_id, ticket.queue_id), *closed.logs),
        successor=successor,
        auto_replies=_build_transfer_replies(ticket, request),
    )


def _build_transfer_replies(ticket: Ticket, request: TicketTransfer) -> tuple[AutoReply, ...]:
    note = AutoReply("transfer-note", request.note or "", is_private=True)
    replies = build_auto_reply("transfer", ticket.policy.templates.transfer)
    return (*replies, note) if note.body.strip() else replies


def _close(ticket: Ticket, request: TicketClose, now: DecisionContext) -> Decision:
    return [close(ticket, now.at, actor_id=request.actor_id, silent=request.silent)]


def _view(ticket: Ticket, request: TicketView, now: DecisionContext) -> Decision:
    if not ticket.is_connected:
        return Refusal("the line is not connected")
    logs = (Log("access", request.actor_id, ticket.queue_id),)
    if not ticket.unread_messages:
        return [Transition(ticket, TicketViewed, logs)]
    read = replace(ticket, unread_messages=0, updated_at=now.at)
    return [Transition(read, TicketViewed, logs, seen_until=ticket.last_message_at)]


def _rate(ticket: Ticket, request: TicketRate, now: DecisionContext) -> Decision:
    return [rate(ticket, request.rate, now.at)]


def _note(ticket: Ticket, request: TicketNote, _: DecisionContext) -> Decision:
    note = request.note.strip()
    if len(note) < MIN_NOTE:
        return Refusal(f"a note has at least {MIN_NOTE} characters")
    return [Transition(ticket, TicketNoted, note=Note(request.actor_id, note))]


# Any: each rule takes the request of its own type.
_RULES: Mapping[type[TicketRequest], Callable[[Ticket, Any, DecisionContext], Decision]] = {
    TicketAccept: _accept,
    TicketReturn: _return,
    TicketQueue: _queue,
    TicketTransfer: _transfer,
    TicketClose: _close,
    TicketView: _view,
    TicketRate: _rate,
    TicketNote: _note,
    TicketTag: add_tags,
    TicketUntag: remove_tags,
    TicketMove: move_to_lane,
}
REQUESTS = tuple(_RULES)
