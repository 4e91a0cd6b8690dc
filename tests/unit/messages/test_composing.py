"""Messages that are asked for become rows and sends."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.messages.composing import rules
from services.messages.domain.keys import LineKey, MessageKey
from shared.contracts.message import MessageSend, MessageStored
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Emit, Reject
from tests.support.build import CUSTOMER, NOON, at

LINES = {LineKey(1, 10)}


def ask(request_id: str = "r1", **members: Any) -> MessageCompose:
    given = {
        "company_id": 1, "whatsapp_id": 10, "chat": CUSTOMER, "request_id": request_id,
        "body": "Oi",
    }  # fmt: skip
    return MessageCompose.model_validate(given | members)


TICKETS = {
    rules.get_conversation_key(ask()): rules.Conversation(
        ticket_id=1000,
        whatsapp_id=10,
        contact_id=100,
        queue_id=None,
        ticket_traking_id=None,
        jid=f"{CUSTOMER}@s.whatsapp.net",
        is_of_chat=True,
    )
}


def test_a_message_needs_a_text_or_media() -> None:
    for members in ({"body": ""}, {"body": " \n"}, {"media_url": "file:///etc/passwd"}):
        with pytest.raises(ValidationError):
            ask(**members)
    assert ask(body="", media_url="https://m.example/a").media_url


def test_the_key_of_a_request_is_its_conversation() -> None:
    assert ask().key == f"1:10:{CUSTOMER}"


def test_messages_without_a_timestamp_follow_each_other() -> None:
    asks = [ask("r1"), ask("r2")]
    plan = rules.plan_messages(LINES, TICKETS, NOON, asks)
    assert [row.created_at for row in plan.rows] == [NOON, NOON + timedelta(microseconds=1)]


def test_a_request_for_an_unknown_line_is_rejected() -> None:
    (reject,) = rules.plan_messages((), {}, NOON, [ask()]).outcome
    assert isinstance(reject, Reject)
    assert reject.reason == "unknown-line"


def test_a_new_row_is_published_and_sent() -> None:
    plan = rules.plan_messages(LINES, TICKETS, NOON, [ask(expires_at=at(5))])
    (row,) = plan.rows
    outcome = rules.build_facts(plan, {MessageKey(1, 10, row.wid): 7})
    stored, send = [item.fact for item in outcome if isinstance(item, Emit)]
    assert isinstance(stored, MessageStored)
    assert isinstance(send, MessageSend)
    assert (stored.message_id, stored.request_id) == (7, "r1")
    assert (send.send_id, send.expires_at, send.message_id) == (row.wid, at(5), 7)
