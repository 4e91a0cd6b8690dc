"""Due actions of tickets, once their time has come."""

from datetime import timedelta
from typing import Any

import pytest

from services.tickets.domain.events import TicketFact
from services.tickets.domain.policy import Policy
from services.tickets.domain.ticket import Attendance
from services.tickets.timers.rules import ASSIGN, EXPIRE, EXPIRE_RATING, REDIRECT, WARN
from shared.contracts.message_request import MessageCompose
from tests.support.build import NOON, at
from tests.support.ticket_harness import TEMPLATES, TicketHarness, build_ticket, list_types

POLICY = Policy(templates=TEMPLATES, max_rating_questions=3, max_bot_questions=2)


def rating(**members: Any) -> TicketHarness:
    given: dict[str, Any] = {
        "status": "nps",
        "user_id": 5,
        "rating_questions": 1,
        "attendance": Attendance(1, user_id=5, closed_at=NOON),
    }
    return TicketHarness(policy=POLICY).add(build_ticket(**(given | members)))


def list_replies(facts: list[TicketFact]) -> list[str]:
    return [fact.body for fact in facts if isinstance(fact, MessageCompose)]


def test_an_idle_ticket_is_warned_and_then_closed() -> None:
    harness = TicketHarness(policy=POLICY).add(
        build_ticket(status="open", user_id=5, unread_messages=2)
    )
    assert list_replies(harness.run_due_action(WARN)) == ["Ainda aí?"]
    assert (harness.get().is_warned, harness.get().status) == (True, "open")
    facts = harness.run_due_action(EXPIRE)
    assert (list_types(facts[:1]), list_replies(facts)) == (["ticket.closed"], ["Encerrado."])
    assert (harness.get().status, harness.get().unread_messages, harness.list_logs()) == (
        "closed", 0, ["autoClose"],
    )  # fmt: skip
    assert harness.finished[0][1].finished_at == harness.get().closed_at


def test_a_mark_that_nobody_gives_is_no_longer_waited_for() -> None:
    harness = rating()
    facts = harness.run_due_action(EXPIRE_RATING)
    assert (list_types(facts[:1]), list_replies(facts)) == (["ticket.closed"], ["Obrigado!"])
    assert harness.last is not None
    assert (harness.last.ratings, harness.list_logs()) == ([], ["autoClose"])


@pytest.mark.parametrize(("closes", "facts_count"), [(False, 1), (True, 2)])
def test_a_ticket_that_nobody_queues_is_sent_to_the_lines_queue(
    closes: bool, facts_count: int
) -> None:
    harness = TicketHarness().add(build_ticket())
    facts = harness.run_due_action(REDIRECT, queue_id=8, closes=closes)
    assert list_types(facts) == ["ticket.queued", "ticket.closed"][:facts_count]
    assert (harness.get().queue_id, harness.list_logs()[0]) == (8, "redirect")


def test_a_user_is_assigned_to_a_ticket_that_goes_on_waiting() -> None:
    harness = TicketHarness().add(build_ticket(queue_id=7))
    assert list_types(harness.run_due_action(ASSIGN, user_id=6)) == ["ticket.updated"]
    assert (harness.get().status, harness.get().user_id, harness.list_logs()) == (
        "pending",
        6,
        ["userDefine"],
    )


def test_a_ticket_that_changed_since_is_left_alone() -> None:
    harness = TicketHarness().add(build_ticket(status="open", user_id=5))
    assert harness.run_due_action(EXPIRE, updated_at=at() - timedelta(microseconds=1)) == []
    assert harness.get().status == "open"
