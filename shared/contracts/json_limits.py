"""Limits of the JSON that others write: known before it is parsed, in time linear in its bytes."""

import re
from dataclasses import dataclass

MOST_MEMBERS = 250_000  # values of one record: members of objects and elements of arrays
DEEPEST = 64  # levels of objects and arrays in one another
LONGEST_MEMBER_NAME = 1_024  # bytes

# A string that is never closed ends with the body, so that no byte is looked at twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
_BEGINNING = re.compile(rb"\s*+[{\[]")
_COLON = re.compile(rb"\s*+:")
_NO_BRACKETS = bytes(byte for byte in range(256) if chr(byte) not in "[]{}")
_OPENING = b"[{"
_QUOTES = 2
QUOTES_OF_A_MEMBER = 4  # of its name and of its value, if that is text


@dataclass(frozen=True, slots=True)
class Exceeded:
    """The limit that a body exceeds, as a dead letter names it."""

    reason: str
    detail: str


def exceeded(body: bytes) -> Exceeded | None:
    """Return the first limit that a body exceeds; None where it fits, or holds no members."""
    if not _BEGINNING.match(body):
        return None  # a parser gives it up at its beginning
    return _size_exceeded(body) or _name_exceeded(body)


def _size_exceeded(body: bytes) -> Exceeded | None:
    quotes = body.count(b'"')
    if quotes > QUOTES_OF_A_MEMBER * MOST_MEMBERS:
        return _too_many(quotes // QUOTES_OF_A_MEMBER)
    containers = body.count(b"[") + body.count(b"{")
    if containers <= DEEPEST and containers + body.count(b",") <= MOST_MEMBERS:
        return None
    structure = _STRING.sub(b"", body)
    brackets = structure.translate(None, _NO_BRACKETS)
    members = structure.count(b",") + brackets.count(b"[") + brackets.count(b"{")
    if members > MOST_MEMBERS:
        return _too_many(members)
    if _is_too_deep(brackets):
        return Exceeded("too-deep", f"the body is nested deeper than {DEEPEST} levels")
    return None


def _too_many(members: int) -> Exceeded:
    return Exceeded(
        "too-many-members",
        f"the body has about {members:,} members and elements; the limit is {MOST_MEMBERS:,}",
    )


def _is_too_deep(brackets: bytes) -> bool:
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in _OPENING else -1
        if not 0 <= depth <= DEEPEST:
            return depth > DEEPEST  # else it is no JSON, and its parser says so
    return False


def _name_exceeded(body: bytes) -> Exceeded | None:
    longest = LONGEST_MEMBER_NAME + _QUOTES
    if len(body) <= longest or len(max(_STRING.findall(body), key=len, default=b"")) <= longest:
        return None
    for string in _STRING.finditer(body):
        size = string.end() - string.start()
        if size > longest and _COLON.match(body, string.end()):
            return Exceeded(
                "name-too-long",
                f"a member's name has {size - _QUOTES:,} bytes; "
                f"the limit is {LONGEST_MEMBER_NAME:,}",
            )
    return None
