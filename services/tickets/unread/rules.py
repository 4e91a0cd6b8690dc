"""Rules for tickets with changed messages: which are counted again or discarded, or get a question.

The count itself is the statement `store.REFRESH`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from services.tickets.domain.events import TicketFact
from services.tickets.domain.keys import TicketKey
from services.tickets.domain.plan import Plan
from services.tickets.domain.ticket import (
    CLOSED,
    PENDING,
    Ticket,
    may_ask_contact,
    may_discard,
)
from services.tickets.domain.transitions import discard
from services.tickets.routing.rules import NONE
from shared.contracts.message import (
    ABSORBED,
    CONTENT,
    MessageRefused,
    MessagesMoved,
    MessagesSeen,
    MessageStored,
    MessageUpdated,
)
from shared.contracts.outcome import Emit, Outcome

VISIBLE = {"body", "read", CONTENT}  # changes that affect the ticket's last message or unread count

MessageChange = MessageStored | MessageRefused | MessageUpdated | MessagesMoved | MessagesSeen


@dataclass(frozen=True, slots=True)
class QuestionCandidate:
    """A ticket with new messages, and whether a menu, business hours or lane timers apply."""

    company_id: int
    ticket_id: int
    has_menu: bool
    has_hours: bool
    is_timed: bool

    @property
    def key(self) -> TicketKey:
        """Return the key of the ticket."""
        return TicketKey(self.company_id, self.ticket_id)


def list_discard_candidates(batch: Iterable[MessageChange]) -> set[TicketKey]:
    """Return the tickets that were opened or reopened for a message that has no row of its own."""
    return {
        TicketKey(event.company_id, ticket_id)
        for event in batch
        if (ticket_id := _get_opened_ticket_id(event))
    }


def _get_opened_ticket_id(event: MessageChange) -> int | None:
    """Return the ticket to discard if it stays empty; None if the event concerns none.

    It was opened or reopened for a message that then got no row of its own: a duplicate, or the
    content of a placeholder whose row is in another ticket.
    """
    if isinstance(event, MessageRefused) and event.ticket_effect != NONE:
        return event.ticket_id
    return event.opened_ticket_id if isinstance(event, MessageUpdated) else None


def list_contact_message_ids(batch: Iterable[MessageChange]) -> list[int]:
    """Return the ids of contacts' messages that were stored."""
    return [e.message_id for e in batch if isinstance(e, MessageStored) and not e.from_me]


def list_tickets_of_changed_messages(batch: Iterable[MessageChange]) -> set[TicketKey]:
    """Return the tickets whose messages have changed."""
    return {
        TicketKey(event.company_id, event.ticket_id)
        for event in batch
        if event.ticket_id
        and (
            isinstance(event, MessageStored | MessagesMoved | MessagesSeen)
            or (isinstance(event, MessageUpdated) and not VISIBLE.isdisjoint(event.changes))
            or (isinstance(event, MessageRefused) and event.reason == ABSORBED)
        )
    }


def list_discardable(plan: Plan, doubtful: Iterable[TicketKey]) -> list[TicketKey]:
    """Return the tickets that may be discarded if they have no messages."""
    return [key for key in doubtful if key in plan.tickets and may_discard(plan.tickets[key])]


def list_closed(plan: Plan, touched: Iterable[TicketKey]) -> list[TicketKey]:
    """Return the tickets that are closed and have messages."""
    return [k for k in touched if k in plan.tickets and plan.tickets[k].status == CLOSED]


def discard_empty(plan: Plan, empty: Iterable[TicketKey]) -> None:
    """Discard tickets whose attendance stayed empty."""
    for key in sorted(empty):
        plan.apply([discard(plan.tickets[key], plan.next_change_at(key))])


def list_tickets_to_ask(plan: Plan, follow_ups: Iterable[QuestionCandidate]) -> set[TicketKey]:
    """Return the tickets whose contact may have to be asked a question."""
    return {
        follow_up.key
        for follow_up in follow_ups
        if may_ask_contact(ticket := plan.before[follow_up.key])
        and _has_question(ticket, follow_up)
    }


def _has_question(ticket: Ticket, follow_up: QuestionCandidate) -> bool:
    is_unqueued = ticket.queue_id is None and follow_up.has_menu
    return ticket.status != PENDING or is_unqueued or follow_up.has_hours


def build_outcome(batch: Sequence[MessageChange], facts: Collection[TicketFact]) -> Outcome:
    """Return each ticket's facts, with the last event about the ticket as cause."""
    last: dict[int | None, MessageChange] = {_get_opened_ticket_id(e): e for e in batch}
    last |= {event.ticket_id: event for event in batch}
    return [Emit(last[fact.ticket_id], fact) for fact in facts]
