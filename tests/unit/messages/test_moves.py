"""What becomes of messages when their tickets are viewed."""

from services.messages.rules import moves
from shared.contracts.message import MessagesSeen
from shared.contracts.outcome import Told
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


def test_a_ticket_is_read_until_the_last_that_was_seen_of_it() -> None:
    batch = [viewed(1000, 2), viewed(1000, 1), viewed(1001, 3)]
    assert moves.viewed(batch) == {(1, 1000): at(2), (1, 1001): at(3)}


def test_a_view_of_what_was_read_marks_nothing() -> None:
    assert moves.viewed([viewed(1000, None)]) == {}


def test_what_was_seen_is_told_of_the_ticket_that_has_the_messages_now() -> None:
    batch = [viewed(1000, 1), viewed(1000, 2)]
    assert moves.seen(batch, [((1, 1000), 1007)]) == [
        Told(batch[1], MessagesSeen(company_id=1, ticket_id=1007))
    ]
