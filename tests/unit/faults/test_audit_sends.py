import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from shared.contracts.message_request import MessageEdit
from shared.dev.demo.invalid_records import NOWHERE
from tests.faults.audit_requests import (
    AnsweredRequests,
    check_composed_messages,
    check_requested_changes,
)
from tests.faults.findings import LOST, TWICE, WRONG
from tests.faults.laws import Cause, Fact
from tests.faults.reading import TopicRecord
from tests.faults.requests import SENT, PlannedChange, Reply
from tests.faults.rows import Message
from tests.faults.ticket_fixtures import TicketFixtures
from tests.support.demo_rows import NOW
from tests.unit.faults.samples import build_fixture

Emit = tuple[str, dict[str, object]]

HELD = build_fixture(0)
ASK: dict[str, object] = {
    "companyId": HELD.place.company_id, "whatsappId": HELD.place.whatsapp_id,
    "chat": HELD.person.chat, "requestId": "r1",
    "ticketId": HELD.id, "body": "Já vai", "isPrivate": False,
}  # fmt: skip
ROW = Message(
    HELD.place.company_id, HELD.place.whatsapp_id, "W1", 7, HELD.id, from_me=True, read=True,
    body="Já vai", media_type="conversation", media_url=None, at=NOW, ack=2, is_edited=False,
    is_deleted=False, is_private=False, reactions=[],
)  # fmt: skip
REPLY = Reply((SENT,), "W1", (2,), has_echo=True, seed=1)
STORED: Emit = ("message.stored", {"messageId": 7, "requestId": "r1"})
SEND: Emit = ("message.send", {"sendId": "3EB0AA"})


def kinds(
    *answers: tuple[Emit, ...],
    request: dict[str, object] = ASK,
    rows: tuple[Message, ...] = (ROW,),
    replies: Mapping[str, Reply] | None = None,
) -> list[str]:
    """Audit one request that stands on its topic once for each answer."""
    topic = "chatia.messages.requests"
    value = json.dumps(request).encode()
    records = [TopicRecord(topic, 0, offset, None, value, ()) for offset in range(len(answers))]
    facts: dict[Cause, list[Fact]] = {
        ("messages", topic, 0, offset): [_fact(kind, body) for kind, body in answer]
        for offset, answer in enumerate(answers)
    }
    asked = AnsweredRequests(TicketFixtures((HELD,)), records, facts)
    return [
        finding.kind
        for finding in check_composed_messages(asked, replies or {"Já vai": REPLY}, rows)
    ]


def _fact(kind: str, body: dict[str, object]) -> Fact:
    headers = (("ce_type", f"chatia.{kind}.v1".encode()),)
    return Fact(TopicRecord("chatia.any", 0, 0, None, json.dumps(body).encode(), headers), "", "")


def test_a_message_that_is_a_row_and_a_send_is_no_finding() -> None:
    assert kinds((STORED, SEND)) == []


def test_a_repeated_request_has_the_same_facts() -> None:
    assert kinds((STORED, SEND), (STORED, SEND)) == []
    other: Emit = ("message.stored", {"messageId": 8, "requestId": "r1"})
    assert kinds((STORED, SEND), (other, SEND)) == [WRONG]


def test_a_message_without_a_send_is_lost() -> None:
    assert LOST in kinds((STORED,))


def test_a_message_that_is_sent_twice_is_found() -> None:
    assert TWICE in kinds((STORED, SEND, SEND))


def test_a_message_without_a_row_is_lost() -> None:
    assert kinds((STORED, SEND), rows=()) == [LOST]


def test_the_row_of_an_echo_beside_ours_is_found() -> None:
    assert kinds((STORED, SEND), rows=(ROW, replace(ROW, id=8, wid="W2"))) == [WRONG]


@pytest.mark.parametrize(
    "row", [replace(ROW, ack=1), replace(ROW, wid="3EB0AA")], ids=["ack", "name"]
)
def test_a_row_without_the_send_result_is_found(row: Message) -> None:
    assert kinds((STORED, SEND), rows=(row,)) == [WRONG]


def test_a_request_for_a_ticket_that_does_not_exist_is_refused() -> None:
    refused: Emit = ("message.refused", {"requestId": "r1"})
    assert kinds((refused,), request=ASK | {"ticketId": NOWHERE}, rows=()) == []


EDIT = PlannedChange(
    MessageEdit(
        company_id=1, whatsapp_id=10, chat=HELD.person.chat, request_id="e1", wid="W1",
        body="Já vou",
    )
)  # fmt: skip


def test_a_change_that_the_gateway_is_asked_for_twice_or_never_is_found() -> None:
    replies = {"Já vai": replace(REPLY, change=EDIT)}
    once = {"sendId": EDIT.send_id, "change": {"kind": "edit"}}
    assert check_requested_changes(replies, [once]) == []
    assert [one.kind for one in check_requested_changes(replies, [once, once])] == [TWICE]
    assert [one.kind for one in check_requested_changes(replies, [])] == [LOST]
    assert [one.kind for one in check_requested_changes({}, [once])] == [WRONG]


def test_a_row_without_its_edit_is_found() -> None:
    edited = replace(ROW, body="Já vou", is_edited=True)
    replies = {"Já vai": replace(REPLY, change=EDIT)}
    assert kinds((STORED, SEND), rows=(edited,), replies=replies) == []
    assert kinds((STORED, SEND), replies=replies) == [WRONG]
