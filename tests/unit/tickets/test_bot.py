"""Replies of contacts to questions: a mark, consent, a queue."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.tickets.bot.rules import Reply, apply_replies, find_rating, list_contact_messages
from services.tickets.domain.business_hours import read_schedules
from services.tickets.domain.events import TicketFact
from services.tickets.domain.keys import TicketKey
from services.tickets.domain.plan import build_plan
from services.tickets.domain.policy import Policy, Queue
from services.tickets.domain.ticket import Attendance
from shared.contracts.contact import ContactConsent
from shared.contracts.message_request import MessageCompose
from shared.contracts.ticket import TicketRated
from tests.support.build import NOON, stored
from tests.support.ticket_harness import TEMPLATES, TicketHarness, build_ticket, list_types
from tests.unit.tickets.test_unread import updated

POLICY = Policy(templates=TEMPLATES, max_rating_questions=3, max_bot_questions=2)


def rating(**members: Any) -> TicketHarness:
    given: dict[str, Any] = {
        "status": "nps",
        "user_id": 5,
        "rating_questions": 1,
        "attendance": Attendance(1, user_id=5, closed_at=NOON),
    }
    return TicketHarness(policy=POLICY).add(build_ticket(**(given | members)))


def reply(harness: TicketHarness, *texts: str, known: int = 0) -> list[TicketFact]:
    """Apply texts of the contact; the first `known` of them were consumed before."""
    return harness.reply(*(Reply(body, is_new=n >= known) for n, body in enumerate(texts)))


def list_replies(facts: list[TicketFact]) -> list[str]:
    return [fact.body for fact in facts if isinstance(fact, MessageCompose)]


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("8", 8), ("10", 10), ("0", 0), ("nota 7!", 7), ("Dou 10, obrigada", 10), ("dez", None),
        ("100", None), ("11", None), ("7,5", None), ("pedido 2026", None), ("", None),
        ("9 de 10", 9), ("1000 vezes 9", 9), ("10/10", 10), ("٣", 3), ("²", None),
    ],
)  # fmt: skip
def test_the_first_number_from_0_to_10_is_a_mark(text: str, mark: int | None) -> None:
    assert find_rating(text) == mark


def test_a_mark_in_an_answer_ends_the_conversation() -> None:
    harness = rating()
    rated, thanks = reply(harness, "Foi bom", "9", "3")
    assert isinstance(rated, TicketRated)
    assert (rated.rate, rated.status, list_replies([thanks])) == (9, "closed", ["Obrigado!"])
    assert harness.last is not None
    assert [(r.user_id, r.rate) for r in harness.last.ratings] == [(5, 9)]
    ((_, attendance),) = harness.finished
    assert (attendance.rated, attendance.rating_at) == (True, harness.get().closed_at)
    assert attendance.closed_at == NOON


def test_without_a_mark_the_question_comes_again_but_not_for_ever() -> None:
    harness = rating()
    assert list_replies(reply(harness, "oi")) == ["De 0 a 10?"]
    assert reply(harness, "oi") == []
    assert list_replies(reply(harness, "oi", "quê?", "oi?")) == ["De 0 a 10?"]
    assert reply(harness, "oi", "quê?", "oi?", "alô") == []
    assert harness.get().rating_questions == 3


def test_a_contact_is_asked_for_consent_once_and_again_when_the_answer_is_another() -> None:
    harness = TicketHarness(policy=POLICY).add(build_ticket(status="lgpd"))
    facts = reply(harness)
    assert (list_types(facts[:1]), list_replies(facts)) == (
        ["ticket.updated"],
        ["1 - Sim\n2 - Não"],
    )
    assert reply(harness) == []
    assert len(list_replies(reply(harness, "por quê?"))) == 1
    assert reply(harness, "por quê?", "hein?") == []


@pytest.mark.parametrize(
    ("texts", "status", "consented"),
    [(("oi", " 1 "), "pending", True), (("2",), "closed", False), (("1", "2"), "pending", True)],
)
def test_consent_lets_the_conversation_begin_and_a_refusal_ends_it(
    texts: tuple[str, ...], status: str, consented: bool
) -> None:
    harness = TicketHarness(policy=POLICY).add(
        build_ticket(status="lgpd", consent_asked_at=NOON, bot_questions=1)
    )
    reply(harness, *texts)
    assert (harness.get().status, harness.get().consented_at is not None) == (status, consented)
    assert (harness.get().attendance is None) == (status == "closed")


@pytest.mark.parametrize(("text", "contacts"), [("1", [100]), ("2", [])])
def test_a_contacts_consent_is_published_for_the_address_book(
    text: str, contacts: list[int]
) -> None:
    harness = TicketHarness(policy=POLICY).add(
        build_ticket(status="lgpd", consent_asked_at=NOON, bot_questions=1)
    )
    consents = [fact for fact in reply(harness, text) if isinstance(fact, ContactConsent)]
    assert [fact.contact_id for fact in consents] == contacts
    assert all(fact.consented_at == harness.get().consented_at for fact in consents)


MENU = (Queue(7, "Vendas", "Já vamos"), Queue(8, "Suporte"), Queue(9, "Fim", closes=True))
OUT = replace(TEMPLATES, out_of_hours="Fechado")
CHOOSING = replace(POLICY, menu=MENU)


def test_a_contact_is_asked_for_a_queue_and_chooses_one_by_its_place() -> None:
    harness = TicketHarness(policy=CHOOSING).add(build_ticket())
    assert list_replies(reply(harness, "1")) == ["1 - Vendas\n2 - Suporte\n3 - Fim"]
    assert (harness.get().queue_id, harness.get().open_attendance.chatbot_at) == (
        None,
        harness.get().updated_at,
    )
    facts = reply(harness, "1")
    assert (list_types(facts[:1]), list_replies(facts)) == (["ticket.queued"], ["Já vamos"])
    assert (harness.get().queue_id, harness.get().status) == (7, "pending")
    assert harness.list_logs() == ["chatBot", "queue"]


def choose(harness: TicketHarness, body: str, choice: str) -> list[TicketFact]:
    return harness.reply(Reply(body, choice=choice))


def test_a_contact_chooses_a_queue_by_the_id_of_a_button_or_row() -> None:
    asked = build_ticket(attendance=Attendance(1, chatbot_at=NOON))
    harness = TicketHarness(policy=CHOOSING).add(asked)
    assert list_types(choose(harness, "Suporte técnico", "2")[:1]) == ["ticket.queued"]
    assert harness.get().queue_id == 8


def test_a_contact_leaves_the_menu_by_the_id_of_a_button() -> None:
    asked = build_ticket(attendance=Attendance(1, chatbot_at=NOON))
    harness = TicketHarness(policy=CHOOSING).add(asked)
    choose(harness, "Encerrar", "Sair")
    assert harness.get().status == "closed"


def test_an_id_that_names_no_queue_leaves_the_text_to_decide() -> None:
    asked = build_ticket(attendance=Attendance(1, chatbot_at=NOON))
    harness = TicketHarness(policy=CHOOSING).add(asked)
    choose(harness, "1", "queue-2")
    assert harness.get().queue_id == 7


def test_the_id_of_a_choice_is_no_rating() -> None:
    harness = rating()
    choose(harness, "Bom", "button-3")
    assert harness.get().status == "nps"


def test_the_choices_of_new_messages_are_known_by_message() -> None:
    batch = [stored("A1", message_id=5, choice_id="2"), stored("A2", message_id=6)]
    new = list_contact_messages(batch, DAY)
    assert (new.choices, new.select(new.tickets).choices) == ({5: "2"}, {5: "2"})


def consenting(**members: Any) -> TicketHarness:
    given: dict[str, Any] = {"status": "lgpd", "consent_asked_at": NOON, "bot_questions": 1}
    return TicketHarness(policy=CHOOSING).add(build_ticket(**given, **members))


def test_a_contact_who_consents_is_asked_for_a_queue_at_once() -> None:
    harness = consenting()
    assert list_replies(reply(harness, "1")) == ["1 - Vendas\n2 - Suporte\n3 - Fim"]
    assert (harness.get().status, harness.get().queue_id, harness.list_logs()) == (
        "pending", None, ["pending", "chatBot"],
    )  # fmt: skip


def test_a_contact_who_consents_and_has_a_user_waits_for_that_one() -> None:
    harness = consenting(user_id=5)
    assert list_replies(reply(harness, "1")) == []
    assert (harness.get().status, harness.get().user_id) == ("pending", 5)


def test_a_line_with_one_queue_does_not_ask() -> None:
    harness = TicketHarness(policy=replace(POLICY, menu=MENU[:1])).add(build_ticket())
    facts = reply(harness, "oi")
    assert (list_types(facts[:1]), list_replies(facts)) == (["ticket.queued"], ["Já vamos"])
    assert harness.get().queue_id == 7


def test_the_list_of_queues_comes_again_but_not_for_ever_and_not_while_the_bot_pauses() -> None:
    harness = TicketHarness(policy=CHOOSING).add(build_ticket())
    reply(harness)
    assert len(list_replies(reply(harness, "oi"))) == 1
    assert reply(harness, "oi", "alô?") == []
    harness = TicketHarness(policy=replace(CHOOSING, bot_pause=timedelta(minutes=90))).add(
        build_ticket()
    )
    reply(harness)
    assert reply(harness, "oi") == []


def test_a_contact_who_writes_out_of_hours_is_answered_once() -> None:
    schedules = [{"weekdayEn": "monday", "startTimeA": "08:00", "endTimeA": "12:00"}]
    closed = replace(CHOOSING, hours=read_schedules(schedules, None), templates=OUT)
    harness = TicketHarness(policy=closed).add(build_ticket())
    assert list_replies(reply(harness, "oi")) == ["Fechado"]
    assert (harness.get().is_out_of_hours, harness.get().bot_questions) == (True, 1)
    assert reply(harness, "oi?") == []
    harness.now += timedelta(days=4)  # a Monday, ten o'clock
    assert list_replies(reply(harness, "oi!")) == ["1 - Vendas\n2 - Suporte\n3 - Fim"]
    assert not harness.get().is_out_of_hours


def test_a_queue_that_was_chosen_is_stamped_and_stays_chosen() -> None:
    harness = TicketHarness(policy=CHOOSING).add(build_ticket())
    reply(harness)
    reply(harness, "2")
    attendance = harness.get().open_attendance
    assert (attendance.queue_id, attendance.queued_at) == (8, harness.get().updated_at)
    assert reply(harness, "2", "1") == []


def test_a_user_who_has_the_ticket_answers_himself() -> None:
    harness = TicketHarness(policy=CHOOSING).add(build_ticket(user_id=5))
    assert reply(harness, "oi") == []


@pytest.mark.parametrize("word", ["Sair", "3"])
def test_a_contact_may_leave(word: str) -> None:
    harness = TicketHarness(policy=CHOOSING).add(build_ticket())
    reply(harness)
    assert list_types(reply(harness, word))[-1] == "ticket.closed"
    assert harness.get().status == "closed"


def test_what_was_consumed_before_the_question_is_no_answer() -> None:
    harness = rating()
    assert reply(harness, "9", known=1)[:1] != []
    assert harness.get().status == "nps"


DAY = timedelta(hours=24)


@pytest.mark.parametrize(
    ("received_at", "is_reply"),
    [
        pytest.param(None, True, id="no time of receipt"),
        pytest.param(NOON + DAY, True, id="a day"),
        pytest.param(NOON + DAY + timedelta(seconds=1), False, id="more than a day"),
    ],
)
def test_a_late_message_is_no_reply_and_no_reason_to_ask(
    received_at: datetime | None, *, is_reply: bool
) -> None:
    message = stored("A1", message_id=5, received_at=received_at)
    content = updated("content", message_id=6, timestamp=NOON, received_at=received_at)
    new = list_contact_messages([message, content], DAY)
    assert (list(new.messages), list(new.contents)) == (([5], [6]) if is_reply else ([], []))


def test_our_messages_and_other_changes_are_no_replies() -> None:
    batch = [stored("A1", from_me=True), updated("body"), updated("ack", "read")]
    assert list_contact_messages(batch, DAY).tickets == set()


ASKED = Attendance(1, chatbot_at=NOON)


@pytest.mark.parametrize(
    ("ticket", "text", "status", "queue_id"),
    [
        pytest.param({"attendance": ASKED}, "2", "pending", 8, id="menu"),
        pytest.param({"attendance": ASKED}, "sair", "closed", None, id="leave"),
        pytest.param(
            {"status": "lgpd", "consent_asked_at": NOON}, "1", "pending", None, id="consent"
        ),
        pytest.param(
            {"status": "nps", "attendance": Attendance(1, closed_at=NOON)}, "9", "closed", None,
            id="rating",
        ),
    ],
)  # fmt: skip
def test_the_content_of_a_placeholder_is_an_answer(
    ticket: dict[str, Any], text: str, status: str, queue_id: int | None
) -> None:
    asked = replace(build_ticket(), policy=replace(POLICY, menu=MENU), **ticket)
    plan = build_plan([asked], NOON)
    apply_replies(plan, {asked.key: [Reply(text)]}, not_to_ask={asked.key})
    (after,) = plan.changed
    assert (after.status, after.queue_id) == (status, queue_id)


@pytest.mark.parametrize(
    "ticket",
    [
        pytest.param({}, id="not asked yet"),
        pytest.param({"attendance": ASKED}, id="menu"),
        pytest.param({"status": "lgpd", "consent_asked_at": NOON}, id="consent"),
        pytest.param({"status": "nps", "attendance": Attendance(1, closed_at=NOON)}, id="rating"),
    ],
)
def test_the_content_of_a_placeholder_is_no_reason_to_ask(ticket: dict[str, Any]) -> None:
    waiting = replace(build_ticket(), policy=replace(POLICY, menu=MENU), **ticket)
    plan = build_plan([waiting], NOON)
    replies = {TicketKey(1, waiting.id): [Reply("Bom dia")]}
    apply_replies(plan, replies, not_to_ask={waiting.key})
    assert plan.changed == []
    apply_replies(plan, replies)
    assert plan.changed != []


@pytest.mark.parametrize("ticket", [{}, {"status": "lgpd"}], ids=["menu", "consent"])
def test_the_content_of_a_placeholder_is_no_answer_to_a_question_not_asked_yet(
    ticket: dict[str, Any],
) -> None:
    waiting = replace(build_ticket(), policy=replace(POLICY, menu=MENU), **ticket)
    plan = build_plan([waiting], NOON)
    apply_replies(plan, {waiting.key: [Reply("1")]}, not_to_ask={waiting.key})
    assert plan.changed == []
