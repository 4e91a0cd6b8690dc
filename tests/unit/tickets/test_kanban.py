"""Timers of kanban lanes: when a ticket moves on, and what an answer changes."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.tickets.domain.keys import TicketKey
from services.tickets.kanban.rules import (
    LaneChanges,
    LaneTimer,
    TicketInLane,
    plan_lane_timers,
    roll_back,
)
from services.tickets.timers.rules import NEXT_LANE
from shared.contracts.message_request import MessageCompose
from shared.contracts.ticket import TicketTagged
from tests.support.build import NOON, at
from tests.support.ticket_harness import TAGS, TicketHarness, build_ticket, list_types

DURATION = timedelta(minutes=30)


def build_stay(**members: object) -> TicketInLane:
    """Build a ticket in lane 21, timed, where we wrote ten minutes after it had come there."""
    given: dict[str, Any] = {
        "company_id": 1, "ticket_id": 1000, "lane_id": 21, "duration": DURATION,
        "rollback_id": None, "entered_at": NOON, "last_message_at": at(10),
        "is_last_from_us": True, "has_timer": False, "moves_at": None,
    }  # fmt: skip
    return TicketInLane(**(given | members))


def build_timer(lane_id: int = 21, moves_at: datetime | None = None) -> LaneTimer:
    return LaneTimer(1, 1000, lane_id, moves_at)


def test_a_message_of_ours_in_a_timed_lane_starts_its_timer() -> None:
    assert plan_lane_timers([build_stay()]).saved == [build_timer(moves_at=at(40))]


def test_another_message_of_ours_restarts_it() -> None:
    running = build_stay(last_message_at=at(20), has_timer=True, moves_at=at(40))
    assert plan_lane_timers([running]).saved == [build_timer(moves_at=at(50))]


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"duration": None}, id="the lane is not timed"),
        pytest.param({"last_message_at": at(-1)}, id="we wrote before it came there"),
        pytest.param({"has_timer": True, "moves_at": at(40)}, id="it runs already"),
        pytest.param({"has_timer": True, "moves_at": None}, id="it is blocked"),
        pytest.param({"is_last_from_us": False}, id="the customer wrote"),
        pytest.param(
            {"is_last_from_us": False, "has_timer": True}, id="the customer wrote, it is blocked"
        ),
    ],
)
def test_nothing_happens_to_a_timer_where(members: dict[str, Any]) -> None:
    assert plan_lane_timers([build_stay(**members)]) == LaneChanges()


def test_a_gateways_whole_seconds_do_not_put_our_message_before_the_stay() -> None:
    stay = build_stay(last_message_at=NOON - timedelta(seconds=1))
    assert plan_lane_timers([stay]).saved == [
        build_timer(moves_at=NOON - timedelta(seconds=1) + DURATION)
    ]


@pytest.mark.parametrize("rollback_id", [None, 21])
def test_an_answer_cancels_the_timer(rollback_id: int | None) -> None:
    answered = build_stay(
        is_last_from_us=False, has_timer=True, moves_at=at(40), rollback_id=rollback_id
    )
    assert plan_lane_timers([answered]) == LaneChanges(cancelled=[TicketKey(1, 1000)])


def test_a_timer_ends_at_our_next_message_where_the_lane_is_no_longer_timed() -> None:
    running = build_stay(duration=None, has_timer=True, moves_at=at(40))
    assert plan_lane_timers([running]) == LaneChanges(cancelled=[TicketKey(1, 1000)])


def test_an_answer_sends_the_ticket_back_and_blocks_the_timer_there() -> None:
    answered = build_stay(is_last_from_us=False, has_timer=True, moves_at=at(40), rollback_id=22)
    changes = plan_lane_timers([answered])
    assert changes == LaneChanges(saved=[build_timer(22)], rollbacks={TicketKey(1, 1000): 22})
    harness = TicketHarness().add(build_ticket(tags=frozenset({TAGS[1], TAGS[21]})))
    plan = harness.load()
    roll_back(plan, changes)
    assert plan.tickets[TicketKey(1, 1000)].tags == {TAGS[1], TAGS[22]}
    assert [ticket.id for ticket in plan.retagged] == [1000]


def test_a_due_ticket_moves_to_the_next_lane_and_its_contact_is_greeted() -> None:
    harness = TicketHarness().add(
        build_ticket(status="open", user_id=5, tags=frozenset({TAGS[1], TAGS[21]}))
    )
    tagged, greeting = harness.run_due_action(NEXT_LANE, lane_id=22, greeting="Ainda quer?")
    assert isinstance(tagged, TicketTagged)
    assert (tagged.tag_ids, tagged.lane_id, tagged.status) == ((1, 22), 22, "open")
    assert isinstance(greeting, MessageCompose)
    assert greeting.body == "Ainda quer?"


def test_a_lane_without_a_greeting_sends_none() -> None:
    harness = TicketHarness().add(build_ticket(tags=frozenset({TAGS[21]})))
    assert list_types(harness.run_due_action(NEXT_LANE, lane_id=22)) == ["ticket.tagged"]


def test_a_ticket_that_changed_meanwhile_stays_in_its_lane() -> None:
    harness = TicketHarness().add(build_ticket(tags=frozenset({TAGS[21]})))
    assert harness.run_due_action(NEXT_LANE, lane_id=22, updated_at=at(-5)) == []
    assert harness.get().tags == {TAGS[21]}
