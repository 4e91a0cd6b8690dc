"""What becomes of changes of messages, in whatever order they come. No clock, no database.

An ack only grows, but for a failure, which stays unless the message is known to have arrived; of
two edits or reactions the later one stands; a deletion stays (design 5.3).
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.messages.rules.messages import Wid
from shared.contracts.base import BEGINNING
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
from shared.contracts.outcome import Dead, Outcome, Told
from shared.contracts.trouble import no_such_line

OURSELVES = ""  # as the author of a reaction

CHANGES = (MessageAcked, MessageEdited, MessageDeleted, MessageReacted, MessageRead)
_TYPES: dict[str, type[MessageChange]] = {kind.ce_type(): kind for kind in CHANGES}


@dataclass(slots=True)
class Edition:
    """All that a batch says about one stored message; None where it says nothing."""

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
    """A stored message, and whose it is."""

    message_id: int
    from_me: bool
    is_group: bool


@dataclass(frozen=True, slots=True)
class Awaited:
    """A change that waits for its message."""

    company_id: int
    whatsapp_id: int
    wid: str
    type: str
    change: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that waited, as it was kept: its type, its JSON, and since when."""

    number: int
    type: str
    change: str
    since: datetime


@dataclass(slots=True)
class Plan:
    """What follows from a batch of changes."""

    editions: dict[int, Edition] = field(default_factory=dict)
    reactions: dict[tuple[int, str], Reaction] = field(default_factory=dict)
    awaited: list[Awaited] = field(default_factory=list)
    causes: dict[int, MessageChange] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=list)


def wid_of(change: MessageChange) -> Wid:
    """Name the message that a change is about."""
    return change.company_id, change.whatsapp_id, change.wid


def line_of(change: MessageChange) -> tuple[int, int]:
    """Name the line that a change came through."""
    return change.company_id, change.whatsapp_id


def change(
    lines: Collection[tuple[int, int]],
    targets: Mapping[Wid, Target],
    batch: Iterable[MessageChange],
) -> Plan:
    """Sum up what a batch says about each stored message; what is about no message waits."""
    plan = Plan()
    for event in batch:
        target = targets.get(wid_of(event))
        if target is not None and not _may_change(event, target):
            plan.outcome.append(Dead(event, "not-the-author", _not_the_author(event)))
        elif target is not None:
            _sum_up(plan, target.message_id, event)
            plan.causes[target.message_id] = event
        elif line_of(event) in lines:
            plan.awaited.append(_awaited(event))
        else:
            plan.outcome.append(
                Dead(event, "unknown-line", no_such_line(event.company_id, event.whatsapp_id))
            )
    return plan


def of_no_message(plan: Plan) -> set[Wid]:
    """Name those messages that changes are to wait for."""
    return {(change.company_id, change.whatsapp_id, change.wid) for change in plan.awaited}


def awaited(plan: Plan, sent: Collection[Wid]) -> list[Awaited]:
    """List the changes that wait; what a campaign has sent has no row to wait for."""
    return [
        change
        for change in plan.awaited
        if (change.company_id, change.whatsapp_id, change.wid) not in sent
    ]


def changed(plan: Plan, facts: Mapping[int, MessageUpdated]) -> Outcome:
    """Tell each message that is different now, as caused by the last change of it."""
    told = [Told(plan.causes[message_id], fact) for message_id, fact in facts.items()]
    return [*plan.outcome, *told]


def read(waiting: Iterable[Waiting]) -> list[tuple[Waiting, MessageChange]]:
    """Read changes that waited, in an order that is theirs alone."""
    ordered = sorted(waiting, key=lambda one: (one.type, one.change))
    return [(one, _TYPES[one.type].model_validate_json(one.change)) for one in ordered]


def refused(
    plan: Plan, waited: Iterable[tuple[Waiting, MessageChange]]
) -> list[tuple[Waiting, MessageChange, Dead]]:
    """Give those changes that waited and may not be done, each with the reason."""
    dead = {id(item.cause): item for item in plan.outcome if isinstance(item, Dead)}
    return [(one, event, dead[id(event)]) for one, event in waited if id(event) in dead]


def _may_change(event: MessageChange, target: Target) -> bool:
    """Whether who edits or takes back a message wrote it; in groups, admins may take back others'.

    A modified client may name any message by its id, and knows the ids of ours in its own chat.
    """
    if target.is_group or not isinstance(event, MessageEdited | MessageDeleted):
        return True
    return event.from_me in {None, target.from_me}


def _not_the_author(event: MessageChange) -> str:
    return (
        f"message {event.wid} is of the other side of chat {event.chat}; discard, "
        "unless the gateway says wrongly who changed it"
    )


def _sum_up(plan: Plan, message_id: int, event: MessageChange) -> None:
    edition = plan.editions.setdefault(message_id, Edition(event.company_id, message_id))
    match event:
        case MessageAcked():
            _acked(edition, event)
        case MessageEdited():
            newest = (edition.edited_at or BEGINNING, edition.body or "")
            edition.edited_at, edition.body = max(newest, (event.timestamp, event.body))
        case MessageDeleted():
            edition.deleted = True
        case MessageRead():
            edition.read = True
        case MessageReacted():
            _reacted(plan.reactions, message_id, event)
        case _:
            raise TypeError(event.type)


def _acked(edition: Edition, event: MessageAcked) -> None:
    if event.ack == FAILED:
        edition.failed = True
        known = [reason for reason in (edition.error_code, event.error_code) if reason]
        if event.error_code == min(known, default=None):
            edition.error_code, edition.error = event.error_code, event.error
    else:
        edition.ack = max(event.ack, edition.ack or 0)


def _reacted(
    reactions: dict[tuple[int, str], Reaction], message_id: int, event: MessageReacted
) -> None:
    author = OURSELVES if event.from_me else event.participant or event.chat
    new = Reaction(event.company_id, message_id, author, event.emoji, event.timestamp)
    old = reactions.setdefault((message_id, author), new)
    if (new.reacted_at, new.emoji) > (old.reacted_at, old.emoji):
        reactions[message_id, author] = new


def _awaited(event: MessageChange) -> Awaited:
    body = json.dumps(event.model_dump(mode="json", by_alias=True), sort_keys=True)
    digest = hashlib.blake2b(f"{event.ce_type()} {body}".encode(), digest_size=16).digest()
    return Awaited(*wid_of(event), event.ce_type(), body, digest)
