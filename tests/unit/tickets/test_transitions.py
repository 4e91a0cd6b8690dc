"""Every pair of a status and a request: where it leads, or why it is refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.tickets.domain.policy import Policy
from services.tickets.domain.ticket import INSTANT, Attendance
from shared.contracts.base import Event
from shared.contracts.message_request import MessageCompose
from shared.contracts.ticket import TicketRefused, TicketViewed
from shared.contracts.ticket_request import (
    TicketAccept,
    TicketClose,
    TicketQueue,
    TicketRate,
    TicketRequest,
    TicketReturn,
    TicketTransfer,
    TicketView,
)
from tests.support.build import at
from tests.support.ticket_harness import (
    CLOSING_QUEUE,
    TEMPLATES,
    TicketHarness,
    build_ticket,
    list_types,
)

IS_CLOSED, IS_RATED = "ticket is closed", "ticket is being rated"
IS_GROUPS = "ticket is a group's: it has no user and no queue"
NO_CONSENT, NOT_ACCEPTED = "the contact has not consented yet", "ticket is not accepted"
NOT_RATED = "ticket is not being rated"


def of(**members: object) -> dict[str, Any]:
    return {"company_id": 1, "ticket_id": 1000, "request_id": "r1", **members}


REQUESTS: dict[str, TicketRequest] = {
    "accepted": TicketAccept(**of(user_id=5)),
    "returned": TicketReturn(**of()),
    "queued": TicketQueue(**of(queue_id=7)),
    "transferred": TicketTransfer(**of(user_id=6)),
    "viewed": TicketView(**of()),
    "rated": TicketRate(**of(rate=5)),
    "closed": TicketClose(**of()),
}
LEADS_TO = {
    "accepted": {"pending": "open", "open": "open", "nps": "open", "closed": "open"},
    "returned": {"open": "pending"},
    "queued": {"pending": "pending", "open": "open"},
    "transferred": {"pending": "open", "open": "open"},
    "viewed": {"open": "open", "group": "group"},
    "rated": {"nps": "closed"},
    "closed": dict.fromkeys(("pending", "open", "group", "nps", "lgpd"), "closed"),
}
IS_REFUSED = {
    "accepted": {"group": IS_GROUPS, "lgpd": NO_CONSENT},
    "returned": {
        "pending": NOT_ACCEPTED, "group": IS_GROUPS, "nps": IS_RATED, "lgpd": NO_CONSENT,
        "closed": IS_CLOSED,
    },
    "queued": {"group": IS_GROUPS, "nps": IS_RATED, "lgpd": NO_CONSENT, "closed": IS_CLOSED},
    "transferred": {"group": IS_GROUPS, "nps": IS_RATED, "lgpd": NO_CONSENT, "closed": IS_CLOSED},
    "viewed": {
        "pending": NOT_ACCEPTED, "nps": IS_RATED, "lgpd": NO_CONSENT, "closed": IS_CLOSED,
    },
    "rated": {
        "pending": NOT_RATED, "open": NOT_RATED, "group": NOT_RATED, "lgpd": NOT_RATED,
        "closed": IS_CLOSED,
    },
    "closed": {"closed": IS_CLOSED},
}  # fmt: skip


def in_status(status: str, **members: object) -> TicketHarness:
    """Return a harness with a ticket in this status, of user 5 where the status has one."""
    user_id = 5 if status in {"open", "nps"} else None
    given: dict[str, Any] = {"status": status, "user_id": user_id, "is_group": status == "group"}
    return TicketHarness().add(build_ticket(**(given | members)))


def rows(table: dict[str, dict[str, str]]) -> list[Any]:
    return [
        pytest.param(what, before, after, id=f"{before}-{what}")
        for what, found in table.items()
        for before, after in found.items()
    ]


def list_replies(facts: list[Event]) -> list[str]:
    return [fact.body for fact in facts if isinstance(fact, MessageCompose)]


@pytest.mark.parametrize(("what", "before", "after"), rows(LEADS_TO))
def test_a_request_leads_from_one_status_to_another(what: str, before: str, after: str) -> None:
    harness = in_status(before)
    fact = harness.request(REQUESTS[what])[0]
    assert (fact.type, harness.get().status) == (f"ticket.{what}", after)


@pytest.mark.parametrize(("what", "status", "reason"), rows(IS_REFUSED))
def test_a_request_that_its_status_does_not_allow_is_refused(
    what: str, status: str, reason: str
) -> None:
    harness = in_status(status)
    (fact,) = harness.request(REQUESTS[what])
    assert isinstance(fact, TicketRefused)
    assert (fact.reason, harness.get().status, harness.logs) == (reason, status, [])


def test_every_request_and_status_is_in_one_table_or_the_other() -> None:
    every = {"pending", "open", "group", "nps", "lgpd", "closed"}
    for what in REQUESTS:
        assert LEADS_TO[what].keys() | IS_REFUSED[what].keys() == every
        assert not LEADS_TO[what].keys() & IS_REFUSED[what].keys()


def test_a_waiting_ticket_that_is_closed_is_rated_as_well() -> None:
    harness = TicketHarness(policy=Policy(asks_rating=True, templates=TEMPLATES)).add(
        build_ticket()
    )
    harness.request(REQUESTS["closed"])
    assert (harness.get().status, harness.list_logs()) == ("nps", ["nps"])


def test_a_transfer_into_a_queue_that_closes_does_so_at_once_and_makes_no_other_ticket() -> None:
    harness = TicketHarness(policy=Policy(closes_on_transfer=True)).add(build_ticket())
    facts = harness.request(TicketTransfer(**of(queue_id=CLOSING_QUEUE)))
    assert list_types(facts) == ["ticket.transferred", "ticket.closed"]
    assert harness.successors == {}


def test_who_returns_a_ticket_is_logged_not_who_had_it() -> None:
    harness = in_status("open")
    harness.request(TicketReturn(**of(actor_id=6)))
    assert harness.last is not None
    assert [(row.log.type, row.log.user_id) for row in harness.last.logs] == [("pending", 6)]


def test_a_transfer_logs_the_old_user_and_queue_and_the_new_ones() -> None:
    harness = in_status("open", queue_id=7)
    harness.request(TicketTransfer(**of(user_id=6, queue_id=8)))
    assert harness.last is not None
    assert [(row.log.type, row.log.user_id, row.log.queue_id) for row in harness.last.logs] == [
        ("transfered", 5, 7),
        ("receivedTransfer", 6, 8),
    ]


def test_a_contact_is_greeted_when_a_user_accepts_and_only_then() -> None:
    greeting = replace(TEMPLATES, accepted="Olá, sou a Ana.")
    harness = TicketHarness(policy=Policy(templates=greeting)).add(build_ticket())
    again = TicketAccept(**of(request_id="r2", user_id=5))
    assert list_replies(harness.request(REQUESTS["accepted"], again)) == ["Olá, sou a Ana."]


def test_accepting_begins_the_attendance_anew_without_the_mark_that_was_asked_for() -> None:
    marked = Attendance(1, user_id=5, closed_at=at(), rating_at=at(), rated=True)
    harness = in_status("nps", attendance=marked)
    harness.request(TicketAccept(**of(user_id=6)))
    now = harness.get().open_attendance
    assert (now.user_id, now.closed_at, now.rating_at, now.rated) == (6, None, None, False)


@pytest.mark.parametrize(("sends", "replies"), [(False, []), (True, ["Obrigado!"])])
def test_a_waiting_contact_gets_a_farewell_where_so_set(sends: bool, replies: list[str]) -> None:
    policy = Policy(sends_farewell_to_waiting=sends, templates=TEMPLATES)
    assert (
        list_replies(TicketHarness(policy=policy).add(build_ticket()).request(REQUESTS["closed"]))
        == replies
    )


def test_a_silent_close_says_nothing() -> None:
    harness = TicketHarness(policy=Policy(templates=TEMPLATES)).add(
        build_ticket(status="open", user_id=5)
    )
    assert list_replies(harness.request(TicketClose(**of(silent=True)))) == []


def test_a_closing_user_is_the_attendances_where_nobody_had_the_ticket() -> None:
    harness = in_status("pending")
    harness.request(TicketClose(**of(actor_id=6)))
    assert [attendance.user_id for _, attendance in harness.finished] == [6]


def viewed(**members: object) -> tuple[TicketHarness, TicketViewed]:
    harness = in_status("open", last_message_at=at(9), **members)
    (fact,) = harness.request(REQUESTS["viewed"])
    assert isinstance(fact, TicketViewed)
    return harness, fact


def test_a_ticket_that_a_user_has_open_has_nothing_unread() -> None:
    harness, fact = viewed(unread_messages=3)
    assert (fact.unread_messages, fact.seen_until) == (0, at(9))
    assert (harness.get().unread_messages, harness.list_logs()) == (0, ["access"])


def test_a_view_of_what_was_read_changes_nothing_but_the_log() -> None:
    harness, fact = viewed(unread_messages=0)
    assert fact.seen_until is None
    assert (harness.get().updated_at, harness.list_logs()) == (at(), ["access"])


def test_on_a_line_that_is_not_connected_nothing_is_read() -> None:
    harness = in_status("open", unread_messages=3, is_connected=False)
    (fact,) = harness.request(REQUESTS["viewed"])
    assert isinstance(fact, TicketRefused)
    assert (fact.reason, harness.get().unread_messages) == ("the line is not connected", 3)


def test_each_transition_has_a_version_above_the_last_even_when_the_clock_stands_still() -> None:
    harness = TicketHarness().add(build_ticket(updated_at=at() + timedelta(days=1)))
    harness.request(REQUESTS["accepted"])
    assert harness.get().updated_at == at() + timedelta(days=1) + INSTANT
