"""Tickets of users who want to write to a contact."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from services.tickets.domain.keys import ConversationKey, RowKey
from services.tickets.domain.plan import NewTicket, build_plan
from services.tickets.domain.reference_data import ReferenceData
from services.tickets.domain.ticket import Ticket
from services.tickets.routing.rules import Conversation
from services.tickets.user_opening.rules import TicketOpenPlan, find_tickets
from shared.contracts.outcome import Reject
from shared.contracts.ticket_request import TicketOpen
from tests.support.build import NOON, at, conversation, ticket

REFERENCE_DATA = ReferenceData(
    companies={1},
    users={RowKey(1, 5): "", RowKey(1, 6): ""},
    queues={RowKey(1, 7): False},
    tags={},
)


@dataclass
class Opened:
    """The decisions about a batch."""

    new: list[NewTicket]
    opening: TicketOpenPlan

    @property
    def ticket_ids(self) -> list[int]:
        return [ticket_id for _, ticket_id in self.opening.tickets]


def build_open(request_id: str = "r1", **members: object) -> TicketOpen:
    given = {
        "company_id": 1, "whatsapp_id": 10, "contact_id": 100, "user_id": 5,
        "request_id": request_id,
    }  # fmt: skip
    return TicketOpen.model_validate(given | members)


def find(
    *batch: TicketOpen,
    known: Sequence[Ticket] = (),
    where: Conversation | None = None,
    now: datetime = NOON,
) -> Opened:
    plan = build_plan(known, now)
    conversations = {ConversationKey(1, 10, 100): where or conversation()}
    opening = find_tickets(plan, conversations, REFERENCE_DATA, batch)
    return Opened(list(plan.new.values()), opening)


def list_reasons(opened: Opened) -> list[tuple[str, int | None]]:
    return [(refusal.reason, refusal.other_ticket_id) for _, refusal in opened.opening.refusals]


def test_a_user_who_opens_a_conversation_begins_a_ticket() -> None:
    opened = find(build_open())
    (new,) = opened.new
    assert (new.ticket.status, new.ticket.user_id, new.is_active_demand) == ("pending", None, True)
    assert opened.ticket_ids == [new.ticket.id]


@pytest.mark.parametrize("status", ["open", "pending", "nps"])
def test_a_user_gets_the_ticket_that_there_is(status: str) -> None:
    opened = find(build_open(), known=[ticket(status=status)])
    assert (opened.new, opened.ticket_ids) == ([], [1000])


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"status": "open", "user_id": 6}, id="another user's"),
        pytest.param({"queue_id": 8}, id="in another queue"),
    ],
)
def test_a_ticket_in_another_attendance_is_refused_and_named(members: dict[str, Any]) -> None:
    opened = find(build_open(queue_id=7), known=[ticket(**members)])
    assert list_reasons(opened) == [("ticket in another attendance", 1000)]
    assert opened.ticket_ids == []


def test_of_two_users_who_begin_with_one_contact_at_once_the_first_has_it() -> None:
    opened = find(build_open(), build_open("r2", user_id=6), build_open("r3"))
    assert [new.ticket.user_id for new in opened.new] == [None]
    assert [request.request_id for request, _ in opened.opening.tickets] == ["r1", "r3"]
    assert list_reasons(opened) == [("ticket in another attendance", -1)]


@pytest.mark.parametrize(("minutes", "ticket_ids"), [(29, [1000]), (31, [-1])])
def test_what_is_over_goes_on_within_the_lines_window(
    minutes: float, ticket_ids: list[int]
) -> None:
    over = ticket(status="closed", user_id=6, queue_id=8)
    opened = find(
        build_open(), known=[over], where=conversation(reopen_minutes=30), now=at(minutes)
    )
    assert opened.ticket_ids == ticket_ids


@pytest.mark.parametrize(
    ("members", "where", "reason"),
    [
        ({"user_id": 77}, conversation(), "no such user"),
        ({"queue_id": 77}, conversation(), "no such queue"),
        ({}, conversation(is_group=True), "a group has no user"),
    ],
)
def test_what_cannot_be_begins_nothing(
    members: dict[str, Any], where: Conversation, reason: str
) -> None:
    opened = find(build_open(**members), where=where)
    assert (list_reasons(opened), opened.new) == ([(reason, None)], [])


def test_a_contact_that_does_not_exist_is_rejected() -> None:
    opening = find_tickets(build_plan([], NOON), {}, REFERENCE_DATA, [build_open()])
    (rejected,) = opening.outcome
    assert isinstance(rejected, Reject)
    assert rejected.reason == "unknown-contact"
