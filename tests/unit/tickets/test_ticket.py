"""Rules about a ticket that every use case shares."""

from datetime import timedelta
from typing import Any

import pytest

from services.tickets.domain.ticket import (
    INSTANT,
    choose_waiting_status,
    may_ask_contact,
    may_discard,
    may_offer_queues,
    next_change_at,
)
from tests.support.build import NOON, ticket


@pytest.mark.parametrize(
    ("members", "may_ask", "may_offer"),
    [
        pytest.param({}, True, True, id="waiting"),
        pytest.param({"status": "nps"}, True, False, id="being rated"),
        pytest.param({"status": "lgpd"}, True, False, id="without consent"),
        pytest.param({"status": "open"}, False, False, id="open"),
        pytest.param({"status": "group"}, False, False, id="a group's"),
        pytest.param({"status": "closed"}, False, False, id="closed"),
        pytest.param({"user_id": 5}, False, False, id="with a user"),
        pytest.param({"is_group": True}, False, False, id="a group as a ticket"),
        pytest.param({"is_imported": True}, False, False, id="imported"),
        pytest.param({"queue_id": 7}, True, False, id="in a queue"),
        pytest.param({"is_bot_disabled": True}, True, False, id="bot disabled"),
    ],
)
def test_what_a_contact_may_be_asked(
    members: dict[str, Any], may_ask: bool, may_offer: bool
) -> None:
    given = ticket(**members)
    assert (may_ask_contact(given), may_offer_queues(given)) == (may_ask, may_offer)


@pytest.mark.parametrize(
    ("status", "expected"),
    [("pending", True), ("open", True), ("group", True), ("lgpd", True), ("nps", False)],
)
def test_which_tickets_may_be_discarded(status: str, expected: bool) -> None:
    assert may_discard(ticket(status=status)) is expected


@pytest.mark.parametrize(
    ("is_group", "group_as_ticket", "status"),
    [(False, False, "pending"), (True, True, "pending"), (True, False, "group")],
)
def test_a_group_has_its_own_status_unless_so_set(
    is_group: bool, group_as_ticket: bool, status: str
) -> None:
    assert choose_waiting_status(is_group=is_group, group_as_ticket=group_as_ticket) == status


def test_a_change_is_later_than_the_last_one() -> None:
    later = NOON + timedelta(hours=1)
    assert next_change_at(NOON, later) == later
    assert next_change_at(later, NOON) == later + INSTANT
