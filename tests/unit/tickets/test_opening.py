"""Which ticket a user gets who wants to speak with a contact."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from services.tickets.rules import opening
from services.tickets.rules.granting import House
from services.tickets.rules.opening import Plan
from services.tickets.rules.routing import Situation, Ticket
from shared.contracts.outcome import Dead
from shared.contracts.ticket_request import TicketOpen
from tests.support.build import NOON, at, situation, ticket

HOUSE = House(
    companies={1}, users={(1, 5): "", (1, 6): ""}, queues={(1, 7): False}, successors={}, tags={}
)


def wish(request_id: str = "r1", **members: object) -> TicketOpen:
    given = {
        "company_id": 1, "whatsapp_id": 10, "contact_id": 100, "user_id": 5,
        "request_id": request_id,
    }  # fmt: skip
    return TicketOpen.model_validate(given | members)


def find(
    *batch: TicketOpen,
    known: Sequence[Ticket] = (),
    where: Situation | None = None,
    now: datetime = NOON,
) -> Plan:
    return opening.find({(1, 10, 100): where or situation()}, known, HOUSE, now, batch)


def reasons(plan: Plan) -> list[tuple[str, int | None]]:
    return [(refusal.reason, refusal.other_ticket_id) for _, refusal in plan.refusals]


def test_a_user_who_wants_to_speak_with_somebody_begins_a_ticket() -> None:
    plan = find(wish())
    (new,) = plan.new.values()
    assert (new.status, new.user_id, new.is_active_demand) == ("pending", None, True)
    assert [number for _, number in plan.wishes] == [new.id]


@pytest.mark.parametrize("status", ["open", "pending", "nps"])
def test_a_user_gets_the_ticket_that_there_is(status: str) -> None:
    plan = find(wish(), known=[ticket(status=status)])
    assert (plan.new, [number for _, number in plan.wishes]) == ({}, [1000])


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"status": "open", "user_id": 6}, id="another user's"),
        pytest.param({"queue_id": 8}, id="in another queue"),
    ],
)
def test_a_ticket_in_another_attendance_is_refused_and_named(members: dict[str, Any]) -> None:
    plan = find(wish(queue_id=7), known=[ticket(**members)])
    assert reasons(plan) == [("ticket in another attendance", 1000)]
    assert plan.wishes == []


def test_of_two_users_who_begin_with_one_contact_at_once_the_first_has_it() -> None:
    plan = find(wish(), wish("r2", user_id=6), wish("r3"))
    assert [new.user_id for new in plan.new.values()] == [None]
    assert [request.request_id for request, _ in plan.wishes] == ["r1", "r3"]
    assert reasons(plan) == [("ticket in another attendance", -1)]


@pytest.mark.parametrize(("minutes", "numbers"), [(29, [1000]), (31, [-1])])
def test_what_is_over_goes_on_within_the_lines_window(minutes: float, numbers: list[int]) -> None:
    over = ticket(status="closed", user_id=6, queue_id=8)
    plan = find(wish(), known=[over], where=situation(reopen_minutes=30), now=at(minutes))
    assert [number for _, number in plan.wishes] == numbers


@pytest.mark.parametrize(
    ("members", "where", "reason"),
    [
        ({"user_id": 77}, situation(), "no such user"),
        ({"queue_id": 77}, situation(), "no such queue"),
        ({}, situation(is_group=True), "a group has no user"),
    ],
)
def test_what_cannot_be_begins_nothing(
    members: dict[str, Any], where: Situation, reason: str
) -> None:
    plan = find(wish(**members), where=where)
    assert (reasons(plan), plan.new) == ([(reason, None)], {})


def test_nobody_can_be_spoken_with_who_is_not_there() -> None:
    (dead,) = opening.find({}, [], HOUSE, NOON, [wish()]).outcome
    assert isinstance(dead, Dead)
    assert dead.reason == "unknown-contact"
