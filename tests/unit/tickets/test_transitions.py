"""From which status a request leads where, one by one (schema.md 5)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.tickets.rules.steps import INSTANT
from services.tickets.rules.tickets import Attendance, Wants
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
from tests.support.desk import CLOSING_QUEUE, WORDS, Desk, held, types

IS_CLOSED, IS_RATED = "ticket is closed", "ticket is being rated"
IS_GROUPS = "ticket is a group's: it has no user and no queue"
NO_CONSENT, NOT_ACCEPTED = "the contact has not consented yet", "ticket is not accepted"
NOT_RATED = "ticket is not being rated"


def of(**members: object) -> dict[str, Any]:
    return {"company_id": 1, "ticket_id": 1000, "request_id": "r1", **members}


ASKED: dict[str, TicketRequest] = {
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


def standing(status: str, **members: object) -> Desk:
    """Put a ticket of user 5, where its status has one, on the desk."""
    user_id = 5 if status in {"open", "nps"} else None
    given: dict[str, Any] = {"status": status, "user_id": user_id, "is_group": status == "group"}
    return Desk().hold(held(**(given | members)))


def rows(table: dict[str, dict[str, str]]) -> list[Any]:
    return [
        pytest.param(what, before, after, id=f"{before}-{what}")
        for what, found in table.items()
        for before, after in found.items()
    ]


def words(facts: list[Event]) -> list[str]:
    return [fact.body for fact in facts if isinstance(fact, MessageCompose)]


@pytest.mark.parametrize(("what", "before", "after"), rows(LEADS_TO))
def test_a_request_leads_from_one_status_to_another(what: str, before: str, after: str) -> None:
    desk = standing(before)
    fact = desk.ask(ASKED[what])[0]
    assert (fact.type, desk.of().status) == (f"ticket.{what}", after)


@pytest.mark.parametrize(("what", "status", "reason"), rows(IS_REFUSED))
def test_a_request_that_its_status_does_not_allow_is_refused(
    what: str, status: str, reason: str
) -> None:
    desk = standing(status)
    (fact,) = desk.ask(ASKED[what])
    assert isinstance(fact, TicketRefused)
    assert (fact.reason, desk.of().status, desk.logs) == (reason, status, [])


def test_every_request_and_status_is_in_one_table_or_the_other() -> None:
    every = {"pending", "open", "group", "nps", "lgpd", "closed"}
    for what in ASKED:
        assert LEADS_TO[what].keys() | IS_REFUSED[what].keys() == every
        assert not LEADS_TO[what].keys() & IS_REFUSED[what].keys()


def test_a_waiting_ticket_that_is_closed_is_rated_as_well() -> None:
    desk = Desk(wants=Wants(asks_rating=True, words=WORDS)).hold(held())
    desk.ask(ASKED["closed"])
    assert (desk.of().status, desk.logged()) == ("nps", ["nps"])


def test_a_transfer_into_a_queue_that_closes_does_so_at_once_and_makes_no_other_ticket() -> None:
    desk = Desk(wants=Wants(closes_on_transfer=True)).hold(held())
    facts = desk.ask(TicketTransfer(**of(queue_id=CLOSING_QUEUE)))
    assert types(facts) == ["ticket.transferred", "ticket.closed"]
    assert desk.successors == {}


def test_who_returns_a_ticket_is_logged_not_who_had_it() -> None:
    desk = standing("open")
    desk.ask(TicketReturn(**of(actor_id=6)))
    assert desk.last is not None
    assert [(row.log.type, row.log.user_id) for row in desk.last.logs] == [("pending", 6)]


def test_a_transfer_logs_the_old_user_and_queue_and_the_new_ones() -> None:
    desk = standing("open", queue_id=7)
    desk.ask(TicketTransfer(**of(user_id=6, queue_id=8)))
    assert desk.last is not None
    assert [(row.log.type, row.log.user_id, row.log.queue_id) for row in desk.last.logs] == [
        ("transfered", 5, 7),
        ("receivedTransfer", 6, 8),
    ]


def test_a_contact_is_greeted_when_a_user_accepts_and_only_then() -> None:
    greeting = replace(WORDS, accepted="Olá, sou a Ana.")
    desk = Desk(wants=Wants(words=greeting)).hold(held())
    again = TicketAccept(**of(request_id="r2", user_id=5))
    assert words(desk.ask(ASKED["accepted"], again)) == ["Olá, sou a Ana."]


def test_accepting_begins_the_attendance_anew_without_the_mark_that_was_asked_for() -> None:
    marked = Attendance(1, user_id=5, closed_at=at(), rating_at=at(), rated=True)
    desk = standing("nps", attendance=marked)
    desk.ask(TicketAccept(**of(user_id=6)))
    now = desk.of().attended
    assert (now.user_id, now.closed_at, now.rating_at, now.rated) == (6, None, None, False)


@pytest.mark.parametrize(("bids", "said"), [(False, []), (True, ["Obrigado!"])])
def test_one_who_waits_is_bid_farewell_where_so_set(bids: bool, said: list[str]) -> None:
    wants = Wants(bids_farewell_to_waiting=bids, words=WORDS)
    assert words(Desk(wants=wants).hold(held()).ask(ASKED["closed"])) == said


def test_a_silent_close_says_nothing() -> None:
    desk = Desk(wants=Wants(words=WORDS)).hold(held(status="open", user_id=5))
    assert words(desk.ask(TicketClose(**of(silent=True)))) == []


def test_a_closing_user_is_the_attendances_where_nobody_had_the_ticket() -> None:
    desk = standing("pending")
    desk.ask(TicketClose(**of(actor_id=6)))
    assert [attendance.user_id for _, attendance in desk.finished] == [6]


def viewed(**members: object) -> tuple[Desk, TicketViewed]:
    desk = standing("open", last_message_at=at(9), **members)
    (fact,) = desk.ask(ASKED["viewed"])
    assert isinstance(fact, TicketViewed)
    return desk, fact


def test_a_ticket_that_a_user_has_open_has_nothing_unread() -> None:
    desk, fact = viewed(unread_messages=3)
    assert (fact.unread_messages, fact.seen_until) == (0, at(9))
    assert (desk.of().unread_messages, desk.logged()) == (0, ["access"])


def test_a_view_of_what_was_read_changes_nothing_but_the_log() -> None:
    desk, fact = viewed(unread_messages=0)
    assert fact.seen_until is None
    assert (desk.of().updated_at, desk.logged()) == (at(), ["access"])


def test_on_a_line_that_is_not_connected_nothing_is_read() -> None:
    desk = standing("open", unread_messages=3, is_connected=False)
    (fact,) = desk.ask(ASKED["viewed"])
    assert isinstance(fact, TicketRefused)
    assert (fact.reason, desk.of().unread_messages) == ("the line is not connected", 3)


def test_each_step_has_a_version_above_the_last_even_when_the_clock_stands_still() -> None:
    desk = Desk().hold(held(updated_at=at() + timedelta(days=1)))
    desk.ask(ASKED["accepted"])
    assert desk.of().updated_at == at() + timedelta(days=1) + INSTANT
