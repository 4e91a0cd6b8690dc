"""Which tags a ticket wears, and in which lane of the kanban board it stands."""

from typing import Any

import pytest

from services.tickets.rules.tickets import Wants
from shared.contracts.base import Event
from shared.contracts.ticket import TicketRefused, TicketTagged
from shared.contracts.ticket_request import (
    TicketMove,
    TicketRequest,
    TicketTag,
    TicketTransfer,
    TicketUntag,
)
from tests.support.desk import TAGS, Desk, held, types

HANDING_OVER = Wants(closes_on_transfer=True)


def of(request_id: str = "r1", **members: object) -> dict[str, Any]:
    return {"company_id": 1, "ticket_id": 1000, "request_id": request_id, **members}


def wearing(*tag_ids: int, status: str = "pending") -> Desk:
    tags = frozenset(TAGS[tag_id] for tag_id in tag_ids)
    return Desk().hold(held(tags=tags, status=status))


def told(facts: list[Event]) -> TicketTagged:
    (fact,) = facts
    assert isinstance(fact, TicketTagged)
    return fact


@pytest.mark.parametrize("status", ["pending", "open", "closed", "group", "nps", "lgpd"])
def test_a_ticket_wears_what_is_put_on_it_beside_what_it_wore(status: str) -> None:
    desk = wearing(2, 21, status=status)
    fact = told(desk.ask(TicketTag(**of(tag_ids=(1,)))))
    assert (fact.tag_ids, fact.lane_id, fact.status) == ((1, 2, 21), 21, status)
    assert desk.of().tags == {TAGS[1], TAGS[2], TAGS[21]}


def test_what_is_taken_off_is_worn_no_more() -> None:
    fact = told(wearing(1, 2, 21).ask(TicketUntag(**of(tag_ids=(1, 21)))))
    assert (fact.tag_ids, fact.lane_id) == ((2,), None)


def test_a_ticket_leaves_its_lane_for_the_one_that_it_is_moved_to() -> None:
    desk = wearing(1, 21)
    fact = told(desk.ask(TicketMove(**of(lane_id=22))))
    assert (fact.tag_ids, fact.lane_id) == ((1, 22), 22)


def test_a_ticket_that_is_moved_to_no_lane_leaves_the_board_and_keeps_its_tags() -> None:
    fact = told(wearing(1, 21).ask(TicketMove(**of(lane_id=None))))
    assert (fact.tag_ids, fact.lane_id) == ((1,), None)


def test_a_change_of_tags_is_a_new_version_and_no_other_change() -> None:
    desk = Desk().hold(held(status="open", user_id=5))
    before = desk.of()
    fact = told(desk.ask(TicketTag(**of(tag_ids=(1,)))))
    changed = {
        name for name in before.__slots__ if getattr(before, name) != getattr(desk.of(), name)
    }
    assert changed == {"tags", "updated_at"}
    assert (fact.user_id, desk.logged()) == (5, [])
    assert desk.last is not None
    assert [ticket.id for ticket in desk.last.retagged] == [1000]


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(TicketTag(**of(tag_ids=(1,))), id="worn already"),
        pytest.param(TicketUntag(**of(tag_ids=(2, 22))), id="not worn"),
        pytest.param(TicketMove(**of(lane_id=21)), id="there already"),
    ],
)
def test_what_is_as_is_wished_is_answered_and_left_alone(request_: TicketRequest) -> None:
    desk = wearing(1, 21)
    before = desk.of()
    fact = told(desk.ask(request_))
    assert (fact.tag_ids, fact.lane_id, fact.request_id) == ((1, 21), 21, "r1")
    assert desk.of() == before
    assert desk.last is not None
    assert desk.last.retagged == []


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
def test_what_cannot_be_worn_is_refused_in_a_sentence(request_: TicketRequest, reason: str) -> None:
    desk = wearing(1, 21)
    before = desk.of()
    (fact,) = desk.ask(request_)
    assert isinstance(fact, TicketRefused)
    assert fact.reason == reason
    assert desk.of() == before


def test_a_later_request_of_a_batch_sees_what_an_earlier_one_put_on() -> None:
    desk = Desk().hold(held())
    first, second = desk.ask(TicketTag(**of(tag_ids=(1, 2))), TicketUntag(**of("r2", tag_ids=(1,))))
    assert isinstance(first, TicketTagged)
    assert isinstance(second, TicketTagged)
    assert (first.tag_ids, second.tag_ids) == ((1, 2), (2,))
    assert second.version > first.version


def test_tags_stay_with_the_ticket_that_was_handed_over() -> None:
    desk = Desk(wants=HANDING_OVER).hold(held(tags=frozenset({TAGS[1]})))
    opened, _ = desk.ask(TicketTransfer(**of(queue_id=8)))
    assert types([opened]) == ["ticket.opened"]
    assert desk.of().tags == {TAGS[1]}
    assert desk.of(max(ticket_id for _, ticket_id in desk.tickets)).tags == frozenset()
