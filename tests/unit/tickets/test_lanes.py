"""When a ticket leaves a timed lane of the kanban board, and what an answer does to that."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.tickets.rules import lanes
from services.tickets.rules.lanes import Standing, Timer, Timers
from services.tickets.rules.waiting import NEXT_LANE
from shared.contracts.message_request import MessageCompose
from shared.contracts.ticket import TicketTagged
from tests.support.build import NOON, at
from tests.support.desk import TAGS, Desk, held, types

STAYS = timedelta(minutes=30)


def standing(**members: object) -> Standing:
    """Build a ticket in lane 21, timed, where we wrote ten minutes after it had come there."""
    given: dict[str, Any] = {
        "company_id": 1, "ticket_id": 1000, "lane_id": 21, "stays": STAYS, "rollback_id": None,
        "entered_at": NOON, "said_at": at(10), "by_us": True, "has_timer": False,
        "moves_at": None,
    }  # fmt: skip
    return Standing(**(given | members))


def timer(lane_id: int = 21, moves_at: datetime | None = None) -> Timer:
    return Timer(1, 1000, lane_id, moves_at)


def test_our_word_in_a_timed_lane_starts_its_timer() -> None:
    assert lanes.follow([standing()]).kept == [timer(moves_at=at(40))]


def test_another_word_of_ours_starts_it_anew() -> None:
    running = standing(said_at=at(20), has_timer=True, moves_at=at(40))
    assert lanes.follow([running]).kept == [timer(moves_at=at(50))]


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"stays": None}, id="the lane is not timed"),
        pytest.param({"said_at": at(-1)}, id="we wrote before it came there"),
        pytest.param({"has_timer": True, "moves_at": at(40)}, id="it runs already"),
        pytest.param({"has_timer": True, "moves_at": None}, id="it is blocked"),
        pytest.param({"by_us": False}, id="the customer wrote"),
        pytest.param({"by_us": False, "has_timer": True}, id="the customer wrote, it is blocked"),
    ],
)
def test_nothing_happens_to_a_timer_where(members: dict[str, Any]) -> None:
    assert lanes.follow([standing(**members)]) == Timers()


def test_a_gateways_whole_seconds_do_not_put_our_word_before_the_lane() -> None:
    said = standing(said_at=NOON - timedelta(seconds=1))
    assert lanes.follow([said]).kept == [timer(moves_at=NOON - timedelta(seconds=1) + STAYS)]


@pytest.mark.parametrize("rollback_id", [None, 21])
def test_an_answer_cancels_the_timer(rollback_id: int | None) -> None:
    answered = standing(by_us=False, has_timer=True, moves_at=at(40), rollback_id=rollback_id)
    assert lanes.follow([answered]) == Timers(cancelled=[(1, 1000)])


def test_a_timer_ends_at_our_next_word_where_the_lane_is_no_longer_timed() -> None:
    running = standing(stays=None, has_timer=True, moves_at=at(40))
    assert lanes.follow([running]) == Timers(cancelled=[(1, 1000)])


def test_an_answer_sends_the_ticket_back_and_blocks_the_timer_there() -> None:
    answered = standing(by_us=False, has_timer=True, moves_at=at(40), rollback_id=22)
    timers = lanes.follow([answered])
    assert timers == Timers(kept=[timer(22)], back={(1, 1000): 22})
    desk = Desk().hold(held(tags=frozenset({TAGS[1], TAGS[21]})))
    plan = desk.plan()
    lanes.go_back(plan, timers)
    assert plan.tickets[1, 1000].tags == {TAGS[1], TAGS[22]}
    assert [ticket.id for ticket in plan.retagged] == [1000]


def test_when_its_time_has_come_the_ticket_stands_in_the_next_lane_and_is_greeted() -> None:
    desk = Desk().hold(held(status="open", user_id=5, tags=frozenset({TAGS[1], TAGS[21]})))
    tagged, greeting = desk.pass_time(NEXT_LANE, lane_id=22, greeting="Ainda quer?")
    assert isinstance(tagged, TicketTagged)
    assert (tagged.tag_ids, tagged.lane_id, tagged.status) == ((1, 22), 22, "open")
    assert isinstance(greeting, MessageCompose)
    assert greeting.body == "Ainda quer?"


def test_a_lane_without_a_greeting_is_entered_in_silence() -> None:
    desk = Desk().hold(held(tags=frozenset({TAGS[21]})))
    assert types(desk.pass_time(NEXT_LANE, lane_id=22)) == ["ticket.tagged"]


def test_a_ticket_that_somebody_touched_meanwhile_stays_in_its_lane() -> None:
    desk = Desk().hold(held(tags=frozenset({TAGS[21]})))
    assert desk.pass_time(NEXT_LANE, lane_id=22, updated_at=at(-5)) == []
    assert desk.of().tags == {TAGS[21]}
