"""Checks of one record by itself: body, headers, key, line, addresses, ids, times and acks."""

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, TypeAdapter

from shared.conformance.report import Check
from shared.conformance.topic.faults import build_check
from shared.conformance.topic.read_record import Line, ReadRecord
from shared.contracts.base import Event
from shared.contracts.error_texts import quote_name
from shared.contracts.ignored import find_ignored
from shared.contracts.message import ConversationEvent, MessageReceived
from shared.contracts.message_change import PLAYED, MessageAcked
from shared.contracts.send_result import MessageFailed, MessageSent
from shared.gateways.normalize.addresses import is_bsuid
from shared.gateways.senders.outgoing import ErrorClass

Problem = tuple[str, str]  # a rule, and what is wrong; '' if it holds

NUMBER_OR_LID = re.compile(r"[0-9]{5,20}(?:@lid)?")
WID = re.compile(r"(?:true|false)_|.*@|.*:")  # the beginnings of ids with a chat or a device
TOLERANCE = timedelta(minutes=2)
ZONE_STEP = timedelta(minutes=30)  # offsets of time zones are multiples, but for a few
FARTHEST_ZONE = timedelta(hours=14)
ERROR_CLASSES = {*ErrorClass} - {ErrorClass.OK} | {"expired"}
HEADER_REASONS = {
    "missing-type",
    "tenant-mismatch",
    "unknown-type",
    "unknown-version",
    "unreadable-header",
}
_RULES_OF_MEMBERS = {"ack": "ack", "sendId": "send-id", "chat": "address", "wid": "wid"}
_TIME = TypeAdapter(AwareDatetime)
_IDS = re.compile(r"(?:[0-9]{1,10}:){0,2}")  # the beginning of a key: company and line
_LETTERS = re.compile(r"\w")
LONGEST_SHOWN = 80  # characters of a key or an id
LONGEST_DETAIL = 500  # characters of what is wrong with an unreadable record
LAST_SHOWN = 4  # characters of a chat
MOST_NAMES = 20  # of members of one record


def check_record(read: ReadRecord, lines: Collection[Line]) -> list[Check]:
    """Return the checks of one record; `lines` are those that are registered."""
    return [
        build_check(rule, f"{_describe_type(read)} at {read.place}", describe_record(read), problem)
        for rule, problem in _list_problems(read, lines)
    ]


def describe_record(read: ReadRecord) -> str:
    """Return place and members of a record without their values, which are personal data."""
    members = ", ".join(quote_name(name) for name in list(read.members)[:MOST_NAMES])
    return f"{read.place}, key {mask_key(_read_key(read))!r}, members {members}"


def mask_key(key: str) -> str:
    """Return a key without its chat, of which only punctuation and the last characters are left."""
    ids = _IDS.match(key)
    return _mask(key, ids.end() if ids else 0)


def mask_wid(wid: str) -> str:
    """Return an id of a message; of one with a chat in it, only the last characters are left."""
    return _mask(wid, 0) if WID.match(wid) else wid[:LONGEST_SHOWN]


def _mask(text: str, start: int) -> str:
    end = max(start, len(text) - LAST_SHOWN)
    masked = text[:start] + _LETTERS.sub("*", text[start:end]) + text[end:]
    return masked if len(masked) <= LONGEST_SHOWN else f"{masked[:LONGEST_SHOWN]}…"


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
    yield "key", "" if key == event.key else _describe_keys(key, event.key)
    line = (event.company_id, getattr(event, "whatsapp_id", 0))
    yield "line", "" if line in lines else f"company {line[0]} has no line {line[1]}"
    yield from _check_members(read, event)


def _describe_keys(came: str, right: str) -> str:
    return f"the key is {mask_key(came)!r}, the body gives {mask_key(right)!r}"


def _classify_unreadable(read: ReadRecord) -> Problem:
    """Return the rule that a record breaks which nobody can read."""
    problem = f"{read.reason}: {read.detail}"[:LONGEST_DETAIL]
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
        if name == "chat" and not _is_of_one_person(event):
            continue
        if not NUMBER_OR_LID.fullmatch(canonical) and not is_bsuid(canonical):
            return f"{name} is no number, LID or BSUID"
    return ""


def _is_of_one_person(event: ConversationEvent) -> bool:
    """Whether a chat is no group, whose id may be any text; most events do not say it."""
    return isinstance(event, MessageReceived) and not event.is_group


def _check_time(read: ReadRecord) -> Iterator[Problem]:
    ahead = read_time(read) - read_record_time(read)
    if ahead <= TOLERANCE:
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
        and abs(offset) <= FARTHEST_ZONE + TOLERANCE
        and abs(offset - steps * ZONE_STEP) <= TOLERANCE
    )


def _read_key(read: ReadRecord) -> str:
    return (read.record.key or b"").decode(errors="backslashreplace")
