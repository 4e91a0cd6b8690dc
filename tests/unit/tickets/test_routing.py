"""Which ticket a message belongs to."""

from collections.abc import Sequence

import pytest

from services.tickets.rules import echoes, routing, tallying
from services.tickets.rules.routing import Plan, Situation, Ticket, Wid
from shared.contracts.message import (
    MessageIdentified,
    MessageRefused,
    MessageRouted,
    MessageStored,
)
from shared.contracts.outcome import Told
from tests.support.build import at, identified, refused, situation, stored, ticket


def route(
    *batch: MessageIdentified,
    known: Sequence[Ticket] = (),
    where: Situation | None = None,
    stored_wids: frozenset[Wid] = frozenset(),
    echoed: frozenset[Wid] = frozenset(),
) -> Plan:
    return routing.route({(1, 10, 100): where or situation()}, known, stored_wids, batch, echoed)


def test_a_first_message_opens_a_pending_ticket() -> None:
    plan = route(identified())
    assert [t.status for t in plan.new.values()] == ["pending"]
    assert [effect for _, _, effect in plan.routes] == ["opened"]


def test_a_second_message_of_the_batch_goes_to_the_ticket_that_the_first_one_opened() -> None:
    plan = route(identified("A1"), identified("A2"))
    assert len(plan.new) == 1
    assert [effect for _, _, effect in plan.routes] == ["opened", "none"]


@pytest.mark.parametrize("status", ["open", "pending", "group", "nps", "lgpd"])
def test_a_ticket_that_is_not_closed_is_used_as_it_is(status: str) -> None:
    plan = route(identified(), known=[ticket(status=status)])
    assert (plan.new, plan.reopened) == ({}, {})
    assert plan.routes[0][1].id == 1000


@pytest.mark.parametrize(
    ("minutes", "effect"),
    [
        pytest.param(29, "reopened", id="inside the window"),
        pytest.param(30, "reopened", id="on its edge"),
        pytest.param(30.1, "opened", id="just past it"),
        pytest.param(-600, "reopened", id="written before it was closed"),
    ],
)
def test_a_closed_ticket_is_reopened_only_within_the_window(minutes: float, effect: str) -> None:
    closed = ticket(status="closed", updated_at=at(0))
    plan = route(
        identified(timestamp=at(minutes)), known=[closed], where=situation(reopen_minutes=30)
    )
    assert [found for _, _, found in plan.routes] == [effect]


def test_without_a_window_a_closed_ticket_stays_closed() -> None:
    plan = route(identified(), known=[ticket(status="closed")])
    assert list(plan.reopened) == []


def test_a_reopened_ticket_is_pending_and_keeps_its_user_and_queue() -> None:
    closed = ticket(status="closed", user_id=5, queue_id=6)
    plan = route(identified(), known=[closed], where=situation(reopen_minutes=30))
    reopened = plan.reopened[1000]
    assert (reopened.status, reopened.user_id, reopened.queue_id) == ("pending", 5, 6)


@pytest.mark.parametrize(("as_ticket", "status"), [(False, "group"), (True, "pending")])
def test_a_group_that_goes_on_is_a_ticket_only_where_so_set(as_ticket: bool, status: str) -> None:
    closed = ticket(status="closed", is_group=True)
    where = situation(group_as_ticket=as_ticket, reopen_minutes=30)
    plan = route(identified(is_group=True), known=[closed], where=where)
    assert [t.status for t in plan.reopened.values()] == [status]


def test_a_message_that_its_line_has_stored_moves_nothing() -> None:
    plan = route(identified("A1"), stored_wids=frozenset({(1, 10, "A1")}))
    assert (plan.new, plan.reopened, plan.routes) == ({}, {}, [])


def test_a_copy_in_the_same_batch_moves_nothing() -> None:
    assert len(route(identified("A1"), identified("A1")).routes) == 1


OUR_WORDS = identified("E1", from_me=True, sender_id=None, body="Até logo")


@pytest.mark.parametrize("reopen_minutes", [0, 30])
def test_the_echo_of_a_good_bye_leaves_the_ticket_closed(reopen_minutes: int) -> None:
    closed, echo = ticket(status="closed"), frozenset({(1, 10, "E1")})
    where = situation(reopen_minutes=reopen_minutes)
    plan = route(OUR_WORDS, known=[closed], where=where, echoed=echo)
    assert (plan.new, plan.reopened, routing.with_ids(plan, {})) == ({}, {}, [])
    assert [(t.id, effect) for _, t, effect in plan.routes] == [(1000, "none")]


