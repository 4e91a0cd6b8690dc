import json
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.dev.demo.comparison import ComparedMessage, ComparedTicket, Snapshot
from tests.faults.audit_changes import check_last_facts, check_states
from tests.faults.changes import Changes, State, compute_expected
from tests.faults.findings import LOST, WRONG
from tests.faults.laws import Fact
from tests.faults.reading import TopicRecord
from tests.faults.rows import Message
from tests.support.demo_rows import NOW

KEY = (1, 10, "A1")
STATE = State(3, "Oi", is_edited=False, is_deleted=True, read=True, reactions=("=👍",))
ROW = Message(
    1, 10, "A1", 7, 1000, from_me=True, read=True, body="Oi", media_type="conversation",
    media_url=None, at=NOW, ack=3, is_edited=False, is_deleted=True, is_private=False,
    reactions=["=👍"],
)  # fmt: skip


def updated(**members: object) -> Fact:
    fact = {
        "messageId": 7, "version": 2, "ack": 3, "isEdited": False, "isDeleted": True, "read": True,
    }  # fmt: skip
    record = TopicRecord(
        "chatia.message.stored", 0, 0, None, json.dumps(fact | members).encode(),
        (("ce_type", b"chatia.message.updated.v1"),),
    )  # fmt: skip
    return Fact(record, "d/messages/chatia.message.changed/0/1", "0.0")


def test_a_message_with_its_published_state_is_no_finding() -> None:
    assert check_states({KEY: STATE}, [ROW]) == []


@pytest.mark.parametrize(
    "row",
    [
        replace(ROW, ack=2),
        replace(ROW, body="Olá"),
        replace(ROW, is_edited=True),
        replace(ROW, is_deleted=False),
        replace(ROW, read=False),
        replace(ROW, reactions=[]),
    ],
    ids=["ack", "body", "edited", "deleted", "read", "reactions"],
)
def test_a_message_that_differs_from_its_changes_is_found(row: Message) -> None:
    assert [finding.kind for finding in check_states({KEY: STATE}, [row])] == [WRONG]


def test_the_newest_fact_about_a_message_is_the_message() -> None:
    older = updated(version=1, ack=1)
    assert check_last_facts([updated(), older], [ROW]) == []
    assert [finding.kind for finding in check_last_facts([older], [ROW])] == [WRONG]


def test_a_change_without_a_fact_is_lost() -> None:
    assert [finding.kind for finding in check_last_facts([], [ROW])] == [LOST]


def test_edits_and_reads_show_on_the_ticket() -> None:
    said = ComparedMessage(
        1, 10, "A1", "5511", "5511", from_me=False, media_type="conversation", body="Oi",
        quoted_wid=None, at=NOW,
    )  # fmt: skip
    later = replace(said, wid="A2", at=NOW + timedelta(seconds=1))
    ticket = ComparedTicket(
        1, 10, "5511", "pending", is_group=False, unread=2, last_message="Oi", from_me=False
    )
    read = State(2, "Oi", is_edited=False, is_deleted=False, read=True, reactions=())
    edited = replace(read, body="Olá", is_edited=True, read=False)
    changes = Changes(states={said.key: read, later.key: edited})
    left = compute_expected(changes, Snapshot(messages=[said, later], tickets=[ticket]))
    assert left.tickets == [replace(ticket, unread=1, last_message="Olá")]
    assert left.messages == [said, replace(later, body="Olá")]
