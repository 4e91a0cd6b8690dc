"""What may be asked about a ticket, and when it is granted (schema.md 5). No clock, no database.

(lgpd) → pending → open → (nps) → closed; a closed ticket can be accepted again; group is beside.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from services.tickets.rules.steps import (
    INSTANT,
    Circumstances,
    close,
    end,
    of_user,
    put_into,
    queued,
    rate,
)
from services.tickets.rules.tagging import move, tag, untag
from services.tickets.rules.tickets import (
    CLOSED,
    GROUP,
    LGPD,
    NPS,
    OPEN,
    PENDING,
    Attendance,
    Log,
    Note,
    Refusal,
    Said,
    Step,
    Ticket,
    said,
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

SHORTEST_NOTE = 3  # characters (schema.md 2, TicketNotes)

Decision = list[Step] | Refusal

EVERY = frozenset({OPEN, PENDING, CLOSED, GROUP, NPS, LGPD})
ALLOWED: Mapping[type[TicketRequest], Collection[str]] = {
    TicketAccept: {PENDING, OPEN, NPS, CLOSED},
    TicketReturn: {OPEN},
    TicketQueue: {PENDING, OPEN},
    TicketTransfer: {PENDING, OPEN},
    TicketClose: EVERY - {CLOSED},
    TicketView: {OPEN, GROUP},
    TicketRate: {NPS},
    TicketNote: EVERY,
    TicketTag: EVERY,
    TicketUntag: EVERY,
    TicketMove: EVERY,
}
WHY_NOT = {
    OPEN: "ticket is not being rated",
    PENDING: "ticket is not accepted",
    CLOSED: "ticket is closed",
    GROUP: "ticket is a group's: it has no user and no queue",
    NPS: "ticket is being rated",
    LGPD: "the contact has not consented yet",
}


def decide(ticket: Ticket, request: TicketRequest, now: Circumstances) -> Decision:
    """Grant a request, in one step or two, or refuse it; its users and queues do exist."""
    if ticket.status not in ALLOWED[type(request)]:
        rates = isinstance(request, TicketRate) and ticket.status != CLOSED
        other = now.other_ticket_id or now.successor_id
        return Refusal(WHY_NOT[OPEN] if rates else WHY_NOT[ticket.status], other)
    return _RULES[type(request)](ticket, request, now)


def _accept(ticket: Ticket, request: TicketAccept, now: Circumstances) -> Decision:
    if ticket.status == CLOSED and now.other_ticket_id is not None:
        return Refusal("the contact has another ticket", now.other_ticket_id)
    if ticket.status == CLOSED and now.successor_id is not None:
        return Refusal("ticket goes on as another one", now.successor_id)
    if ticket.status == OPEN and ticket.user_id not in {None, request.user_id}:
        return Refusal("ticket already accepted")
    queue_id = ticket.queue_id if request.queue_id is None else request.queue_id
    is_his = ticket.status == OPEN and ticket.user_id == request.user_id
    if is_his and ticket.queue_id == queue_id:
        return [Step(ticket, TicketAccepted)]
    attendance = replace(
        queued(ticket, queue_id, now.at),
        user_id=request.user_id,
        started_at=ticket.attended.started_at if is_his else now.at,
        closed_at=None,
        rating_at=None,
        rated=False,
    )
    accepted = replace(
        of_user(ticket, request.user_id, now),
        status=OPEN,
        queue_id=queue_id,
        closed_at=None,
        rating_questions=0,
        attendance=attendance,
    )
    log = "queue" if is_his else "open" if ticket.status == PENDING else "reopen"
    words = () if is_his else said("accepted", ticket.wants.words.accepted)
    return [Step(accepted, TicketAccepted, (Log(log, request.user_id, queue_id),), says=words)]


def _return(ticket: Ticket, request: TicketReturn, now: Circumstances) -> Decision:
    returned = replace(
        of_user(ticket, None, now),
        status=PENDING,
        attendance=replace(ticket.attended, user_id=None, started_at=None),
    )
    logs = (Log(PENDING, request.actor_id or ticket.user_id, ticket.queue_id),)
    return [Step(returned, TicketReturned, logs)]


def _queue(ticket: Ticket, request: TicketQueue, now: Circumstances) -> Decision:
    steps = [put_into(ticket, request.queue_id, now.at, Log("queue", request.actor_id))]
    if request.queue_id in now.closing_queues:
        steps.append(end(steps[0].ticket, now.at + INSTANT, actor_id=request.actor_id))
    return steps


def _transfer(ticket: Ticket, request: TicketTransfer, now: Circumstances) -> Decision:
    if request.queue_id is None and request.user_id is None:
        return Refusal("neither a user nor a queue is named")
    queue_id = ticket.queue_id if request.queue_id is None else request.queue_id
    closes_at_once = queue_id != ticket.queue_id and queue_id in now.closing_queues
    if queue_id != ticket.queue_id and ticket.wants.closes_on_transfer and not closes_at_once:
        return [_hand_over(ticket, request, now)]
    attendance = replace(
        queued(ticket, queue_id, now.at),
        user_id=request.user_id,
        started_at=None if request.user_id is None else ticket.attended.started_at or now.at,
    )
    transferred = replace(
        of_user(ticket, request.user_id, now),
        status=PENDING if request.user_id is None else OPEN,
        queue_id=queue_id,
        attendance=attendance,
    )
    logs = (
        Log("transfered", ticket.user_id, ticket.queue_id),
        Log("receivedTransfer", request.user_id, queue_id),
    )
    words = _words_of_transfer(ticket, request)
    steps = [Step(transferred, TicketTransferred, logs, says=words)]
    if closes_at_once:
        steps.append(end(transferred, now.at + INSTANT, actor_id=request.actor_id))
    return steps


def _hand_over(ticket: Ticket, request: TicketTransfer, now: Circumstances) -> Step:
    """Close the ticket and go on with a new one, which its messages will be moved to."""
    step = end(ticket, now.at, actor_id=request.actor_id)
    has_user = request.user_id is not None
    successor = replace(
        of_user(ticket, request.user_id, now),
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
        step,
        ticket=replace(step.ticket, unread_messages=0),
        fact=TicketTransferred,
        logs=(Log("transfered", ticket.user_id, ticket.queue_id), *step.logs),
        successor=successor,
        says=_words_of_transfer(ticket, request),
    )


def _words_of_transfer(ticket: Ticket, request: TicketTransfer) -> tuple[Said, ...]:
    note = Said("transfer-note", request.note or "", is_private=True)
    told = said("transfer", ticket.wants.words.transfer)
    return (*told, note) if note.body.strip() else told


def _close(ticket: Ticket, request: TicketClose, now: Circumstances) -> Decision:
    return [close(ticket, now.at, actor_id=request.actor_id, silent=request.silent)]


def _view(ticket: Ticket, request: TicketView, now: Circumstances) -> Decision:
    if not ticket.is_connected:
        return Refusal("the line is not connected")
    logs = (Log("access", request.actor_id, ticket.queue_id),)
    if not ticket.unread_messages:
        return [Step(ticket, TicketViewed, logs)]
    read = replace(ticket, unread_messages=0, updated_at=now.at)
    return [Step(read, TicketViewed, logs, seen_until=ticket.last_message_at)]


def _rate(ticket: Ticket, request: TicketRate, now: Circumstances) -> Decision:
    return [rate(ticket, request.rate, now.at)]


def _note(ticket: Ticket, request: TicketNote, _: Circumstances) -> Decision:
    note = request.note.strip()
    if len(note) < SHORTEST_NOTE:
        return Refusal(f"a note has at least {SHORTEST_NOTE} characters")
    return [Step(ticket, TicketNoted, note=Note(request.actor_id, note))]


_RULES: Mapping[type[TicketRequest], Callable[[Ticket, Any, Circumstances], Decision]] = {
    TicketAccept: _accept,
    TicketReturn: _return,
    TicketQueue: _queue,
    TicketTransfer: _transfer,
    TicketClose: _close,
    TicketView: _view,
    TicketRate: _rate,
    TicketNote: _note,
    TicketTag: tag,
    TicketUntag: untag,
    TicketMove: move,
}
REQUESTS = tuple(_RULES)
