import json
from dataclasses import replace

import pytest

from shared.demo.rubbish import NOWHERE
from tests.faults.audit_requests import Asked, composed
from tests.faults.desk import Desk
from tests.faults.findings import LOST, TWICE, UNTRUE
from tests.faults.laws import Cause, Fact
from tests.faults.reading import Heard
from tests.faults.requests import SENT, Reply
from tests.faults.rows import Message
from tests.support.demo_stage import NOW
from tests.unit.faults.samples import held

Told = tuple[str, dict[str, object]]

HELD = held(0)
ASK: dict[str, object] = {
    "companyId": HELD.place.company_id, "chat": HELD.person.chat, "requestId": "r1",
    "ticketId": HELD.id, "body": "Já vai", "isPrivate": False,
}  # fmt: skip
ROW = Message(
    HELD.place.company_id, HELD.place.whatsapp_id, "W1", 7, HELD.id, from_me=True, read=True,
    body="Já vai", media_type="conversation", media_url=None, at=NOW, ack=2, is_edited=False,
    is_deleted=False, is_private=False, reactions=[],
)  # fmt: skip
REPLY = Reply((SENT,), "W1", (2,), has_echo=True, seed=1)
STORED: Told = ("message.stored", {"messageId": 7, "requestId": "r1"})
SEND: Told = ("message.send", {"sendId": "3EB0AA"})


def kinds(
    *told: tuple[Told, ...], ask: dict[str, object] = ASK, rows: tuple[Message, ...] = (ROW,)
) -> list[str]:
    """Audit one request that stands on its topic once for each answer."""
    topic = "chatia.messages.requests"
    value = json.dumps(ask).encode()
    records = [Heard(topic, 0, offset, None, value, ()) for offset in range(len(told))]
    facts: dict[Cause, list[Fact]] = {
        ("messages", topic, 0, offset): [_fact(kind, body) for kind, body in answer]
        for offset, answer in enumerate(told)
    }
    asked = Asked(Desk((HELD,)), records, facts)
    return [finding.kind for finding in composed(asked, {"Já vai": REPLY}, rows)]


def _fact(kind: str, body: dict[str, object]) -> Fact:
    headers = (("ce_type", f"chatia.{kind}.v1".encode()),)
    return Fact(Heard("chatia.any", 0, 0, None, json.dumps(body).encode(), headers), "", "")


def test_a_message_that_is_a_row_and_a_send_is_no_finding() -> None:
    assert kinds((STORED, SEND)) == []


def test_a_repeated_request_is_told_the_same() -> None:
    assert kinds((STORED, SEND), (STORED, SEND)) == []
    other: Told = ("message.stored", {"messageId": 8, "requestId": "r1"})
    assert kinds((STORED, SEND), (other, SEND)) == [UNTRUE]


def test_a_message_that_nobody_is_asked_to_send_is_lost() -> None:
    assert LOST in kinds((STORED,))


def test_a_message_that_is_sent_twice_is_found() -> None:
    assert TWICE in kinds((STORED, SEND, SEND))


def test_a_message_without_a_row_is_lost() -> None:
    assert kinds((STORED, SEND), rows=()) == [LOST]


def test_the_row_of_an_echo_beside_ours_is_found() -> None:
    assert kinds((STORED, SEND), rows=(ROW, replace(ROW, id=8, wid="W2"))) == [UNTRUE]


@pytest.mark.parametrize(
    "row", [replace(ROW, ack=1), replace(ROW, wid="3EB0AA")], ids=["ack", "name"]
)
def test_a_row_that_the_gateways_answers_did_not_reach_is_found(row: Message) -> None:
    assert kinds((STORED, SEND), rows=(row,)) == [UNTRUE]


def test_a_request_for_a_ticket_that_is_not_there_is_refused() -> None:
    refused: Told = ("message.refused", {"requestId": "r1"})
    assert kinds((refused,), ask=ASK | {"ticketId": NOWHERE}, rows=()) == []
