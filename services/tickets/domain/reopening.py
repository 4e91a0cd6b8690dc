"""Rules that decide when a closed ticket is reopened by a message, and reopen it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.tickets.domain.keys import TicketKey
from services.tickets.domain.plan import Plan
from services.tickets.domain.ticket import Ticket, choose_waiting_status
from services.tickets.domain.transitions import reopen
from shared.contracts.base import Event


@dataclass(frozen=True, slots=True)
class ClosedTicket:
    """A closed ticket that has messages, and the facts that decide whether it is reopened.

    `has_new_message`: it has a message that the contact wrote after it was closed.
    """

    company_id: int
    ticket_id: int
    group_as_ticket: bool
    was_discarded: bool
    has_new_message: bool
    has_successor: bool
    other_ticket_id: int | None

    @property
    def key(self) -> TicketKey:
        """Return the key of the ticket."""
        return TicketKey(self.company_id, self.ticket_id)


def is_within_window(closed: Ticket, reopen_minutes: int, at: datetime) -> bool:
    """Return whether a message at this time reopens a closed ticket; with 0 minutes never.

    The window is the line's `timeCreateNewTicket`.
    """
    if reopen_minutes <= 0:
        return False
    return at - closed.updated_at <= timedelta(minutes=reopen_minutes)


def reopen_ticket(
    plan: Plan, ticket: Ticket, *, group_as_ticket: bool, cause: Event | None = None
) -> None:
    """Reopen a closed ticket in the plan, with status `pending` or `group`."""
    status = choose_waiting_status(is_group=ticket.is_group, group_as_ticket=group_as_ticket)
    plan.apply([reopen(ticket, status, plan.next_change_at(ticket.key))], cause)


def reopen_closed(plan: Plan, closed: Iterable[ClosedTicket]) -> None:
    """Reopen closed tickets with new messages, unless a newer ticket is not closed."""
    for candidate in closed:
        ticket = plan.tickets[candidate.key]
        if _may_reopen(candidate) and not _has_other(plan, ticket, candidate):
            reopen_ticket(plan, ticket, group_as_ticket=candidate.group_as_ticket)


def _may_reopen(candidate: ClosedTicket) -> bool:
    has_reason = candidate.was_discarded or candidate.has_new_message
    return has_reason and not candidate.has_successor


def _has_other(plan: Plan, ticket: Ticket, candidate: ClosedTicket) -> bool:
    """Return whether, after the planned changes, another ticket is not closed."""
    if ticket.conversation in plan.live or candidate.other_ticket_id is None:
        return ticket.conversation in plan.live
    return TicketKey(candidate.company_id, candidate.other_ticket_id) not in plan.tickets
