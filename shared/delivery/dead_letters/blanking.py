"""Blanks secrets in the bodies of dead letters by member name, also in invalid JSON."""

import re
from collections.abc import Callable
from string import ascii_letters, digits
from typing import Final

from pydantic_core import from_json

from shared.contracts.json_limits import MOST_MEMBERS
from shared.gateways.normalize.redaction import SECRET_WORDS, is_secret
from shared.schema.secret_columns import SECRETS

# A body may be JSON, JSON inside a JSON string, or invalid, so it is searched with patterns.
# Each pattern matches only at the start of a run of backslashes or word characters; otherwise
# long runs would take quadratic time.
MEMBER = re.compile(rb'(?<!\\)(\\*)(")([\w.-]{1,60})\1"\s*:\s*')
LOOSE_MEMBER = re.compile(rb"""(?<!\\)(\\*)(["'])([\w.-]{1,60})\1\2\s*:\s*""")
# `%5D` is an encoded bracket. A name may not begin with `5D`, or runs of it take quadratic time.
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
# Secrets in a body, and brackets and quotes in their values; the rest of the body is cut off.
MOST_MARKS = 50_000
# Names of members or parameters that are checked; the rest of the body is cut off.
MOST_NAMES = MOST_MEMBERS

# Replaces a secret in a request about rows, so that no replay saves an empty value.
BLANKED: Final = b"(blanked)"
SECRET_COLUMNS: Final = frozenset(name for names in SECRETS.values() for name in names)

LOWER = bytes(range(256)).lower()
NOT_ALPHANUMERIC = bytes(range(256)).translate(None, (digits + ascii_letters).encode())
WORDS: Final = tuple(
    word.encode()
    for word in {*SECRET_WORDS, *("".join(filter(str.isalnum, c.lower())) for c in SECRET_COLUMNS)}
)

IsSecret = Callable[[str], bool]


def _is_request_topic(topic: str) -> bool:
    return topic.endswith(".requests")


def blank_secrets(topic: str, body: bytes | None) -> bytes | None:
    """Return a body with blank values of secret members, also in JSON that is quoted in JSON.

    In requests, secret columns of all tables are blanked, too. In a body that is not JSON, members
    in single quotes and form parameters are blanked, too.
    """
    if body is None or not _may_hold_secrets(body):
        return body
    is_secret_name, mark = (
        (_is_secret_column, BLANKED) if _is_request_topic(topic) else (is_secret, b"")
    )
    if _is_json(body):
        return _blank_members(body, MEMBER, is_secret_name, mark)
    blanked = _blank_members(body, LOOSE_MEMBER, is_secret_name, mark)
    return _blank_parameters(blanked, is_secret_name, mark)


def _may_hold_secrets(body: bytes) -> bool:
    """Return whether the body contains a name of a secret, in any supported spelling."""
    plain = body.translate(LOWER, NOT_ALPHANUMERIC)
    return any(word in plain for word in WORDS)


def _is_secret_column(name: str) -> bool:
    return name in SECRET_COLUMNS or is_secret(name)


def _is_json(body: bytes) -> bool:
    try:
        from_json(body)
    except ValueError:
        return False
    return True


def _blank_members(
    body: bytes, members: re.Pattern[bytes], is_secret_name: IsSecret, mark: bytes
) -> bytes:
    kept, at, left = list[bytes](), 0, MOST_MARKS
    for number, member in enumerate(members.finditer(body)):
        if number == MOST_NAMES:
            return b"".join([*kept, body[at : max(at, member.start())]])
        slashes, quote, name = member.groups()
        if member.start() >= at and is_secret_name(name.decode("ascii", "replace")):
            delimiter = slashes + quote
            kept += [body[at : member.end()], delimiter, mark, delimiter]
            at, left = _find_end_of_value(body, member.end(), delimiter, left - 1)
            if left <= 0:
                return b"".join(kept)
    return b"".join([*kept, body[at:]])


def _blank_parameters(body: bytes, is_secret_name: IsSecret, mark: bytes) -> bytes:
    kept, at = list[bytes](), 0
    for number, parameter in enumerate(PARAMETER.finditer(body)):
        if number == MOST_NAMES:
            return b"".join([*kept, body[at : parameter.start()]])
        if is_secret_name(parameter[1].decode("ascii", "replace")):
            kept += [body[at : parameter.start(2)], mark]
            at = parameter.end()
    return b"".join([*kept, body[at:]])


def _find_end_of_value(body: bytes, start: int, delimiter: bytes, left: int) -> tuple[int, int]:
    """Return the end index of a value, and the remaining number of delimiters to check."""
    if body.startswith(delimiter, start):
        return _find_end_of_string(body, start, delimiter), left
    if body[start : start + 1] in {b"{", b"["}:
        return _find_end_of_brackets(body, start, delimiter, left)
    scalar = SCALAR.match(body, start)
    return (scalar.end() if scalar else start), left


def _find_end_of_brackets(body: bytes, start: int, delimiter: bytes, left: int) -> tuple[int, int]:
    """Return the index after the object or list that starts here, else the end of the body."""
    depth, at = 0, start
    while left > 0 and (match := MARK.search(body, at)):
        at, left = match.end(), left - 1
        if match[0] == delimiter:
            at = _find_end_of_string(body, match.start(), delimiter)
        elif match[0][-1] not in QUOTES:
            depth, closed = _count_brackets(match[0], depth)
            if not depth:
                return match.start() + closed, left
    return len(body), left


def _count_brackets(run: bytes, depth: int) -> tuple[int, int]:
    """Return the depth after a run of brackets, and where in it that is 0, else its end."""
    openings = run.count(b"{") + run.count(b"[")
    closings = len(run) - openings
    if closings < depth:
        return depth + openings - closings, len(run)
    for at, bracket in enumerate(run, 1):
        depth += 1 if bracket in OPENING else -1
        if not depth:
            return 0, at
    return depth, len(run)


def _find_end_of_string(body: bytes, start: int, delimiter: bytes) -> int:
    """Return where a string ends; its quotes have as many backslashes as the first one."""
    if plain := STRINGS.get(delimiter):
        string = plain.match(body, start)
        return string.end() if string else start
    at = start + len(delimiter)
    while (end := body.find(delimiter, at)) >= 0:
        if not body.startswith(b"\\", end - 1):
            return end + len(delimiter)
        at = end + 1
    return len(body)
