"""Rules that combine the changes of messages in a batch, in any order; pure.

`store.APPLY` combines the result with the stored row, by the same rules.

An ack only increases, except that -1 (failed) stays unless the message was delivered; the latest
edit and the latest reaction win; a deletion is final.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.messages.domain.keys import LineKey, MessageKey, get_line_key, get_message_key
from shared.contracts.base import BEGINNING
from shared.contracts.error_texts import describe_missing_line
from shared.contracts.message import MessageUpdated
from shared.contracts.message_change import (
    FAILED,
    MessageAcked,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageRead,
)
from shared.contracts.outcome import Emit, Outcome, Reject, RejectWaiting

OURSELVES = ""  # the author of our own reactions

CHANGES = (MessageAcked, MessageEdited, MessageDeleted, MessageReacted, MessageRead)
_TYPES: dict[str, type[MessageChange]] = {kind.ce_type(): kind for kind in CHANGES}


@dataclass(slots=True)
class CombinedChange:
    """All changes of one stored message in a batch; None if nothing changes."""

    company_id: int
    message_id: int
    ack: int | None = None
    failed: bool = False
    error_code: str | None = None
    error: str | None = None
    edited_at: datetime | None = None
    body: str | None = None
    deleted: bool = False
    read: bool = False
    reacted: bool = False


@dataclass(frozen=True, slots=True)
class Reaction:
    """The newest reaction of one author to one stored message."""

    company_id: int
    message_id: int
    author: str
    emoji: str
    reacted_at: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """A stored message, and whether we wrote it."""

    message_id: int
    from_me: bool
    is_group: bool


@dataclass(frozen=True, slots=True)
class EarlyChange:
    """A change to be saved until its message arrives; `digest` makes equal changes one row."""

    company_id: int
    whatsapp_id: int
    wid: str
    type: str
    change: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class SavedChange:
    """An early change as it was saved: the row's id, the event's type and JSON, and the time."""

    number: int
    type: str
    change: str
    since: datetime


@dataclass(slots=True)
class Plan:
    """The changes of a batch: by message id, reactions, and changes whose message is not stored."""

    changes: dict[int, CombinedChange] = field(default_factory=dict)
    reactions: dict[tuple[int, str], Reaction] = field(default_factory=dict)
    early: list[EarlyChange] = field(default_factory=list)
    causes: dict[int, MessageChange] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=list)


def plan_changes(
    lines: Collection[LineKey],
    targets: Mapping[MessageKey, Target],
    batch: Iterable[MessageChange],
) -> Plan:
    """Combine the changes of each stored message; keep the others as early changes."""
    plan = Plan()
    for event in batch:
        target = targets.get(get_message_key(event))
        if target is not None and not _may_change(event, target):
            plan.outcome.append(Reject(event, "not-the-author", _explain_wrong_author(event)))
        elif target is not None:
            _combine(plan, target.message_id, event)
            plan.causes[target.message_id] = event
        elif (line := get_line_key(event)) in lines:
            plan.early.append(_build_early_change(event))
        else:
            plan.outcome.append(Reject(event, "unknown-line", describe_missing_line(*line)))
    return plan


def list_missing(plan: Plan) -> set[MessageKey]:
    """Return the keys of the messages that are not stored yet."""
    return {get_message_key(change) for change in plan.early}


def select_early(plan: Plan, sent: Collection[MessageKey]) -> list[EarlyChange]:
    """Return the early changes to save; those of campaign sends, which have no row, are dropped."""
    return [change for change in plan.early if get_message_key(change) not in sent]


def build_facts(plan: Plan, facts: Mapping[int, MessageUpdated]) -> Outcome:
    """Return the facts of changed messages, each caused by the last change of its message."""
    updated = [Emit(plan.causes[message_id], fact) for message_id, fact in facts.items()]
    return [*plan.outcome, *updated]


def decode_saved(saved: Iterable[SavedChange]) -> list[tuple[SavedChange, MessageChange]]:
    """Decode saved changes, in an order that depends on their content alone."""
    ordered = sorted(saved, key=lambda change: (change.type, change.change))
    return [(change, _TYPES[change.type].model_validate_json(change.change)) for change in ordered]


def find_rejected(
    plan: Plan, early: Iterable[tuple[SavedChange, MessageChange]]
) -> list[RejectWaiting]:
    """Return the plan's rejects of saved changes as RejectWaiting."""
    rejects = {id(item.cause): item for item in plan.outcome if isinstance(item, Reject)}
    return [
        RejectWaiting(event, reject.reason, reject.detail, saved.number, saved.since)
        for saved, event in early
        if (reject := rejects.get(id(event)))
    ]


def _may_change(event: MessageChange, target: Target) -> bool:
    """Return whether the author of an edit or a deletion wrote the message.

    In groups admins may delete other people's messages. The check is needed because a modified
    client can send an edit or a deletion for any message id, also for our messages in its chat.
    """
    if target.is_group or not isinstance(event, MessageEdited | MessageDeleted):
        return True
    return event.from_me in {None, target.from_me}


def _explain_wrong_author(event: MessageChange) -> str:
    return (
        f"message {event.wid} is of the other side of chat {event.chat}; discard, "
        "unless the gateway says wrongly who changed it"
    )


def _combine(plan: Plan, message_id: int, event: MessageChange) -> None:
    change = plan.changes.setdefault(message_id, CombinedChange(event.company_id, message_id))
    match event:
        case MessageAcked():
            _combine_ack(change, event)
        case MessageEdited():
            newest = (change.edited_at or BEGINNING, change.body or "")
            change.edited_at, change.body = max(newest, (event.timestamp, event.body))
        case MessageDeleted():
            change.deleted = True
        case MessageRead():
            change.read = True
        case MessageReacted():
            _keep_newest_reaction(plan.reactions, message_id, event)
        case _:
            raise TypeError(event.type)


def _combine_ack(change: CombinedChange, event: MessageAcked) -> None:
    """Keep the highest ack; of several failures keep the one with the smallest error code."""
    if event.ack == FAILED:
        change.failed = True
        codes = [code for code in (change.error_code, event.error_code) if code]
        if event.error_code == min(codes, default=None):
            change.error_code, change.error = event.error_code, event.error
    else:
        change.ack = max(event.ack, change.ack or 0)


def _keep_newest_reaction(
    reactions: dict[tuple[int, str], Reaction], message_id: int, event: MessageReacted
) -> None:
    author = OURSELVES if event.from_me else event.participant or event.chat
    new = Reaction(event.company_id, message_id, author, event.emoji, event.timestamp)
    old = reactions.setdefault((message_id, author), new)
    if (new.reacted_at, new.emoji) > (old.reacted_at, old.emoji):
        reactions[message_id, author] = new


def _build_early_change(event: MessageChange) -> EarlyChange:
    body = json.dumps(event.model_dump(mode="json", by_alias=True), sort_keys=True)
    digest = hashlib.blake2b(f"{event.ce_type()} {body}".encode(), digest_size=16).digest()
    return EarlyChange(*get_message_key(event), event.ce_type(), body, digest)
