"""Reading other people's JSON: a member of an unexpected type is as good as absent."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from shared.contracts.base import END

JsonObject = dict[str, JsonValue]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_SECOND = 10**11  # the year 5138: a larger count is of a smaller unit
_UNITS_PER_SECOND = (1, 10**3, 10**6, 10**9)
_COUNT = re.compile(r"([0-9]{1,20})(?:\.[0-9]{1,9})?")
_LOW_BITS = 0xFFFF_FFFF
_LARGEST_COUNT = 2**64
_LONGEST_COUNT = 64  # characters; what is longer is not read: a webhook's time is of all its parts
_LONGEST_EMBEDDED = 64 * 1024  # characters
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,20}(?:Z|[+-][0-9]{2}:?[0-9]{2})")
_WIDEST_ANGLE = 180
MOST_CHOICES = 1_000  # of one list that a message shows: more than WhatsApp shows of any


def cleaned(text: str) -> str:
    """Drop what UTF-8 or Postgres cannot hold: halves of surrogate pairs and NUL."""
    without_nul = text.replace("\x00", "")
    if without_nul.isascii():
        return without_nul
    return without_nul.encode("utf-8", "replace").decode("utf-8")


def text(holder: JsonObject, *names: str) -> str:
    """Give the first of the named members that is text and not blank, else ''."""
    for name in names:
        value = holder.get(name)
        if isinstance(value, str) and (clean := cleaned(value)).strip():
            return clean
    return ""


def mapping(holder: JsonObject, *path: str) -> JsonObject:
    """Follow the path through nested objects; {} where it ends early."""
    for name in path:
        value = holder.get(name)
        if not isinstance(value, dict):
            return {}
        holder = value
    return holder


def flag(holder: JsonObject, name: str) -> bool:
    """Tell whether the member says yes; form-encoded bridges say it as text."""
    return holder.get(name) in (True, "true", "True")


def degrees(holder: JsonObject, name: str) -> float | None:
    """Give the member if it is a number that can be an angle on the globe."""
    value = holder.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= _WIDEST_ANGLE else None  # NaN is not


def count(value: JsonValue) -> int | None:
    """Read a whole number in the four forms JSON producers give 64-bit counts in.

    A number, decimal text, or protobuf.js' `{low, high, unsigned}`, whose `low` may be negative.
    """
    match value:
        case bool():
            return None
        case int() | float():
            return int(value) if abs(value) < _LARGEST_COUNT else None  # NaN is not
        case str() if len(value) <= _LONGEST_COUNT:
            digits = _COUNT.fullmatch(value.strip())
            return int(digits[1]) if digits else None
        case {"low": int(low), "high": int(high)}:
            return ((high & _LOW_BITS) << 32) | (low & _LOW_BITS)
        case _:
            return None


def moment(value: JsonValue) -> datetime | None:
    """Read a time since 1970, telling seconds from finer units by magnitude, or ISO 8601 text.

    A time that no message can be of is none, and so is one without a zone.
    """
    if isinstance(value, str) and len(value) <= _LONGEST_COUNT and _ISO.fullmatch(value.strip()):
        return _of_iso(value.strip())
    since_epoch = count(value)
    if since_epoch is None or since_epoch <= 0:
        return None
    for units in _UNITS_PER_SECOND:
        if since_epoch < _LATEST_SECOND * units:
            found = _EPOCH + timedelta(microseconds=since_epoch * 1_000_000 // units)
            return found if found < END else None
    return None


def _of_iso(written: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(written)
    except ValueError:  # the 31st of February
        return None
    return found.astimezone(UTC) if _EPOCH < found < END else None


def embedded(holder: JsonObject, name: str) -> JsonObject:
    """Give the object that the member holds as JSON text; {} where it holds none."""
    written = holder.get(name)
    if not isinstance(written, str) or len(written) > _LONGEST_EMBEDDED:
        return {}
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def items(value: JsonValue) -> list[JsonValue]:
    """Give the parts of what some versions send as a list and others, if single, bare."""
    return value if isinstance(value, list) else [value]


def choices(value: JsonValue) -> list[JsonValue]:
    """Give what a message has in a list, such as its buttons, as far as a person would read it."""
    return value[:MOST_CHOICES] if isinstance(value, list) else []


def objects(value: JsonValue) -> Iterator[JsonObject]:
    """Give the objects among what should be a list of them, as far as a person would read it."""
    return (part for part in choices(value) if isinstance(part, dict))


def enumerated(value: JsonValue) -> str:
    """Give a proto enum's value, sent as its name or as its number, as text."""
    if isinstance(value, str):
        return cleaned(value).strip()
    known = count(value)
    return "" if known is None else str(known)


def joined(*lines: str) -> str:
    """Write the lines that say something one under the other, none of them twice."""
    return "\n".join(dict.fromkeys(filter(None, (line.strip() for line in lines))))
