"""Limits of JSON bodies, checked before parsing in time linear in their bytes."""

import re
from dataclasses import dataclass

MOST_MEMBERS = 250_000  # values of one record: members of objects and elements of arrays
DEEPEST = 64  # levels of nested objects and arrays
LONGEST_MEMBER_NAME = 1_024  # bytes

# An unclosed string ends at the end of the body, so the pattern does not backtrack.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
_BEGINNING = re.compile(rb"\s*+[{\[]")
_COLON = re.compile(rb"\s*+:")
_NO_BRACKETS = bytes(byte for byte in range(256) if chr(byte) not in "[]{}")
_OPENING = b"[{"
_QUOTES = 2
QUOTES_OF_A_MEMBER = 4  # of its name and of its value, if that is text


@dataclass(frozen=True, slots=True)
class ExceededLimit:
    """Reason and detail of the dead letter of a body that exceeds a limit."""

    reason: str
    detail: str


def find_exceeded_limit(body: bytes) -> ExceededLimit | None:
    """Return the first limit that a body exceeds, or None."""
    if not _BEGINNING.match(body):
        return None  # not JSON; the parser rejects it immediately
    return _find_size_limit(body) or _find_name_limit(body)


def _find_size_limit(body: bytes) -> ExceededLimit | None:
    quotes = body.count(b'"')
    if quotes > QUOTES_OF_A_MEMBER * MOST_MEMBERS:
        return _build_too_many_members(quotes // QUOTES_OF_A_MEMBER)
    containers = body.count(b"[") + body.count(b"{")
    if containers <= DEEPEST and containers + body.count(b",") <= MOST_MEMBERS:
        return None
    structure = _STRING.sub(b"", body)
    brackets = structure.translate(None, _NO_BRACKETS)
    members = structure.count(b",") + brackets.count(b"[") + brackets.count(b"{")
    if members > MOST_MEMBERS:
        return _build_too_many_members(members)
    if _is_too_deep(brackets):
        return ExceededLimit("too-deep", f"the body is nested deeper than {DEEPEST} levels")
    return None


def _build_too_many_members(members: int) -> ExceededLimit:
    return ExceededLimit(
        "too-many-members",
        f"the body has about {members:,} members and elements; the limit is {MOST_MEMBERS:,}",
    )


def _is_too_deep(brackets: bytes) -> bool:
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in _OPENING else -1
        if not 0 <= depth <= DEEPEST:
            return depth > DEEPEST  # otherwise it is not JSON, and the parser rejects it
    return False


def _find_name_limit(body: bytes) -> ExceededLimit | None:
    longest = LONGEST_MEMBER_NAME + _QUOTES
    if len(body) <= longest or len(max(_STRING.findall(body), key=len, default=b"")) <= longest:
        return None
    for string in _STRING.finditer(body):
        size = string.end() - string.start()
        if size > longest and _COLON.match(body, string.end()):
            return ExceededLimit(
                "name-too-long",
                f"a member's name has {size - _QUOTES:,} bytes; "
                f"the limit is {LONGEST_MEMBER_NAME:,}",
            )
    return None
