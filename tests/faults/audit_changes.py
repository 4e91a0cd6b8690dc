"""The auditor's eye on acks, edits, deletions, reads and reactions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import text

from tests.faults.changes import Key, State
from tests.faults.findings import LOST, UNTRUE, Finding
from tests.faults.laws import Fact
from tests.faults.rows import Message

WAITING = text("""
SELECT "companyId", "whatsappId", wid, type FROM "AwaitedChanges"
WHERE "companyId" = ANY (CAST(:company_ids AS int[]))
""")


def against_told(states: Mapping[Key, State], messages: Iterable[Message]) -> list[Finding]:
    """Every message is as the changes leave it that were told of it, in whatever order."""
    findings = []
    for message in messages:
        wanted = states.get((message.company_id, message.whatsapp_id, message.wid))
        if wanted and wanted != (there := _state(message)):
            findings.append(Finding(UNTRUE, f"message {message.wid} is {there}, told {wanted}"))
    return findings


def still_waiting(rows: Iterable[Any]) -> list[Finding]:
    """No change waits for a message once all messages are here."""
    return [Finding(LOST, f"{row.type} still waits for message {row.wid}") for row in rows]


def last_told(facts: Iterable[Fact], messages: Sequence[Message]) -> list[Finding]:
    """The newest message.updated of a message is the message as it stands."""
    newest: dict[int, dict[str, Any]] = {}
    for fact in facts:
        told = json.loads(fact.record.value or b"{}")
        if fact.record.type == "message.updated":
            held = newest.setdefault(told["messageId"], told)
            if told["version"] > held["version"]:
                newest[told["messageId"]] = told
    findings = []
    for message in messages:
        if told := newest.get(message.id):
            last = (told["ack"], told["isEdited"], told["isDeleted"], told["read"])
            there = (message.ack, message.is_edited, message.is_deleted, message.read)
            if last != there:
                findings.append(
                    Finding(UNTRUE, f"message {message.wid} is {there}, last told as {last}")
                )
        elif message.is_edited or message.is_deleted or message.reactions:
            findings.append(Finding(LOST, f"nobody was told that {message.wid} has changed"))
    return findings


def _state(message: Message) -> State:
    return State(
        ack=message.ack,
        body=message.body,
        is_edited=message.is_edited,
        is_deleted=message.is_deleted,
        read=message.read,
        reactions=tuple(message.reactions),
    )
