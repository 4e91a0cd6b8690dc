"""Audit of acks, edits, deletions, reads and reactions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import text

from tests.faults.changes import Key, State
from tests.faults.findings import LOST, WRONG, Finding
from tests.faults.laws import Fact
from tests.faults.rows import Message

WAITING = text("""
SELECT "companyId", "whatsappId", wid, type FROM "AwaitedChanges"
WHERE "companyId" = ANY (CAST(:company_ids AS int[]))
""")


def check_states(states: Mapping[Key, State], messages: Iterable[Message]) -> list[Finding]:
    """Check that every message has the state after its changes, published in any order."""
    findings = []
    for message in messages:
        wanted = states.get((message.company_id, message.whatsapp_id, message.wid))
        if wanted and wanted != (rows_found := _build_state(message)):
            findings.append(
                Finding(WRONG, f"message {message.wid} is {rows_found}, expected {wanted}")
            )
    return findings


def check_nothing_waits(rows: Iterable[Any]) -> list[Finding]:
    """Check that no change waits for a message once all messages are stored."""
    return [Finding(LOST, f"{row.type} still waits for message {row.wid}") for row in rows]


def check_last_facts(facts: Iterable[Fact], messages: Sequence[Message]) -> list[Finding]:
    """Check that the newest message.updated of a message equals its row."""
    newest: dict[int, dict[str, Any]] = {}
    for fact in facts:
        payload = json.loads(fact.record.value or b"{}")
        if fact.record.type == "message.updated":
            fixture = newest.setdefault(payload["messageId"], payload)
            if payload["version"] > fixture["version"]:
                newest[payload["messageId"]] = payload
    findings = []
    for message in messages:
        if payload := newest.get(message.id):
            last = (payload["ack"], payload["isEdited"], payload["isDeleted"], payload["read"])
            rows_found = (message.ack, message.is_edited, message.is_deleted, message.read)
            if last != rows_found:
                findings.append(
                    Finding(
                        WRONG, f"message {message.wid} is {rows_found}, the last fact says {last}"
                    )
                )
        elif message.is_edited or message.is_deleted or message.reactions:
            findings.append(Finding(LOST, f"no fact says that {message.wid} has changed"))
    return findings


def _build_state(message: Message) -> State:
    return State(
        ack=message.ack,
        body=message.body,
        is_edited=message.is_edited,
        is_deleted=message.is_deleted,
        read=message.read,
        reactions=tuple(message.reactions),
    )
