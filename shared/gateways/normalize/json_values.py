"""Readers for JSON of other systems.

A member of an unexpected type is treated as missing.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue

from shared.contracts.base import END

JsonObject = dict[str, JsonValue]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_SECOND = 10**11  # the year 5138: a larger number is in a smaller unit
_UNITS_PER_SECOND = (1, 10**3, 10**6, 10**9)
_COUNT = re.compile(r"([0-9]{1,20})(?:\.[0-9]{1,9})?")
_LOW_BITS = 0xFFFF_FFFF
_LARGEST_COUNT = 2**64
_LONGEST_COUNT = 64  # characters; bounds the work, since one time may be read for many messages
_MOST_ENCODINGS = 2  # some bridges write the text of an object as JSON once more
_LONGEST_EMBEDDED = 64 * 1024  # characters
_BRACKETED = re.compile(r"\s*[{\[\"]")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{5,20}(?:Z|[+-][0-9]{2}:?[0-9]{2})")
_WIDEST_ANGLE = 180
MOST_CHOICES = 1_000  # elements of one list in a message: more than WhatsApp shows


def clean_text(value: str) -> str:
    """Return a text without lone surrogates and NUL, which UTF-8 or Postgres cannot encode."""
    without_nul = value.replace("\x00", "")
    if without_nul.isascii():
        return without_nul
    return without_nul.encode("utf-8", "replace").decode("utf-8")


def read_text(holder: JsonObject, *names: str) -> str:
    """Return the first of the named members that is text and not blank, else ''."""
    for name in names:
        value = holder.get(name)
        if isinstance(value, str) and (clean := clean_text(value)).strip():
            return clean
    return ""


def read_object(holder: JsonObject, *path: str) -> JsonObject:
    """Follow the path through nested objects; return {} if it ends early."""
    for name in path:
        value = holder.get(name)
        if not isinstance(value, dict):
            return {}
        holder = value
    return holder


def read_flag(holder: JsonObject, name: str) -> bool:
    """Return whether the member is true; form-encoded bridges send it as text."""
    return holder.get(name) in (True, "true", "True")


def read_angle(holder: JsonObject, name: str) -> float | None:
    """Return the member in degrees if it is a number that can be an angle, else None."""
    value = holder.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= _WIDEST_ANGLE else None  # NaN is not


def parse_count(value: JsonValue) -> int | None:
    """Return a whole number in any form of a 64-bit count in JSON, else None.

    The forms are a number, decimal text and protobuf.js' `{low, high, unsigned}`, whose `low` may
    be negative.
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


def parse_time(value: JsonValue) -> datetime | None:
    """Return a time in UTC, from ISO 8601 text or a number since 1970; None if it is neither.

    The unit (s, ms, µs or ns) follows from the magnitude. A time without a zone, or one outside the
    years 1970 to 2099, is None.
    """
    if isinstance(value, str) and len(value) <= _LONGEST_COUNT and _ISO.fullmatch(value.strip()):
        return _parse_iso(value.strip())
    since_epoch = parse_count(value)
    if since_epoch is None or since_epoch <= 0:
        return None
    for units in _UNITS_PER_SECOND:
        if since_epoch < _LATEST_SECOND * units:
            time = _EPOCH + timedelta(microseconds=since_epoch * 1_000_000 // units)
            return time if time < END else None
    return None


def _parse_iso(iso: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(iso)
    except ValueError:  # the 31st of February
        return None
    return time.astimezone(UTC) if _EPOCH < time < END else None


def read_embedded_json(holder: JsonObject, name: str) -> JsonObject:
    """Return the object that the member holds as JSON text; {} if it holds none."""
    parsed = parse_embedded_json(holder, name)
    return parsed if isinstance(parsed, dict) else {}


def parse_embedded_json(holder: JsonObject, name: str) -> JsonValue:
    """Return the value that the member holds as JSON text, or its text if that is not JSON.

    Broken JSON is None, because tokens cannot be found in it, and so is a text above 64 Ki
    characters. Some bridges have parsed the member already: such a value is returned unchanged.
    """
    value = holder.get(name)
    for _ in range(_MOST_ENCODINGS):
        if not isinstance(value, str):
            break
        value = _parse_json(value)
    return None if isinstance(value, str) and _BRACKETED.match(value) else value


def _parse_json(text: str) -> JsonValue:
    if len(text) > _LONGEST_EMBEDDED:
        return None
    try:
        parsed: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return None if _BRACKETED.match(text) else clean_text(text)
    return parsed


def as_list(value: JsonValue) -> list[JsonValue]:
    """Return a list unchanged, any other value as a list of one element."""
    return value if isinstance(value, list) else [value]


def read_choices(value: JsonValue) -> list[JsonValue]:
    """Return the first `MOST_CHOICES` elements of a list, such as buttons; [] if it is not one."""
    return value[:MOST_CHOICES] if isinstance(value, list) else []


def read_objects(value: JsonValue) -> Iterator[JsonObject]:
    """Return the objects among the first `MOST_CHOICES` elements of a list."""
    return (part for part in read_choices(value) if isinstance(part, dict))


def read_enum(value: JsonValue) -> str:
    """Return the value of a protobuf enum, sent as its name or number, as text; else ''."""
    if isinstance(value, str):
        return clean_text(value).strip()
    number = parse_count(value)
    return "" if number is None else str(number)


def join_lines(*lines: str) -> str:
    """Return the non-blank lines joined by newlines, each one once."""
    return "\n".join(dict.fromkeys(filter(None, (line.strip() for line in lines))))
