"""Messages of viewed tickets become read."""

from services.messages.domain.keys import TicketKey
from services.messages.reassigning import rules
from services.messages.reassigning.rules import CurrentTicket, ViewedTicket
from shared.contracts.message import MessagesSeen
from shared.contracts.outcome import Emit
from shared.contracts.ticket import TicketViewed
from tests.support.build import at


def viewed(ticket_id: int, minutes: float | None) -> TicketViewed:
    return TicketViewed(
        company_id=1,
        ticket_id=ticket_id,
        version=1,
        status="open",
        contact_id=100,
        whatsapp_id=10,
        seen_until=None if minutes is None else at(minutes),
    )


def test_a_ticket_is_read_until_its_latest_view() -> None:
    batch = [viewed(1000, 2), viewed(1000, 1), viewed(1001, 3)]
    assert rules.list_seen(batch) == [ViewedTicket(1, 1000, at(2)), ViewedTicket(1, 1001, at(3))]


def test_a_view_without_a_time_marks_nothing() -> None:
    assert rules.list_seen([viewed(1000, None)]) == []


def test_the_fact_names_the_ticket_that_has_the_messages_now() -> None:
    batch = [viewed(1000, 1), viewed(1000, 2)]
    assert rules.build_read_facts(batch, [CurrentTicket(TicketKey(1, 1000), 1007)]) == [
        Emit(batch[1], MessagesSeen(company_id=1, ticket_id=1007))
    ]
