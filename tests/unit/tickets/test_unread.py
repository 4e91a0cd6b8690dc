"""Tickets whose messages changed: which are counted again, discarded or reopened."""

from typing import Any

import pytest

from services.tickets.domain.events import build_facts
from services.tickets.domain.keys import TicketKey
from services.tickets.domain.plan import build_plan
from services.tickets.domain.reopening import ClosedTicket, reopen_closed
from services.tickets.unread.rules import (
    build_outcome,
    discard_empty,
    list_discard_candidates,
    list_tickets_of_changed_messages,
)
from shared.contracts.message import MessageRefused, MessageStored, MessageUpdated
from tests.support.build import NOON, refused, stored, ticket


def test_only_tickets_that_began_for_a_copy_are_doubtful() -> None:
    batch: list[MessageStored | MessageRefused] = [
        refused("A1", ticket_effect="opened"),
        refused("A2", ticket_id=1001),
        stored("A3"),
    ]
    assert list_discard_candidates(batch) == {TicketKey(1, 1000)}
    assert list_tickets_of_changed_messages(batch) == {TicketKey(1, 1000)}


def updated(*changes: str, **members: object) -> MessageUpdated:
    given: dict[str, object] = {
        "message_id": 1, "ticket_id": 1000, "version": 1, "ack": 2, "is_edited": False,
        "is_deleted": False, "read": False, "changes": changes,
    }  # fmt: skip
    return MessageUpdated.model_validate(dict(stored()) | given | members)


def test_a_ticket_that_began_for_the_content_of_another_tickets_placeholder_is_doubtful() -> None:
    content = updated("content", opened_ticket_id=1001)
    assert list_discard_candidates([content, updated("content")]) == {TicketKey(1, 1001)}
    assert list_tickets_of_changed_messages([content]) == {TicketKey(1, 1000)}


def test_the_fact_of_a_discarded_ticket_has_the_content_as_its_cause() -> None:
    content = updated("content", opened_ticket_id=1001)
    plan = build_plan([ticket(1001)], NOON)
    discard_empty(plan, [TicketKey(1, 1001)])
    facts = build_facts(plan, {})
    assert [item.cause for item in build_outcome([stored(), content], facts)] == [content]


def test_a_ticket_is_counted_again_when_the_row_of_an_echo_is_gone() -> None:
    echo = refused("A1", reason="absorbed", ticket_id=1001)
    assert list_tickets_of_changed_messages([echo]) == {TicketKey(1, 1001)}
    assert list_discard_candidates([echo]) == set()


def closed(ticket_id: int = 1000, **members: object) -> ClosedTicket:
    given: dict[str, Any] = {
        "company_id": 1, "ticket_id": ticket_id, "group_as_ticket": False, "was_discarded": False,
        "has_new_message": True, "has_successor": False, "other_ticket_id": None,
    }  # fmt: skip
    return ClosedTicket(**(given | members))


@pytest.mark.parametrize(
    ("members", "statuses"),
    [
        pytest.param({}, ["pending"], id="a new message"),
        pytest.param(
            {"has_new_message": False, "was_discarded": True}, ["pending"], id="discarded"
        ),
        pytest.param({"has_new_message": False}, [], id="an old message"),
        pytest.param({"has_successor": True}, [], id="a successor"),
        pytest.param({"other_ticket_id": 1002}, [], id="another ticket of the conversation"),
        pytest.param({"other_ticket_id": 1001}, ["pending"], id="another one, discarded just now"),
    ],
)
def test_a_closed_ticket_is_reopened_only_where_its_message_has_no_other(
    members: dict[str, Any], statuses: list[str]
) -> None:
    plan = build_plan([ticket(status="closed"), ticket(1001)], NOON)
    discard_empty(plan, [TicketKey(1, 1001)])
    reopen_closed(plan, [closed(**members)])
    assert [t.status for t in plan.changed if t.id == 1000] == statuses


def test_of_two_closed_tickets_of_a_conversation_one_is_reopened() -> None:
    plan = build_plan([ticket(1000, status="closed"), ticket(1001, status="closed")], NOON)
    reopen_closed(plan, [closed(1000), closed(1001)])
    assert [t.id for t in plan.changed] == [1000]