def test_a_customer_who_answers_a_good_bye_begins_anew() -> None:
    closed, echo = ticket(status="closed"), frozenset({(1, 10, "E1")})
    plan = route(OUR_WORDS, identified("A1"), known=[closed], echoed=echo)
    assert [effect for _, _, effect in plan.routes] == ["none", "opened"]


@pytest.mark.parametrize(
    ("message", "status", "stored_wids"),
    [
        pytest.param(identified("E1"), "closed", set(), id="the contact's own"),
        pytest.param(OUR_WORDS, "open", set(), id="while the ticket goes on"),
        pytest.param(OUR_WORDS, "closed", {(1, 10, "E1")}, id="stored already"),
    ],
)
def test_what_cannot_be_such_an_echo_is_not_asked_about(
    message: MessageIdentified, status: str, stored_wids: set[Wid]
) -> None:
    known, where = [ticket(status=status)], {(1, 10, 100): situation()}
    assert echoes.suspects(where, known, stored_wids, [message]) == []


def test_our_words_in_a_conversation_that_is_over_may_be_an_echo() -> None:
    (found,) = echoes.suspects(
        {(1, 10, 100): situation()}, [ticket(status="closed")], set(), [OUR_WORDS]
    )
    assert (found.wid, found.ticket_id, found.body) == ("E1", 1000, "Até logo")


def test_the_same_wid_on_another_line_is_another_message() -> None:
    situations = {(1, line, 100): situation(whatsapp_id=line) for line in (10, 11)}
    batch = [identified("A1"), identified("A1", whatsapp_id=11)]
    assert len(routing.route(situations, [], frozenset(), batch).routes) == 2


@pytest.mark.parametrize(
    ("where", "is_group", "status", "user_id"),
    [
        pytest.param(situation(), True, "group", None, id="a group is no ticket of its own"),
        pytest.param(situation(group_as_ticket=True), True, "pending", None, id="unless so set"),
        pytest.param(situation(asks_consent=True), False, "lgpd", None, id="consent first"),
        pytest.param(situation(asks_consent=True), True, "group", None, id="not of a group"),
        pytest.param(situation(wallet_user_id=5), False, "open", 5, id="to the contact's user"),
        pytest.param(situation(wallet_user_id=5), True, "group", None, id="not for a group"),
        pytest.param(
            situation(wallet_user_id=5, asks_consent=True), False, "lgpd", 5, id="after consent"
        ),
    ],
)
def test_a_new_ticket_begins_as_the_line_and_the_company_want(
    where: Situation, is_group: bool, status: str, user_id: int | None
) -> None:
    plan = route(identified(is_group=is_group), where=where)
    (opened,) = plan.new.values()
    assert (opened.status, opened.user_id) == (status, user_id)


def test_a_new_ticket_is_found_by_the_names_that_its_contact_wrote_by() -> None:
    (opened,) = route(identified(lid="9@lid", jid="1@s.whatsapp.net")).new.values()
    assert (opened.lid, opened.jid) == ("9@lid", "1@s.whatsapp.net")


def test_a_message_carries_the_queue_and_the_attendance_of_its_ticket() -> None:
    plan = route(identified(), known=[ticket(status="open", queue_id=7)])
    (told,) = routing.routed(plan, {}, {1000: 55})
    assert isinstance(told, Told)
    assert isinstance(told.fact, MessageRouted)
    assert (told.fact.queue_id, told.fact.ticket_traking_id) == (7, 55)


def test_a_message_of_a_contact_that_is_gone_is_a_dead_letter() -> None:
    plan = routing.route({}, [], frozenset(), [identified()])
    (dead,) = routing.routed(plan, {}, {})
    assert getattr(dead, "reason", None) == "unknown-contact"


def test_only_tickets_that_began_for_a_copy_are_doubtful() -> None:
    batch: list[MessageStored | MessageRefused] = [
        refused("A1", ticket_effect="opened"),
        refused("A2", ticket_id=1001),
        stored("A3"),
    ]
    assert tallying.to_take_back(batch) == {(1, 1000)}
    assert tallying.touched(batch) == {(1, 1000)}


def test_a_ticket_is_looked_at_again_when_the_row_of_an_echo_is_gone() -> None:
    echo = refused("A1", reason="absorbed", ticket_id=1001)
    assert tallying.touched([echo]) == {(1, 1001)}
    assert tallying.to_take_back([echo]) == set()
