"""Checks of one record by itself: body, headers, key, line, addresses, ids, times and acks."""

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, TypeAdapter

from shared.conformance.report import Check
from shared.conformance.topic.faults import build_check
from shared.conformance.topic.read_record import ReadRecord
from shared.contracts.base import Event
from shared.contracts.ignored import find_ignored
from shared.contracts.message import ConversationEvent, MessageReceived
from shared.contracts.message_change import PLAYED, MessageAcked
from shared.contracts.send_result import MessageFailed, MessageSent

Line = tuple[int, int]  # company and line
Problem = tuple[str, str]  # a rule, and what is wrong; '' if it holds

ADDRESS = re.compile(
    r"[0-9]{5,20}|[0-9]{5,20}-[0-9]{5,20}|[0-9]{5,20}@lid|[A-Z]{2}\.[A-Za-z0-9._-]{1,200}"
)
WID = re.compile(r"(?:true|false)_|.*@|.*:")  # the beginnings of ids with a chat or a device
CLOCKS_DIFFER = timedelta(minutes=2)
ZONE_STEP = timedelta(minutes=30)  # offsets of time zones are multiples, but for a few
FARTHEST_ZONE = timedelta(hours=14)
ERROR_CLASSES = {"final_recipient", "final_template", "unknown", "expired", "pause", "retry"}
HEADER_REASONS = {
    "missing-type",
    "tenant-mismatch",
    "unknown-type",
    "unknown-version",
    "unreadable-header",
}
_RULES_OF_MEMBERS = {"ack": "ack", "sendId": "send-id", "chat": "address", "wid": "wid"}
_TIME = TypeAdapter(AwareDatetime)


def check_record(read: ReadRecord, lines: Collection[Line]) -> list[Check]:
    """Return the checks of one record; `lines` are those that are registered."""
    return [
        build_check(rule, f"{_describe_type(read)} at {read.place}", describe_record(read), problem)
        for rule, problem in _list_problems(read, lines)
    ]


def describe_record(read: ReadRecord) -> str:
    """Return place and members of a record without their values, which are personal data."""
    members = ", ".join(list(read.members)[:20])
    return f"{read.place}, key {_read_key(read)[:80]!r}, members {members}"


def _describe_type(read: ReadRecord) -> str:
    return read.event.type if read.event else "record"


def _list_problems(read: ReadRecord, lines: Collection[Line]) -> Iterator[Problem]:
    event = read.event
    if event is None:
        yield _classify_unreadable(read)
        return
    yield "body", ""
    yield "headers", ""
    names = ", ".join(find_ignored(type(event), dict(read.members)))
    yield "unknown-members", f"not of the contract: {names}" if names else ""
    yield "attributes", _find_wrong_attribute(read)
    key = _read_key(read)
    yield "key", "" if key == event.key else f"the key is {key!r}, the body gives {event.key!r}"
    line = (event.company_id, getattr(event, "whatsapp_id", 0))
    yield "line", "" if line in lines else f"company {line[0]} has no line {line[1]}"
    yield from _check_members(read, event)


def _classify_unreadable(read: ReadRecord) -> Problem:
    """Return the rule that a record breaks which nobody can read."""
    problem = f"{read.reason}: {read.detail}"
    if read.reason in HEADER_REASONS:
        return "headers", problem
    member = read.detail.partition(":")[0].removeprefix("data.")
    if member == "timestamp" and "zone" in read.detail and _is_time(read.members.get("timestamp")):
        return "local-time", problem
    return _RULES_OF_MEMBERS.get(member, "body"), problem


def _is_time(value: object) -> bool:
    """Whether a text is a time without a zone."""
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is None
    except ValueError:
        return False


def _find_wrong_attribute(read: ReadRecord) -> str:
    attributes = read.attributes
    if not attributes:
        return ""
    if attributes.get("specversion") != "1.0":
        return "specversion is not 1.0"
    missing = [name for name in ("id", "source", "type") if not attributes.get(name)]
    return f"without {', '.join(missing)}" if missing else ""


def _check_members(read: ReadRecord, event: Event) -> Iterator[Problem]:
    if isinstance(event, ConversationEvent):
        yield "address", _find_wrong_address(read, event)
    if wid := getattr(event, "wid", None):
        yield "wid", "wid has a chat or a device in it" if WID.match(wid) else ""
    if "timestamp" in read.members:
        yield from _check_time(read)
    match event:
        case MessageAcked(ack=ack):
            yield "ack", f"ack {ack}" if ack > PLAYED else ""
        case MessageReceived():
            yield "participant", _find_wrong_author(event)
        case MessageSent(wid=sent):
            yield "answer-wid", "" if sent else "message.sent without wid"
        case MessageFailed(error_class=name):
            yield "error-class", "" if name in ERROR_CLASSES else f"errorClass {name[:80]}"
        case _:
            return


def _find_wrong_author(event: MessageReceived) -> str:
    if event.is_group and not event.from_me and event.participant is None:
        return "a message of a group without its author"
    return "participant without isGroup" if event.participant and not event.is_group else ""


def _find_wrong_address(read: ReadRecord, event: ConversationEvent) -> str:
    for name in ("chat", "participant"):
        written, canonical = read.members.get(name), getattr(event, name, None)
        if canonical is None:
            continue
        if written is not None and written != canonical:
            return f"{name} has a server, a device or a plus sign"
        if not ADDRESS.fullmatch(canonical):
            return f"{name} is no number, group, LID or BSUID"
    return ""


def _check_time(read: ReadRecord) -> Iterator[Problem]:
    ahead = read_time(read) - read_record_time(read)
    if ahead <= CLOCKS_DIFFER:
        yield "future-time", ""
    elif is_zone(ahead):
        yield "local-time", f"{ahead} after the record's time: local time written as UTC"
    else:
        yield "future-time", f"{ahead} after the record's time"


def read_time(read: ReadRecord) -> datetime:
    """Return the timestamp of a readable record as it was written."""
    return _TIME.validate_python(read.members["timestamp"])


def read_record_time(read: ReadRecord) -> datetime:
    """Return when the record was published."""
    return datetime.fromtimestamp(max(read.record.timestamp, 0) / 1000, UTC)


def is_zone(offset: timedelta) -> bool:
    """Whether a difference of times is that of a time zone, to two minutes."""
    steps = round(offset / ZONE_STEP)
    return (
        steps != 0
        and abs(offset) <= FARTHEST_ZONE + CLOCKS_DIFFER
        and abs(offset - steps * ZONE_STEP) <= CLOCKS_DIFFER
    )


def _read_key(read: ReadRecord) -> str:
    return (read.record.key or b"").decode(errors="backslashreplace")
