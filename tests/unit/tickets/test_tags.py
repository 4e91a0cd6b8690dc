"""Tags of a ticket, and its lane on the kanban board."""

from typing import Any

import pytest

from services.tickets.domain.policy import Policy
from shared.contracts.base import Event
from shared.contracts.ticket import TicketRefused, TicketTagged
from shared.contracts.ticket_request import (
    TicketMove,
    TicketRequest,
    TicketTag,
    TicketTransfer,
    TicketUntag,
)
from tests.support.ticket_harness import TAGS, TicketHarness, build_ticket, list_types

HANDING_OVER = Policy(closes_on_transfer=True)


def of(request_id: str = "r1", **members: object) -> dict[str, Any]:
    return {"company_id": 1, "ticket_id": 1000, "request_id": request_id, **members}


def with_tags(*tag_ids: int, status: str = "pending") -> TicketHarness:
    tags = frozenset(TAGS[tag_id] for tag_id in tag_ids)
    return TicketHarness().add(build_ticket(tags=tags, status=status))


def get_tagged(facts: list[Event]) -> TicketTagged:
    (fact,) = facts
    assert isinstance(fact, TicketTagged)
    return fact


@pytest.mark.parametrize("status", ["pending", "open", "closed", "group", "nps", "lgpd"])
def test_tags_are_added_to_those_that_a_ticket_has(status: str) -> None:
    harness = with_tags(2, 21, status=status)
    fact = get_tagged(harness.request(TicketTag(**of(tag_ids=(1,)))))
    assert (fact.tag_ids, fact.lane_id, fact.status) == ((1, 2, 21), 21, status)
    assert harness.get().tags == {TAGS[1], TAGS[2], TAGS[21]}


def test_removed_tags_are_gone() -> None:
    fact = get_tagged(with_tags(1, 2, 21).request(TicketUntag(**of(tag_ids=(1, 21)))))
    assert (fact.tag_ids, fact.lane_id) == ((2,), None)


def test_a_ticket_leaves_its_lane_for_the_one_that_it_is_moved_to() -> None:
    harness = with_tags(1, 21)
    fact = get_tagged(harness.request(TicketMove(**of(lane_id=22))))
    assert (fact.tag_ids, fact.lane_id) == ((1, 22), 22)


def test_a_ticket_that_is_moved_to_no_lane_leaves_the_board_and_keeps_its_tags() -> None:
    fact = get_tagged(with_tags(1, 21).request(TicketMove(**of(lane_id=None))))
    assert (fact.tag_ids, fact.lane_id) == ((1,), None)


def test_a_change_of_tags_is_a_new_version_and_no_other_change() -> None:
    harness = TicketHarness().add(build_ticket(status="open", user_id=5))
    before = harness.get()
    fact = get_tagged(harness.request(TicketTag(**of(tag_ids=(1,)))))
    changed = {
        name for name in before.__slots__ if getattr(before, name) != getattr(harness.get(), name)
    }
    assert changed == {"tags", "updated_at"}
    assert (fact.user_id, harness.list_logs()) == (5, [])
    assert harness.last is not None
    assert [ticket.id for ticket in harness.last.retagged] == [1000]


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(TicketTag(**of(tag_ids=(1,))), id="has it already"),
        pytest.param(TicketUntag(**of(tag_ids=(2, 22))), id="does not have it"),
        pytest.param(TicketMove(**of(lane_id=21)), id="there already"),
    ],
)
def test_a_request_that_changes_nothing_is_answered(request_: TicketRequest) -> None:
    harness = with_tags(1, 21)
    before = harness.get()
    fact = get_tagged(harness.request(request_))
    assert (fact.tag_ids, fact.lane_id, fact.request_id) == ((1, 21), 21, "r1")
    assert harness.get() == before
    assert harness.last is not None
    assert harness.last.retagged == []


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (TicketTag(**of(tag_ids=(1, 77))), "no such tag"),
        (TicketUntag(**of(tag_ids=(77,))), "no such tag"),
        (TicketMove(**of(lane_id=77)), "no such tag"),
        (TicketTag(**of(tag_ids=(2, 22))), "a ticket is moved to a lane, not tagged with it"),
        (TicketMove(**of(lane_id=2)), "tag is no lane"),
    ],
)
def test_impossible_tags_are_refused_in_a_sentence(request_: TicketRequest, reason: str) -> None:
    harness = with_tags(1, 21)
    before = harness.get()
    (fact,) = harness.request(request_)
    assert isinstance(fact, TicketRefused)
    assert fact.reason == reason
    assert harness.get() == before


def test_a_later_request_of_a_batch_sees_what_an_earlier_one_added() -> None:
    harness = TicketHarness().add(build_ticket())
    first, second = harness.request(
        TicketTag(**of(tag_ids=(1, 2))), TicketUntag(**of("r2", tag_ids=(1,)))
    )
    assert isinstance(first, TicketTagged)
    assert isinstance(second, TicketTagged)
    assert (first.tag_ids, second.tag_ids) == ((1, 2), (2,))
    assert second.version > first.version


def test_tags_stay_with_the_ticket_that_was_handed_over() -> None:
    harness = TicketHarness(policy=HANDING_OVER).add(build_ticket(tags=frozenset({TAGS[1]})))
    opened, _ = harness.request(TicketTransfer(**of(queue_id=8)))
    assert list_types([opened]) == ["ticket.opened"]
    assert harness.get().tags == {TAGS[1]}
    assert harness.get(max(key.ticket_id for key in harness.tickets)).tags == frozenset()
