"""What follows for messages of what tickets and contacts become. No clock, no database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from shared.contracts.contact import ContactMerged
from shared.contracts.message import MessagesMoved, MessagesSeen
from shared.contracts.outcome import Outcome, Told
from shared.contracts.ticket import TicketTransferred, TicketViewed

Ticket = tuple[int, int]  # companyId, ticketId


def left_behind(batch: Iterable[TicketTransferred]) -> set[Ticket]:
    """Name the tickets that were closed and go on as others."""
    return {
        (event.company_id, event.ticket_id)
        for event in batch
        if event.successor_ticket_id is not None
    }


def merged(batch: Iterable[ContactMerged]) -> set[tuple[int, int]]:
    """Name the contacts that others stand for now."""
    return {(event.company_id, event.merged_contact_id) for event in batch}


def moved(batch: Sequence[TicketTransferred], tickets: Iterable[tuple[Ticket, int]]) -> Outcome:
    """Tell each ticket that got messages, as caused by the last transfer to it.

    `tickets` pairs each ticket that was left with the one that its messages went to.
    """
    last = {(event.company_id, event.ticket_id): event for event in batch}
    return [
        Told(last[left], MessagesMoved(company_id=left[0], ticket_id=to, from_ticket_id=left[1]))
        for left, to in sorted(tickets)
    ]


def viewed(batch: Iterable[TicketViewed]) -> Mapping[Ticket, datetime]:
    """Say until when each ticket was seen."""
    until: dict[Ticket, datetime] = {}
    for event in batch:
        if event.seen_until is not None:
            key = (event.company_id, event.ticket_id)
            until[key] = max(event.seen_until, until.get(key, event.seen_until))
    return until


def seen(batch: Sequence[TicketViewed], tickets: Iterable[tuple[Ticket, int]]) -> Outcome:
    """Tell each ticket whose messages are read now, as caused by the last that was seen of it.

    `tickets` pairs each ticket that was viewed with the one that its messages are of.
    """
    last = {(event.company_id, event.ticket_id): event for event in batch}
    return [
        Told(last[viewed], MessagesSeen(company_id=viewed[0], ticket_id=now))
        for viewed, now in sorted(tickets)
    ]
