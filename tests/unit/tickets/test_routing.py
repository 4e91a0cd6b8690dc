"""Routing of messages to tickets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest

from services.tickets.domain.keys import ConversationKey, MessageKey
from services.tickets.domain.plan import Plan, build_plan
from services.tickets.domain.ticket import Ticket
from services.tickets.routing import echoes
from services.tickets.routing.rules import (
    Conversation,
    Route,
    Routing,
    StoredMessage,
    build_outcome,
    list_attended,
    route_messages,
)
from shared.contracts.message import MessageIdentified, MessageRouted
from shared.contracts.outcome import Emit
from tests.support.build import NOON, at, conversation, identified, ticket

KEY = ConversationKey(1, 10, 100)
A1, E1 = MessageKey(1, 10, "A1"), MessageKey(1, 10, "E1")


@dataclass
class Routed:
    """The decisions about a batch."""

    plan: Plan
    routing: Routing

    @property
    def new(self) -> list[Ticket]:
        return [new.ticket for new in self.plan.new.values()]

    @property
    def reopened(self) -> list[Ticket]:
        return self.plan.changed

    @property
    def routes(self) -> list[Route]:
        return self.routing.routes

    @property
    def effects(self) -> list[str]:
        return [route.effect for route in self.routes]


def route(
    *batch: MessageIdentified,
    known: Sequence[Ticket] = (),
    where: Conversation | None = None,
    stored: Mapping[MessageKey, StoredMessage] | None = None,
    echoed: frozenset[MessageKey] = frozenset(),
) -> Routed:
    plan = build_plan(known, NOON)
    conversations = {KEY: where or conversation()}
    routing = route_messages(plan, conversations, stored or {}, batch, echoed, timedelta(hours=24))
    return Routed(plan, routing)


def test_a_first_message_opens_a_pending_ticket() -> None:
    routed = route(identified())
    assert [t.status for t in routed.new] == ["pending"]
    assert routed.effects == ["opened"]


def test_a_second_message_of_the_batch_goes_to_the_ticket_that_the_first_one_opened() -> None:
    routed = route(identified("A1"), identified("A2"))
    assert len(routed.new) == 1
    assert routed.effects == ["opened", "none"]


@pytest.mark.parametrize("status", ["open", "pending", "group", "nps", "lgpd"])
def test_a_ticket_that_is_not_closed_is_used_as_it_is(status: str) -> None:
    routed = route(identified(), known=[ticket(status=status)])
    assert (routed.new, routed.reopened) == ([], [])
    assert routed.routes[0].ticket.id == 1000


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
    routed = route(
        identified(timestamp=at(minutes)), known=[closed], where=conversation(reopen_minutes=30)
    )
    assert routed.effects == [effect]


def test_without_a_window_a_closed_ticket_stays_closed() -> None:
    routed = route(identified(), known=[ticket(status="closed")])
    assert routed.reopened == []


def test_a_reopened_ticket_is_pending_and_keeps_its_user_and_queue() -> None:
    closed = ticket(status="closed", user_id=5, queue_id=6)
    routed = route(identified(), known=[closed], where=conversation(reopen_minutes=30))
    (reopened,) = routed.reopened
    assert (reopened.status, reopened.user_id, reopened.queue_id) == ("pending", 5, 6)


@pytest.mark.parametrize(("as_ticket", "status"), [(False, "group"), (True, "pending")])
def test_a_group_that_goes_on_is_a_ticket_only_where_so_set(as_ticket: bool, status: str) -> None:
    closed = ticket(status="closed", is_group=True)
    where = conversation(group_as_ticket=as_ticket, reopen_minutes=30)
    routed = route(identified(is_group=True), known=[closed], where=where)
    assert [t.status for t in routed.reopened] == [status]


def test_a_message_that_its_line_has_stored_moves_nothing() -> None:
    routed = route(identified("A1"), stored={A1: StoredMessage(1000, is_placeholder=False)})
    assert (routed.new, routed.reopened, routed.routes) == ([], [], [])


def test_a_copy_in_the_same_batch_moves_nothing() -> None:
    assert len(route(identified("A1"), identified("A1")).routes) == 1


FAREWELL = identified("E1", from_me=True, sender_id=None, body="Até logo")


@pytest.mark.parametrize("reopen_minutes", [0, 30])
def test_the_echo_of_a_farewell_leaves_the_ticket_closed(reopen_minutes: int) -> None:
    closed, echo = ticket(status="closed"), frozenset({E1})
    where = conversation(reopen_minutes=reopen_minutes)
    routed = route(FAREWELL, known=[closed], where=where, echoed=echo)
    assert (routed.new, routed.reopened, list_attended(routed.routing)) == ([], [], [])
    assert [(route.ticket.id, route.effect) for route in routed.routes] == [(1000, "none")]


def test_a_customer_who_answers_a_farewell_begins_anew() -> None:
    closed, echo = ticket(status="closed"), frozenset({E1})
    routed = route(FAREWELL, identified("A1"), known=[closed], echoed=echo)
    assert routed.effects == ["none", "opened"]


@pytest.mark.parametrize(
    ("message", "status", "stored"),
    [
        pytest.param(identified("E1"), "closed", set(), id="the contact's own"),
        pytest.param(FAREWELL, "open", set(), id="while the ticket goes on"),
        pytest.param(FAREWELL, "closed", {E1}, id="stored already"),
    ],
)
def test_what_cannot_be_such_an_echo_is_not_asked_about(
    message: MessageIdentified, status: str, stored: set[MessageKey]
) -> None:
    plan = build_plan([ticket(status=status)], NOON)
    assert echoes.find_candidates(plan, {KEY: conversation()}, stored, [message]) == []


def test_a_message_of_ours_in_a_closed_conversation_may_be_an_echo() -> None:
    plan = build_plan([ticket(status="closed")], NOON)
    (candidate,) = echoes.find_candidates(plan, {KEY: conversation()}, set(), [FAREWELL])
    assert (candidate.wid, candidate.ticket_id, candidate.body) == ("E1", 1000, "Até logo")


def test_the_same_wid_on_another_line_is_another_message() -> None:
    conversations = {
        ConversationKey(1, line, 100): conversation(whatsapp_id=line) for line in (10, 11)
    }
    batch = [identified("A1"), identified("A1", whatsapp_id=11)]
    routing = route_messages(build_plan([], NOON), conversations, {}, batch)
    assert len(routing.routes) == 2


@pytest.mark.parametrize(
    ("where", "is_group", "status", "user_id"),
    [
        pytest.param(conversation(), True, "group", None, id="a group is no ticket"),
        pytest.param(conversation(group_as_ticket=True), True, "pending", None, id="unless so set"),
        pytest.param(conversation(asks_consent=True), False, "lgpd", None, id="consent first"),
        pytest.param(conversation(asks_consent=True), True, "group", None, id="not of a group"),
        pytest.param(conversation(wallet_user_id=5), False, "open", 5, id="to the contact's user"),
        pytest.param(conversation(wallet_user_id=5), True, "group", None, id="not for a group"),
        pytest.param(
            conversation(wallet_user_id=5, asks_consent=True), False, "lgpd", 5, id="after consent"
        ),
    ],
)
def test_a_new_ticket_begins_as_the_line_and_the_company_set(
    where: Conversation, is_group: bool, status: str, user_id: int | None
) -> None:
    routed = route(identified(is_group=is_group), where=where)
    (opened,) = routed.new
    assert (opened.status, opened.user_id) == (status, user_id)


def test_a_new_ticket_has_the_lid_and_jid_of_its_message() -> None:
    (opened,) = route(identified(lid="9@lid", jid="1@s.whatsapp.net")).plan.new.values()
    assert (opened.lid, opened.jid) == ("9@lid", "1@s.whatsapp.net")


def test_a_message_carries_the_queue_and_the_attendance_of_its_ticket() -> None:
    routed = route(identified(), known=[ticket(status="open", queue_id=7)])
    (emitted,) = build_outcome(routed.routing, {}, {1000: 55})
    assert isinstance(emitted, Emit)
    assert isinstance(emitted.fact, MessageRouted)
    assert (emitted.fact.queue_id, emitted.fact.ticket_traking_id) == (7, 55)


def test_a_message_of_a_deleted_contact_is_rejected() -> None:
    routing = route_messages(build_plan([], NOON), {}, {}, [identified()])
    (rejected,) = build_outcome(routing, {}, {})
    assert getattr(rejected, "reason", None) == "unknown-contact"


def test_a_placeholder_gets_a_ticket_like_any_message_and_its_content_the_same_one() -> None:
    routed = route(identified(media_type="unsupported", body=""), identified(body="2"))
    assert [(r.message.body, r.ticket.id, r.effect) for r in routed.routes] == [
        ("", -1, "opened"),
        ("2", -1, "none"),
    ]


@pytest.mark.parametrize("known", [[], [ticket(1001)], [ticket(1001, status="closed")]])
def test_the_content_of_a_stored_placeholder_goes_to_its_ticket_and_moves_nothing(
    known: list[Ticket],
) -> None:
    stored = {A1: StoredMessage(1000, is_placeholder=True)}
    where = conversation(reopen_minutes=30)
    routed = route(identified(body="2"), known=known, stored=stored, where=where)
    assert (routed.new, routed.reopened, routed.routes) == ([], [], [])
    (emitted,) = build_outcome(routed.routing, {}, {})
    assert isinstance(emitted, Emit)
    assert isinstance(emitted.fact, MessageRouted)
    assert (emitted.fact.ticket_id, emitted.fact.ticket_effect) == (1000, "none")


@pytest.mark.parametrize("is_placeholder", [True, False])
@pytest.mark.parametrize("media_type", ["view_once", "conversation"])
def test_of_a_wid_that_is_stored_only_the_first_content_is_passed_on(
    media_type: str, *, is_placeholder: bool
) -> None:
    stored = {A1: StoredMessage(1000, is_placeholder=is_placeholder)}
    message = identified(media_type=media_type)
    routed = route(message, message, stored=stored)
    is_passed_on = is_placeholder and media_type == "conversation"
    assert (len(routed.routing.contents), routed.routes) == (int(is_passed_on), [])


def test_a_placeholder_of_ours_may_be_the_echo_of_any_text() -> None:
    plan = build_plan([ticket(status="closed")], NOON)
    unseen = FAREWELL.model_copy(update={"media_type": "undecryptable", "body": ""})
    (candidate,) = echoes.find_candidates(plan, {KEY: conversation()}, set(), [unseen])
    assert candidate.body is None


@pytest.mark.parametrize(
    ("hours", "status"),
    [
        pytest.param(23.9, "lgpd", id="written today"),
        pytest.param(24.1, "pending", id="written yesterday"),
        pytest.param(None, "lgpd", id="with no time of receipt"),
    ],
)
def test_the_contact_of_a_late_message_is_not_asked_for_consent(
    hours: float | None, status: str
) -> None:
    received_at = None if hours is None else NOON + timedelta(hours=hours)
    where = conversation(asks_consent=True)
    (opened,) = route(identified(received_at=received_at), where=where).new
    assert opened.status == status


def test_a_late_message_reopens_a_ticket_within_its_window_as_pending() -> None:
    late = identified(received_at=NOON + timedelta(hours=30))
    closed = ticket(status="closed", updated_at=NOON + timedelta(hours=29), user_id=5)
    routed = route(late, known=[closed], where=conversation(reopen_minutes=30))
    assert [(t.status, t.user_id) for t in routed.reopened] == [("pending", 5)]
