"""Formats dead letters for terminals, with control characters escaped, and as JSON."""

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from shared.cli.dead_letter_store import RecordContent
from shared.delivery.dead_letters.store import restore_headers

COLUMNS = ("id", "status", "service", "topic", "reason", "company", "attempts", "since", "detail")
OPTIONAL_COLUMNS = ("attempts", "topic", "status", "service", "company")  # the first goes first
MAX_DETAIL_LENGTH = 60
PRINTED_CONTROLS = {"\n", "\t"}


def build_row(dead_letter: dict[str, Any]) -> tuple[object, ...]:
    """Return the cells of a table row, in the order of COLUMNS."""
    detail = escape_unprintable(dead_letter["detail"]).replace("\n", " ")
    if len(detail) > MAX_DETAIL_LENGTH:
        detail = detail[: MAX_DETAIL_LENGTH - 1] + "…"
    company = dead_letter["companyId"]
    return (
        dead_letter["id"],
        dead_letter["status"],
        dead_letter["service"],
        escape_unprintable(dead_letter["topic"]),
        dead_letter["reason"],
        "-" if company is None else str(company),
        dead_letter["attempts"],
        f"{dead_letter['createdAt']:%Y-%m-%d %H:%M}",
        detail,
    )


def convert_to_json(dead_letter: dict[str, Any]) -> dict[str, Any]:
    """Return a dead letter's details with times in ISO 8601."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in dead_letter.items()
    }


def convert_content_to_json(content: RecordContent) -> dict[str, Any]:
    """Return a record's key, headers and body; a body that is not UTF-8 in base64."""
    encoding, body = _encode_body(content.body)
    return {
        "key": None if content.key is None else decode_text(content.key),
        "headers": [[name, value] for name, value in _read_headers(content)],
        "bodyEncoding": encoding,
        "body": body,
    }


def format_page(dead_letter: dict[str, Any], content: RecordContent) -> Iterator[str]:
    """Yield the lines that show one dead letter, the body last."""
    position = f"{dead_letter['topic']}/{dead_letter['partition']} offset {dead_letter['offset']}"
    sqlstate = f" (SQLSTATE {dead_letter['sqlstate']})" if dead_letter["sqlstate"] else ""
    yield f"Dead letter {dead_letter['id']}: {dead_letter['status']}"
    for name, value in (
        ("service", dead_letter["service"]),
        ("record", position),
        ("written", dead_letter["recordTimestamp"]),
        ("key", None if content.key is None else decode_text(content.key)),
        ("company", dead_letter["companyId"]),
        ("reason", dead_letter["reason"] + sqlstate),
        ("detail", dead_letter["detail"]),
        ("attempts", dead_letter["attempts"]),
        ("dead since", dead_letter["createdAt"]),
    ):
        yield f"  {name + ':':<12}{'none' if value is None else escape_unprintable(str(value))}"
    for name, text in _read_headers(content):
        value = "none" if text is None else escape_unprintable(text)
        yield f"  {'header:':<12}{escape_unprintable(name)} = {value}"
    for event in dead_letter["history"]:
        yield f"  {'history:':<12}{escape_unprintable(_format_event(event))}"
    yield ""
    yield (
        "The record has no body."
        if content.body is None
        else escape_unprintable(decode_text(content.body))
    )


def decode_text(value: bytes) -> str:
    r"""Decode UTF-8; other bytes become escapes such as \xff."""
    return value.decode(errors="backslashreplace")


def escape_unprintable(text: str) -> str:
    r"""Replace control characters, which terminals obey, by escapes such as \x1b."""
    return "".join(
        c if c.isprintable() or c in PRINTED_CONTROLS else c.encode("unicode_escape").decode()
        for c in text
    )


def _read_headers(content: RecordContent) -> Iterator[tuple[str, str | None]]:
    for name, value in restore_headers(content.headers):
        yield name, None if value is None else decode_text(value)


def _encode_body(body: bytes | None) -> tuple[str, str | None]:
    if body is None:
        return "utf-8", None
    try:
        return "utf-8", body.decode()
    except UnicodeDecodeError:
        return "base64", base64.b64encode(body).decode()


def _format_event(event: dict[str, Any]) -> str:
    by = f" by {event['by']}" if "by" in event else ""
    because = f" ({event['reason']})" if event["did"] == "failed" else ""
    edited = ", edited" if event.get("edited") else ""
    return f"{event['at']} {event['did']}{by}{edited}{because}"
