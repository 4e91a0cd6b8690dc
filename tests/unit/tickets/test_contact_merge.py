"""Tickets of merged contacts."""

from services.tickets.domain.keys import TicketKey
from shared.contracts.outcome import Outcome
from shared.contracts.ticket import TicketChanged, TicketTransferred
from tests.support.ticket_harness import TicketHarness, build_ticket

CANONICAL, MERGED = 100, 101


def merge(harness: TicketHarness) -> Outcome:
    return harness.merge(CANONICAL, MERGED)


def list_facts(outcome: Outcome) -> list[TicketChanged]:
    facts = [getattr(item, "fact", None) for item in outcome]
    return [fact for fact in facts if isinstance(fact, TicketChanged)]


def test_the_ticket_of_a_merged_contact_goes_to_the_canonical_one() -> None:
    harness = TicketHarness().add(build_ticket(1001, contact_id=MERGED, status="open", user_id=5))
    (fact,) = list_facts(merge(harness))
    assert (fact.type, fact.contact_id, fact.status, fact.user_id) == (
        "ticket.updated", CANONICAL, "open", 5,
    )  # fmt: skip
    assert harness.get(1001).contact_id == CANONICAL


def test_of_two_conversations_the_older_goes_on_whosever_it_is() -> None:
    for older, younger in ((CANONICAL, MERGED), (MERGED, CANONICAL)):
        harness = TicketHarness().add(
            build_ticket(1001, contact_id=older), build_ticket(1002, contact_id=younger)
        )
        first = list_facts(merge(harness))[0]
        assert isinstance(first, TicketTransferred)
        assert (first.ticket_id, first.status, first.successor_ticket_id) == (1002, "closed", 1001)
        assert (harness.get(1001).status, harness.get(1002).status) == ("pending", "closed")
        assert {harness.get(1001).contact_id, harness.get(1002).contact_id} == {CANONICAL}
        assert harness.finished[0][0] == TicketKey(1, 1002)


def test_conversations_on_different_lines_go_on_both() -> None:
    harness = TicketHarness().add(
        build_ticket(1001), build_ticket(1002, contact_id=MERGED, whatsapp_id=11)
    )
    merge(harness)
    assert (harness.get(1001).status, harness.get(1002).status) == ("pending", "pending")


def test_a_second_merge_finds_nothing_to_do() -> None:
    harness = TicketHarness().add(build_ticket(1001), build_ticket(1002, contact_id=MERGED))
    merge(harness)
    assert merge(harness) == []
