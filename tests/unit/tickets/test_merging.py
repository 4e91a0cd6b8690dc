"""What becomes of tickets when two contacts prove one person."""

from shared.contracts.outcome import Outcome
from shared.contracts.ticket import TicketChanged, TicketTransferred
from tests.support.desk import Desk, held

WINNER, LOSER = 100, 101


def merge(desk: Desk) -> Outcome:
    return desk.merge(WINNER, LOSER)


def told(outcome: Outcome) -> list[TicketChanged]:
    facts = [getattr(item, "fact", None) for item in outcome]
    return [fact for fact in facts if isinstance(fact, TicketChanged)]


def test_the_ticket_of_a_merged_contact_is_of_the_one_that_stands_for_it() -> None:
    desk = Desk().hold(held(1001, contact_id=LOSER, status="open", user_id=5))
    (fact,) = told(merge(desk))
    assert (fact.type, fact.contact_id, fact.status, fact.user_id) == (
        "ticket.updated", WINNER, "open", 5,
    )  # fmt: skip
    assert desk.of(1001).contact_id == WINNER


def test_of_two_conversations_the_older_goes_on_whosever_it_is() -> None:
    for older, younger in ((WINNER, LOSER), (LOSER, WINNER)):
        desk = Desk().hold(held(1001, contact_id=older), held(1002, contact_id=younger))
        first = told(merge(desk))[0]
        assert isinstance(first, TicketTransferred)
        assert (first.ticket_id, first.status, first.successor_ticket_id) == (1002, "closed", 1001)
        assert (desk.of(1001).status, desk.of(1002).status) == ("pending", "closed")
        assert {desk.of(1001).contact_id, desk.of(1002).contact_id} == {WINNER}
        assert desk.finished[0][0] == (1, 1002)


def test_conversations_on_different_lines_go_on_both() -> None:
    desk = Desk().hold(held(1001), held(1002, contact_id=LOSER, whatsapp_id=11))
    merge(desk)
    assert (desk.of(1001).status, desk.of(1002).status) == ("pending", "pending")


def test_a_second_merge_finds_nothing_to_do() -> None:
    desk = Desk().hold(held(1001), held(1002, contact_id=LOSER))
    merge(desk)
    assert merge(desk) == []
