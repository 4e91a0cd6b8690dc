"""What follows for tickets when two contacts prove one person. No clock, no database.

Of two conversations on one line the older goes on, and the younger is closed and goes on as it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from services.tickets.rules.plan import Plan
from services.tickets.rules.routing import ConversationKey
from services.tickets.rules.steps import end
from services.tickets.rules.tickets import CLOSED, Step, Ticket
from shared.contracts.contact import ContactMerged
from shared.contracts.ticket import TicketTransferred, TicketUpdated

ContactKey = tuple[int, int]  # companyId, contact's id


def merged(batch: Iterable[ContactMerged]) -> set[ContactKey]:
    """Name the contacts that others stand for now."""
    return {(event.company_id, event.merged_contact_id) for event in batch}


def merge(plan: Plan, winners: Mapping[ContactKey, int], batch: Iterable[ContactMerged]) -> None:
    """Let the tickets of merged contacts be of those that stand for them."""
    causes = {
        (event.company_id, winners[key]): event
        for event in batch
        if (key := (event.company_id, event.merged_contact_id)) in winners
    }
    for (company_id, _, contact_id), tickets in sorted(_conversations(plan, winners).items()):
        cause = causes[company_id, contact_id]
        oldest, *younger = sorted(tickets, key=lambda ticket: ticket.id)
        for ticket in younger:
            plan.take(cause, None, [_closed(plan, ticket, contact_id, oldest.id)])
        if oldest.contact_id != contact_id:
            at = plan.at((company_id, oldest.id))
            going_on = replace(oldest, contact_id=contact_id, updated_at=at)
            plan.take(cause, None, [Step(going_on, TicketUpdated)])


def _conversations(
    plan: Plan, winners: Mapping[ContactKey, int]
) -> dict[ConversationKey, list[Ticket]]:
    """Group tickets that are not closed by the conversations that they are of from now on."""
    standing = {(company_id, winner) for (company_id, _), winner in winners.items()}
    found: dict[ConversationKey, list[Ticket]] = defaultdict(list)
    for ticket in plan.tickets.values():
        own = (ticket.company_id, ticket.contact_id)
        if ticket.status != CLOSED and (own in winners or own in standing):
            contact_id = winners.get(own, ticket.contact_id)
            found[ticket.company_id, ticket.whatsapp_id, contact_id].append(ticket)
    return found


def _closed(plan: Plan, ticket: Ticket, contact_id: int, oldest_id: int) -> Step:
    step = end(ticket, plan.at((ticket.company_id, ticket.id)))
    return replace(
        step,
        ticket=replace(step.ticket, contact_id=contact_id, unread_messages=0),
        fact=TicketTransferred,
        goes_on_as=oldest_id,
    )
