"""Secrets in bodies that are kept: looked for by their names, since a body may be broken."""

import re
from collections.abc import Callable
from string import ascii_letters, digits
from typing import Final

from pydantic import BaseModel, ValidationError

from shared.contracts.json_limits import MOST_MEMBERS
from shared.gateways.redaction import SECRET_WORDS, is_secret
from shared.schema.secret_columns import SECRETS

# A body may be JSON, JSON in a string of JSON, or what is left of it: so names are looked for.
# A match begins where a run of one kind does: tried anywhere in it, megabytes would take hours.
MEMBER = re.compile(rb'(?<!\\)(\\*)(")([\w.-]{1,60})\1"\s*:\s*')
LOOSE_MEMBER = re.compile(rb"""(?<!\\)(\\*)(["'])([\w.-]{1,60})\1\2\s*:\s*""")
# `%5D` is a bracket, and no name begins with its `5D`: a run of them would be read from each.
PARAMETER = re.compile(
    rb"(?<![\w.-])(?!(?<=%)5[Dd](?![\w.-]))([\w.-]{1,60})(?:\]|%5[Dd])*+=([^&;\s]*)"
)
STRINGS = {
    b'"': re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL),
    b"'": re.compile(rb"'(?:[^'\\]++|\\.)*+'?", re.DOTALL),
}
SCALAR = re.compile(rb"[^,}\]\s]*")
MARK = re.compile(rb"""(?<!\\)\\*+["']|[{}\[\]]+""")
QUOTES = b"\"'"
OPENING = b"{["
MOST_MARKS = 50_000  # secrets of a body, and brackets and quotes in them; what follows is hidden
MOST_NAMES = MOST_MEMBERS  # that are looked at in a body; what follows is hidden

# Stands in a request about rows where a secret was, so that nobody saves nothing in its place.
BLANKED: Final = b"(blanked)"
SECRET_COLUMNS: Final = frozenset(name for names in SECRETS.values() for name in names)

LOWER = bytes(range(256)).lower()
NOT_ALPHANUMERIC = bytes(range(256)).translate(None, (digits + ascii_letters).encode())
WORDS: Final = tuple(
    word.encode()
    for word in {*SECRET_WORDS, *("".join(filter(str.isalnum, c.lower())) for c in SECRET_COLUMNS)}
)

Hides = Callable[[str], bool]


class _Anything(BaseModel):
    """Reads JSON without making Python objects of its members."""


def is_of_requests(topic: str) -> bool:
    """Whether rows are asked for on a topic, and may carry what opens something."""
    return topic.endswith(".requests")


def without_secrets(topic: str, body: bytes | None) -> bytes | None:
    """Blank the values of secret members, however deep their JSON is quoted.

    In requests these are also the secret columns of all tables. Where a body is no JSON, members in
    single quotes and a form's parameters are looked for as well.
    """
    if body is None or not _may_hold_secrets(body):
        return body
    hides, mark = (_hides_column, BLANKED) if is_of_requests(topic) else (is_secret, b"")
    if _is_json(body):
        return _blanked(body, MEMBER, hides, mark)
    return _without_parameters(_blanked(body, LOOSE_MEMBER, hides, mark), hides, mark)


def _may_hold_secrets(body: bytes) -> bool:
    """Return whether any name of a secret occurs, however it is written and whatever it is."""
    letters = body.translate(LOWER, NOT_ALPHANUMERIC)
    return any(word in letters for word in WORDS)


def _hides_column(name: str) -> bool:
    return name in SECRET_COLUMNS or is_secret(name)


def _is_json(body: bytes) -> bool:
    try:
        _Anything.model_validate_json(body)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)[0]["type"] != "json_invalid"
    return True


def _blanked(body: bytes, members: re.Pattern[bytes], hides: Hides, mark: bytes) -> bytes:
    kept, at, left = list[bytes](), 0, MOST_MARKS
    for number, member in enumerate(members.finditer(body)):
        if number == MOST_NAMES:
            return b"".join([*kept, body[at : max(at, member.start())]])
        slashes, quote, name = member.groups()
        if member.start() >= at and hides(name.decode("ascii", "replace")):
            delimiter = slashes + quote
            kept += [body[at : member.end()], delimiter, mark, delimiter]
            at, left = _end_of_value(body, member.end(), delimiter, left - 1)
            if left <= 0:
                return b"".join(kept)
    return b"".join([*kept, body[at:]])


def _without_parameters(body: bytes, hides: Hides, mark: bytes) -> bytes:
    kept, at = list[bytes](), 0
    for number, parameter in enumerate(PARAMETER.finditer(body)):
        if number == MOST_NAMES:
            return b"".join([*kept, body[at : parameter.start()]])
        if hides(parameter[1].decode("ascii", "replace")):
            kept += [body[at : parameter.start(2)], mark]
            at = parameter.end()
    return b"".join([*kept, body[at:]])


def _end_of_value(body: bytes, start: int, delimiter: bytes, left: int) -> tuple[int, int]:
    """Find where a value ends, and how many marks may be looked at after it."""
    if body.startswith(delimiter, start):
        return _end_of_string(body, start, delimiter), left
    if body[start : start + 1] in {b"{", b"["}:
        return _end_of_brackets(body, start, delimiter, left)
    scalar = SCALAR.match(body, start)
    return (scalar.end() if scalar else start), left


def _end_of_brackets(body: bytes, start: int, delimiter: bytes, left: int) -> tuple[int, int]:
    """Find where what opens here is closed, whatever its strings hold; else the body's end."""
    depth, at = 0, start
    while left > 0 and (found := MARK.search(body, at)):
        at, left = found.end(), left - 1
        if found[0] == delimiter:
            at = _end_of_string(body, found.start(), delimiter)
        elif found[0][-1] not in QUOTES:
            depth, closed = _after_brackets(found[0], depth)
            if not depth:
                return found.start() + closed, left
    return len(body), left


def _after_brackets(run: bytes, depth: int) -> tuple[int, int]:
    """Give the depth after a run of brackets, and where in it all are closed if they are."""
    openings = run.count(b"{") + run.count(b"[")
    closings = len(run) - openings
    if closings < depth:
        return depth + openings - closings, len(run)
    for at, bracket in enumerate(run, 1):
        depth += 1 if bracket in OPENING else -1
        if not depth:
            return 0, at
    return depth, len(run)


def _end_of_string(body: bytes, start: int, delimiter: bytes) -> int:
    """Find the end of a string, with as many backslashes as it began with."""
    if plain := STRINGS.get(delimiter):
        string = plain.match(body, start)
        return string.end() if string else start
    at = start + len(delimiter)
    while (found := body.find(delimiter, at)) >= 0:
        if not body.startswith(b"\\", found - 1):
            return found + len(delimiter)
        at = found + 1
    return len(body)
