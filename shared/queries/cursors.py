"""Cursors: the place in a list after which its next page begins, as text without a meaning.

A cursor holds the order columns of a row and nothing else. The company is never taken from it, so
one that was made up, or belongs to another company, only moves the place.
"""

import base64
import binascii
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

_MAX_ID: Final = 2**31 - 1
_NAME: Final = re.compile("[^\0\ud800-\udfff]{0,255}")  # what Postgres stores as a name
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class InvalidCursorError(Exception):
    """The cursor is not one that this list has given."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class TimePlace(NamedTuple):
    """A place in a list that is ordered by a time and an id."""

    at: datetime
    id: int


class NamePlace(NamedTuple):
    """A place in a list that is ordered by a name and an id."""

    name: str
    id: int


def encode_time(kind: str, place: TimePlace) -> str:
    """Return the cursor of a place in a list of this kind."""
    return _encode([kind, (place.at - _EPOCH) // _MICROSECOND, place.id])


def decode_time(kind: str, cursor: str) -> TimePlace:
    """Return the place of a cursor; raises InvalidCursorError."""
    microseconds, number = _decode(kind, cursor, 2)
    try:
        at = _EPOCH + timedelta(microseconds=_check_int(microseconds))
    except OverflowError as error:
        raise InvalidCursorError from error
    return TimePlace(at, _check_id(number))


def encode_name(kind: str, place: NamePlace) -> str:
    """Return the cursor of a place in a list of this kind."""
    return _encode([kind, place.name, place.id])


def decode_name(kind: str, cursor: str) -> NamePlace:
    """Return the place of a cursor; raises InvalidCursorError."""
    name, number = _decode(kind, cursor, 2)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidCursorError
    return NamePlace(name, _check_id(number))


def encode_id(kind: str, number: int) -> str:
    """Return the cursor of a place in a list of this kind that is ordered by ids."""
    return _encode([kind, number])


def decode_id(kind: str, cursor: str) -> int:
    """Return the id of a cursor; raises InvalidCursorError."""
    (number,) = _decode(kind, cursor, 1)
    return _check_id(number)


def _encode(parts: list[Any]) -> str:
    packed = json.dumps(parts, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _decode(kind: str, cursor: str, count: int) -> list[Any]:
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts = json.loads(packed)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidCursorError from error
    if not isinstance(parts, list) or len(parts) != count + 1 or parts[0] != kind:
        raise InvalidCursorError
    return parts[1:]


def _check_int(value: object) -> int:
    if type(value) is not int:
        raise InvalidCursorError
    return value


def _check_id(value: object) -> int:
    if not 0 <= _check_int(value) <= _MAX_ID:
        raise InvalidCursorError
    return _check_int(value)
