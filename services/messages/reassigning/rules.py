"""Rules for messages of transferred or viewed tickets and merged contacts; pure functions."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from services.messages.domain.keys import ContactKey, TicketKey
from shared.contracts.contact import ContactMerged
from shared.contracts.message import MessagesMoved, MessagesSeen
from shared.contracts.outcome import Emit, Outcome
from shared.contracts.ticket import TicketChanged, TicketTransferred, TicketViewed


class ViewedTicket(NamedTuple):
    """A ticket whose messages a user has seen, up to and including this time."""

    company_id: int
    ticket_id: int
    until: datetime


class CurrentTicket(NamedTuple):
    """The key of a ticket in an event, and the id of the ticket that has its messages now."""

    named: TicketKey
    current_id: int


def get_ticket_key(event: TicketChanged) -> TicketKey:
    """Return the key of an event's ticket."""
    return TicketKey(event.company_id, event.ticket_id)


def list_transferred(batch: Iterable[TicketTransferred]) -> set[TicketKey]:
    """Return the tickets that were closed and have a successor."""
    return {get_ticket_key(event) for event in batch if event.successor_ticket_id is not None}


def list_merged(batch: Iterable[ContactMerged]) -> set[ContactKey]:
    """Return the contacts that were merged into others."""
    return {ContactKey(event.company_id, event.merged_contact_id) for event in batch}


def build_moved_facts(
    batch: Sequence[TicketTransferred], tickets: Iterable[CurrentTicket]
) -> Outcome:
    """Return one fact per ticket whose messages moved, caused by its last transfer in the batch."""
    last = {get_ticket_key(event): event for event in batch}
    return [
        Emit(
            last[named],
            MessagesMoved(
                company_id=named.company_id, ticket_id=current, from_ticket_id=named.ticket_id
            ),
        )
        for named, current in sorted(tickets)
    ]


def list_seen(batch: Iterable[TicketViewed]) -> list[ViewedTicket]:
    """Return each ticket with the latest time until which it was seen, in key order."""
    until: dict[TicketKey, datetime] = {}
    for event in batch:
        if event.seen_until is not None:
            key = get_ticket_key(event)
            until[key] = max(event.seen_until, until.get(key, event.seen_until))
    return [ViewedTicket(*key, until[key]) for key in sorted(until)]


def build_read_facts(batch: Sequence[TicketViewed], tickets: Iterable[CurrentTicket]) -> Outcome:
    """Return one fact per ticket with newly read messages, caused by its last view in the batch."""
    last = {get_ticket_key(event): event for event in batch}
    return [
        Emit(last[named], MessagesSeen(company_id=named.company_id, ticket_id=current))
        for named, current in sorted(tickets)
    ]
