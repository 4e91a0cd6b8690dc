"""What is decided of messages that are asked for, of their sends and of answers to them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.messages.rules import answers, compose, sending
from shared.contracts.answer import MessageAnswered, MessageFailed, MessageSent
from shared.contracts.message import MessageSend, MessageStored
from shared.contracts.message_change import MessageAcked
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Dead, Told
from shared.gateways.senders.outgoing import ErrorClass, Result
from tests.support.build import CUSTOMER, NOON, at

LINES = {(1, 10)}
TICKET = compose.Conversation(1000, 10, 100, None, None, f"{CUSTOMER}@s.whatsapp.net", True)  # noqa: FBT003


def ask(request_id: str = "r1", **members: Any) -> MessageCompose:
    given = {
        "company_id": 1, "whatsapp_id": 10, "chat": CUSTOMER, "request_id": request_id,
        "body": "Oi",
    }  # fmt: skip
    return MessageCompose.model_validate(given | members)


def answer(send_id: str = "s1", error_class: str | None = None, **members: Any) -> MessageAnswered:
    given = {
        "company_id": 1, "whatsapp_id": 10, "chat": CUSTOMER, "send_id": send_id,
        "timestamp": NOON,
    }  # fmt: skip
    if error_class is None:
        return MessageSent.model_validate(given | members)
    return MessageFailed.model_validate(given | members | {"error_class": error_class})


def test_a_message_says_something() -> None:
    for members in ({"body": ""}, {"body": " \n"}, {"media_url": "file:///etc/passwd"}):
        with pytest.raises(ValidationError):
            ask(**members)
    assert ask(body="", media_url="https://m.example/a").media_url


def test_its_key_is_its_conversations() -> None:
    assert ask().key == f"1:10:{CUSTOMER}"


def test_without_a_time_of_their_own_messages_of_a_batch_follow_each_other() -> None:
    asks = [ask("r1"), ask("r2")]
    plan = compose.compose(LINES, {compose.asked(asks[0]): TICKET}, NOON, asks)
    assert [row.created_at for row in plan.rows] == [NOON, NOON + timedelta(microseconds=1)]


def test_a_line_that_is_none_is_a_dead_letter() -> None:
    (letter,) = compose.compose((), {}, NOON, [ask()]).outcome
    assert isinstance(letter, Dead)
    assert letter.reason == "unknown-line"


def test_a_message_that_is_a_row_is_told_and_sent() -> None:
    plan = compose.compose(LINES, {compose.asked(ask()): TICKET}, NOON, [ask(expires_at=at(5))])
    (row,) = plan.rows
    told = compose.composed(plan, {(1, 10, row.wid): 7})
    stored, send = [item.fact for item in told if isinstance(item, Told)]
    assert isinstance(stored, MessageStored)
    assert isinstance(send, MessageSend)
    assert (stored.message_id, stored.request_id) == (7, "r1")
    assert (send.send_id, send.expires_at, send.message_id) == (row.wid, at(5), 7)


@given(st.permutations(["unknown", "final_recipient", None]))
def test_of_a_batchs_answers_that_it_was_sent_weighs_most(classes: Sequence[str | None]) -> None:
    batch = [
        answer(error_class=error_class, wid=None if error_class else "W1")
        for error_class in classes
    ]
    (found,) = answers.answers(LINES, batch).answers.values()
    assert (found.status, found.wid, found.error_class) == ("sent", "W1", None)


def test_an_ack_without_a_send_id_answers_nothing_and_one_with_it_says_sent() -> None:
    acks = [
        MessageAcked(
            company_id=1, whatsapp_id=10, chat=CUSTOMER, wid=f"W{ack}", timestamp=NOON, ack=ack,
            send_id=send_id,
        )
        for ack, send_id in ((2, None), (-1, "s1"))
    ]  # fmt: skip
    (found,) = answers.acknowledged(acks).answers.values()
    assert (found.send_id, found.wid, found.status) == ("s1", "W-1", "sent")


@pytest.mark.parametrize(
    ("error_class", "attempts", "expected"),
    [
        (ErrorClass.OK, 1, ("sent", 0, 0)),
        (ErrorClass.UNKNOWN, 1, ("unknown", 0, 0)),
        (ErrorClass.FINAL_RECIPIENT, 1, ("failed", 0, 0)),
        (ErrorClass.FINAL_TEMPLATE, 1, ("failed", 0, 0)),
        (ErrorClass.RETRY, 1, ("waiting", 1, 0)),
        (ErrorClass.RETRY, 3, ("waiting", 16, 0)),
        (ErrorClass.RETRY, 99, ("waiting", 300, 0)),
        (ErrorClass.PAUSE, 1, ("waiting", 30, 30)),
        (ErrorClass.PAUSE, 2, ("waiting", 120, 120)),
        (ErrorClass.PAUSE, 9, ("waiting", 300, 300)),
    ],
)
def test_only_what_was_certainly_not_sent_is_tried_again(
    error_class: ErrorClass, attempts: int, expected: tuple[str, float, float]
) -> None:
    found = sending.step(Result(error_class), attempts, 1)
    assert (found.status, found.again_s, found.pause_s) == expected


def test_each_send_waits_once_and_only_on_lines_that_we_can_ask() -> None:
    sends = [
        MessageSend(
            company_id=1, whatsapp_id=line, chat=CUSTOMER, send_id=send_id, body="Oi",
            expires_at=NOON,
        )
        for line, send_id in ((10, "a"), (10, "a"), (11, "b"))
    ]  # fmt: skip
    (row,) = sending.waiting(LINES, sends)
    assert (row.send_id, row.wid[:4]) == ("a", "3EB0")
    assert MessageSend.model_validate_json(row.request) == sends[0]
