"""What contacts answer, and what happens when nobody does anything."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.tickets.rules import answers, hours, telling
from services.tickets.rules.answers import Heard
from services.tickets.rules.tickets import Attendance, Queue, Wants
from services.tickets.rules.waiting import DRAW, EXPIRE, EXPIRE_RATING, REDIRECT, WARN
from shared.contracts.contact import ContactConsent
from shared.contracts.message_request import MessageCompose
from shared.contracts.ticket import TicketRated
from tests.support.build import NOON, at
from tests.support.desk import WORDS, Desk, held, types

WANTS = Wants(words=WORDS, most_rating_questions=3, most_bot_questions=2)


def asked(**members: Any) -> Desk:
    given: dict[str, Any] = {
        "status": "nps",
        "user_id": 5,
        "rating_questions": 1,
        "attendance": Attendance(1, user_id=5, closed_at=NOON),
    }
    return Desk(wants=WANTS).hold(held(**(given | members)))


def answer(desk: Desk, *words: str, known: int = 0) -> list[telling.TicketFact]:
    """Let the contact say something; the first `known` of it was heard before."""
    return desk.answer(*(Heard(body, is_new=n >= known) for n, body in enumerate(words)))


def pass_time(desk: Desk, what: str, **members: Any) -> list[telling.TicketFact]:
    return desk.pass_time(what, **members)


def said(facts: list[telling.TicketFact]) -> list[str]:
    return [fact.body for fact in facts if isinstance(fact, MessageCompose)]


@pytest.mark.parametrize(
    ("words", "mark"),
    [
        ("8", 8), ("10", 10), ("0", 0), ("nota 7!", 7), ("Dou 10, obrigada", 10), ("dez", None),
        ("100", None), ("11", None), ("7,5", None), ("pedido 2026", None), ("", None),
        ("9 de 10", 9), ("1000 vezes 9", 9), ("10/10", 10), ("٣", 3), ("²", None),
    ],
)  # fmt: skip
def test_the_first_number_from_0_to_10_is_a_mark(words: str, mark: int | None) -> None:
    assert answers.mark_in(words) == mark


def test_a_mark_in_an_answer_ends_the_conversation() -> None:
    desk = asked()
    rated, thanks = answer(desk, "Foi bom", "9", "3")
    assert isinstance(rated, TicketRated)
    assert (rated.rate, rated.status, said([thanks])) == (9, "closed", ["Obrigado!"])
    assert desk.last is not None
    assert [(r.user_id, r.rate) for r in desk.last.ratings] == [(5, 9)]
    ((_, attendance),) = desk.finished
    assert (attendance.rated, attendance.rating_at) == (True, desk.of().closed_at)
    assert attendance.closed_at == NOON


def test_without_a_mark_the_question_comes_again_but_not_for_ever() -> None:
    desk = asked()
    assert said(answer(desk, "oi")) == ["De 0 a 10?"]
    assert answer(desk, "oi") == []
    assert said(answer(desk, "oi", "quê?", "oi?")) == ["De 0 a 10?"]
    assert answer(desk, "oi", "quê?", "oi?", "alô") == []
    assert desk.of().rating_questions == 3


def test_a_contact_is_asked_for_consent_once_and_again_when_the_answer_is_another() -> None:
    desk = Desk(wants=WANTS).hold(held(status="lgpd"))
    (state, *_), words = (facts := answer(desk)), said(facts)
    assert (types([state]), words) == (["ticket.updated"], ["1 - Sim\n2 - Não"])
    assert answer(desk) == []
    assert len(said(answer(desk, "por quê?"))) == 1
    assert answer(desk, "por quê?", "hein?") == []


@pytest.mark.parametrize(
    ("words", "status", "consented"),
    [(("oi", " 1 "), "pending", True), (("2",), "closed", False), (("1", "2"), "pending", True)],
)
def test_consent_lets_the_conversation_begin_and_a_refusal_ends_it(
    words: tuple[str, ...], status: str, consented: bool
) -> None:
    desk = Desk(wants=WANTS).hold(held(status="lgpd", consent_asked_at=NOON, bot_questions=1))
    answer(desk, *words)
    assert (desk.of().status, desk.of().consented_at is not None) == (status, consented)
    assert (desk.of().attendance is None) == (status == "closed")


@pytest.mark.parametrize(("words", "contacts"), [("1", [100]), ("2", [])])
def test_a_contacts_consent_is_told_to_the_address_book(words: str, contacts: list[int]) -> None:
    desk = Desk(wants=WANTS).hold(held(status="lgpd", consent_asked_at=NOON, bot_questions=1))
    told = [fact for fact in answer(desk, words) if isinstance(fact, ContactConsent)]
    assert [fact.contact_id for fact in told] == contacts
    assert all(fact.consented_at == desk.of().consented_at for fact in told)


MENU = (Queue(7, "Vendas", "Já vamos"), Queue(8, "Suporte"), Queue(9, "Fim", closes=True))
OUT = replace(WORDS, out_of_hours="Fechado")
CHOOSING = replace(WANTS, menu=MENU)


def test_a_contact_is_asked_for_a_queue_and_chooses_one_by_its_place() -> None:
    desk = Desk(wants=CHOOSING).hold(held())
    assert said(answer(desk, "1")) == ["1 - Vendas\n2 - Suporte\n3 - Fim"]
    assert (desk.of().queue_id, desk.of().attended.chatbot_at) == (None, desk.of().updated_at)
    facts = answer(desk, "1")
    assert (types(facts[:1]), said(facts)) == (["ticket.queued"], ["Já vamos"])
    assert (desk.of().queue_id, desk.of().status) == (7, "pending")
    assert desk.logged() == ["chatBot", "queue"]


def consenting(**members: Any) -> Desk:
    asked: dict[str, Any] = {"status": "lgpd", "consent_asked_at": NOON, "bot_questions": 1}
    return Desk(wants=CHOOSING).hold(held(**asked, **members))


def test_a_contact_who_consents_is_asked_for_a_queue_at_once() -> None:
    desk = consenting()
    assert said(answer(desk, "1")) == ["1 - Vendas\n2 - Suporte\n3 - Fim"]
    assert (desk.of().status, desk.of().queue_id, desk.logged()) == (
        "pending", None, ["pending", "chatBot"],
    )  # fmt: skip


def test_a_contact_who_consents_and_has_a_user_waits_for_that_one() -> None:
    desk = consenting(user_id=5)
    assert said(answer(desk, "1")) == []
    assert (desk.of().status, desk.of().user_id) == ("pending", 5)


def test_a_line_with_one_queue_does_not_ask() -> None:
    desk = Desk(wants=replace(WANTS, menu=MENU[:1])).hold(held())
    facts = answer(desk, "oi")
    assert (types(facts[:1]), said(facts)) == (["ticket.queued"], ["Já vamos"])
    assert desk.of().queue_id == 7


def test_the_list_of_queues_comes_again_but_not_for_ever_and_not_while_the_bot_is_silent() -> None:
    desk = Desk(wants=CHOOSING).hold(held())
    answer(desk)
    assert len(said(answer(desk, "oi"))) == 1
    assert answer(desk, "oi", "alô?") == []
    desk = Desk(wants=replace(CHOOSING, bot_is_silent=timedelta(minutes=90))).hold(held())
    answer(desk)
    assert answer(desk, "oi") == []


def test_a_contact_who_writes_out_of_hours_is_told_so_once() -> None:
    schedules = [{"weekdayEn": "monday", "startTimeA": "08:00", "endTimeA": "12:00"}]
    closed = replace(CHOOSING, hours=hours.read(schedules, None), words=OUT)
    desk = Desk(wants=closed).hold(held())
    assert said(answer(desk, "oi")) == ["Fechado"]
    assert (desk.of().is_out_of_hours, desk.of().bot_questions) == (True, 1)
    assert answer(desk, "oi?") == []
    desk.now += timedelta(days=4)  # a Monday, ten o'clock
    assert said(answer(desk, "oi!")) == ["1 - Vendas\n2 - Suporte\n3 - Fim"]
    assert not desk.of().is_out_of_hours


@pytest.mark.parametrize(
    ("at_utc", "is_open"),
    [
        ("2026-08-20T11:00", True), ("2026-08-20T10:59", False), ("2026-08-20T15:00", True),
        ("2026-08-20T15:30", False), ("2026-08-20T17:00", True), ("2026-08-21T12:00", False),
    ],
)  # fmt: skip
def test_hours_are_those_of_the_companys_clock(at_utc: str, is_open: bool) -> None:
    day = {
        "weekdayEn": "thursday", "startTimeA": "08:00", "endTimeA": "12:00",
        "startTimeB": "13:00", "endTimeB": "18:00",
    }  # fmt: skip
    there = hours.read([day], "America/Sao_Paulo")
    assert there.include(datetime.fromisoformat(at_utc).replace(tzinfo=UTC)) is is_open


@pytest.mark.parametrize(
    "schedules", [None, [], [{}], [{"weekdayEn": "monday", "startTimeA": "", "endTimeA": "x"}], [7]]
)
def test_without_a_shift_somebody_is_always_there(schedules: Any) -> None:
    assert hours.read(schedules, "Nowhere/At_All").include(NOON)


@pytest.mark.parametrize("name", ["Nowhere/At_All", "../etc/passwd", "", "\x00"])
def test_a_clock_that_is_not_there_is_the_default_one(name: str) -> None:
    day = {"weekdayEn": "thursday", "startTimeA": "08:00", "endTimeA": "10:00"}
    assert hours.read([day], name).include(NOON)


def test_a_queue_that_was_chosen_is_stamped_and_stays_chosen() -> None:
    desk = Desk(wants=CHOOSING).hold(held())
    answer(desk)
    answer(desk, "2")
    attendance = desk.of().attended
    assert (attendance.queue_id, attendance.queued_at) == (8, desk.of().updated_at)
    assert answer(desk, "2", "1") == []


def test_a_user_who_has_the_ticket_answers_himself() -> None:
    desk = Desk(wants=CHOOSING).hold(held(user_id=5))
    assert answer(desk, "oi") == []


@pytest.mark.parametrize("word", ["Sair", "3"])
def test_a_contact_may_leave(word: str) -> None:
    desk = Desk(wants=CHOOSING).hold(held())
    answer(desk)
    assert types(answer(desk, word))[-1] == "ticket.closed"
    assert desk.of().status == "closed"


def test_what_was_heard_before_the_question_is_no_answer() -> None:
    desk = asked()
    assert answer(desk, "9", known=1)[:1] != []
    assert desk.of().status == "nps"


def test_an_idle_ticket_is_warned_and_then_closed() -> None:
    desk = Desk(wants=WANTS).hold(held(status="open", user_id=5, unread_messages=2))
    assert said(pass_time(desk, WARN)) == ["Ainda aí?"]
    assert (desk.of().is_warned, desk.of().status) == (True, "open")
    facts = pass_time(desk, EXPIRE)
    assert (types(facts[:1]), said(facts)) == (["ticket.closed"], ["Encerrado."])
    assert (desk.of().status, desk.of().unread_messages, desk.logged()) == (
        "closed", 0, ["autoClose"],
    )  # fmt: skip
    assert desk.finished[0][1].finished_at == desk.of().closed_at


def test_a_mark_that_nobody_gives_is_no_longer_waited_for() -> None:
    desk = asked()
    facts = pass_time(desk, EXPIRE_RATING)
    assert (types(facts[:1]), said(facts)) == (["ticket.closed"], ["Obrigado!"])
    assert desk.last is not None
    assert (desk.last.ratings, desk.logged()) == ([], ["autoClose"])


@pytest.mark.parametrize(("closes", "told"), [(False, 1), (True, 2)])
def test_a_ticket_that_nobody_queues_is_sent_to_the_lines_queue(closes: bool, told: int) -> None:
    desk = Desk().hold(held())
    facts = pass_time(desk, REDIRECT, queue_id=8, closes=closes)
    assert types(facts) == ["ticket.queued", "ticket.closed"][:told]
    assert (desk.of().queue_id, desk.logged()[0]) == (8, "redirect")


def test_a_user_is_drawn_for_a_ticket_that_goes_on_waiting() -> None:
    desk = Desk().hold(held(queue_id=7))
    assert types(pass_time(desk, DRAW, user_id=6)) == ["ticket.updated"]
    assert (desk.of().status, desk.of().user_id, desk.logged()) == ("pending", 6, ["userDefine"])


def test_a_ticket_that_was_touched_since_is_left_alone() -> None:
    desk = Desk().hold(held(status="open", user_id=5))
    assert pass_time(desk, EXPIRE, updated_at=at() - timedelta(microseconds=1)) == []
    assert desk.of().status == "open"
