"""Bodies that are put together from several words of a message."""

from pydantic import JsonValue

from shared.gateways.normalize.json_values import (
    JsonObject,
    join_lines,
    parse_count,
    parse_time,
    read_text,
)
from shared.gateways.normalize.outcome import TypeAndBody


def build_body(media_type: str, *lines: str) -> TypeAndBody | None:
    """Return the media type with the non-blank lines, each one once; None if there is no line."""
    body = join_lines(*lines)
    return (media_type, body) if body else None


def format_minute(value: JsonValue) -> str:
    """Return a time to the minute, in UTC; '' if it is none."""
    at = parse_time(value)
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else ""


def format_price(holder: JsonObject, amount: str, currency: str) -> str:
    """Return an amount that WhatsApp counts in thousandths, with its currency; '' if it is 0."""
    thousandths = parse_count(holder.get(amount))
    return f"{read_text(holder, currency)} {thousandths / 1000:.2f}".strip() if thousandths else ""


def format_items(value: JsonValue) -> str:
    """Return a number of items in words; '' if it is 0 or no number."""
    number = parse_count(value)
    return "" if not number else "1 item" if number == 1 else f"{number} items"
