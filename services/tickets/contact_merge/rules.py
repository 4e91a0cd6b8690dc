"""Rules for the tickets of merged contacts.

If both contacts have a ticket on a line that is not closed, the older ticket continues; the newer
one is closed, with the older one as its successor.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from services.tickets.domain.keys import ContactKey, ConversationKey
from services.tickets.domain.plan import Plan
from services.tickets.domain.ticket import CLOSED, Ticket, Transition
from services.tickets.domain.transitions import end
from shared.contracts.contact import ContactMerged
from shared.contracts.ticket import TicketTransferred, TicketUpdated


def list_merged(batch: Iterable[ContactMerged]) -> set[ContactKey]:
    """Return the contacts that were merged into others."""
    return {ContactKey(event.company_id, event.merged_contact_id) for event in batch}


def list_canonical(canonical: Mapping[ContactKey, int]) -> set[ContactKey]:
    """Return the keys of the canonical contacts."""
    return {ContactKey(key.company_id, contact_id) for key, contact_id in canonical.items()}


def merge_conversations(
    plan: Plan, canonical: Mapping[ContactKey, int], batch: Iterable[ContactMerged]
) -> None:
    """Move tickets of merged contacts; `canonical` maps a merged to its canonical contact."""
    causes = {
        ContactKey(event.company_id, canonical[key]): event
        for event in batch
        if (key := ContactKey(event.company_id, event.merged_contact_id)) in canonical
    }
    for conversation, tickets in sorted(_group_live_tickets(plan, canonical).items()):
        contact_id = conversation.contact_id
        cause = causes[ContactKey(conversation.company_id, contact_id)]
        oldest, *younger = sorted(tickets, key=lambda ticket: ticket.id)
        for ticket in younger:
            plan.apply([_close(plan, ticket, contact_id, oldest.id)], cause)
        if oldest.contact_id != contact_id:
            at = plan.next_change_at(oldest.key)
            continued = replace(oldest, contact_id=contact_id, updated_at=at)
            plan.apply([Transition(continued, TicketUpdated)], cause)


def _group_live_tickets(
    plan: Plan, canonical: Mapping[ContactKey, int]
) -> dict[ConversationKey, list[Ticket]]:
    """Group the tickets that are not closed by their conversation after the merge."""
    remaining = list_canonical(canonical)
    groups: dict[ConversationKey, list[Ticket]] = defaultdict(list)
    for ticket in plan.tickets.values():
        contact = ContactKey(ticket.company_id, ticket.contact_id)
        if ticket.status != CLOSED and (contact in canonical or contact in remaining):
            contact_id = canonical.get(contact, ticket.contact_id)
            key = ConversationKey(ticket.company_id, ticket.whatsapp_id, contact_id)
            groups[key].append(ticket)
    return groups


def _close(plan: Plan, ticket: Ticket, contact_id: int, oldest_id: int) -> Transition:
    closed = end(ticket, plan.next_change_at(ticket.key))
    return replace(
        closed,
        ticket=replace(closed.ticket, contact_id=contact_id, unread_messages=0),
        fact=TicketTransferred,
        successor_id=oldest_id,
    )
