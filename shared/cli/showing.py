"""How a dead letter looks: to people, whose terminal must obey nothing in it, and to programs."""

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from shared.cli.letters import Content
from shared.delivery.dead_letters import headers_as_read

COLUMNS = ("id", "status", "service", "topic", "reason", "company", "attempts", "since", "detail")
LONGEST_DETAIL = 60
ALSO_PRINTED = {"\n", "\t"}


def row(letter: dict[str, Any]) -> tuple[object, ...]:
    """Give one line of the list."""
    detail = printable(letter["detail"]).replace("\n", " ")
    if len(detail) > LONGEST_DETAIL:
        detail = detail[: LONGEST_DETAIL - 1] + "…"
    company = letter["companyId"]
    return (
        letter["id"],
        letter["status"],
        letter["service"],
        printable(letter["topic"]),
        letter["reason"],
        "-" if company is None else str(company),
        letter["attempts"],
        f"{letter['createdAt']:%Y-%m-%d %H:%M}",
        detail,
    )


def jsonable(letter: dict[str, Any]) -> dict[str, Any]:
    """Give a letter as JSON can hold it."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in letter.items()
    }


def jsonable_content(content: Content) -> dict[str, Any]:
    """Give the record as JSON can hold it; a body that is not UTF-8 in base64."""
    encoding, body = _encoded(content.body)
    return {
        "key": None if content.key is None else as_text(content.key),
        "headers": [[name, value] for name, value in _headers(content)],
        "bodyEncoding": encoding,
        "body": body,
    }


def page(letter: dict[str, Any], content: Content) -> Iterator[str]:
    """Tell everything about one letter, line by line, the body last."""
    place = f"{letter['topic']}/{letter['partition']} offset {letter['offset']}"
    sqlstate = f" (SQLSTATE {letter['sqlstate']})" if letter["sqlstate"] else ""
    yield f"Dead letter {letter['id']}: {letter['status']}"
    for name, value in (
        ("service", letter["service"]),
        ("record", place),
        ("written", letter["recordTimestamp"]),
        ("key", None if content.key is None else as_text(content.key)),
        ("company", letter["companyId"]),
        ("reason", letter["reason"] + sqlstate),
        ("detail", letter["detail"]),
        ("attempts", letter["attempts"]),
        ("dead since", letter["createdAt"]),
    ):
        yield f"  {name + ':':<12}{'none' if value is None else printable(str(value))}"
    for name, text in _headers(content):
        yield f"  {'header:':<12}{printable(name)} = {'none' if text is None else printable(text)}"
    for event in letter["history"]:
        yield f"  {'history:':<12}{printable(_told(event))}"
    yield ""
    yield "The record has no body." if content.body is None else printable(as_text(content.body))


def as_text(value: bytes) -> str:
    r"""Read bytes as UTF-8; those that are none stay visible, such as \xff."""
    return value.decode(errors="backslashreplace")


def printable(text: str) -> str:
    r"""Make characters that would command a terminal visible, such as \x1b."""
    return "".join(
        c if c.isprintable() or c in ALSO_PRINTED else c.encode("unicode_escape").decode()
        for c in text
    )


def _headers(content: Content) -> Iterator[tuple[str, str | None]]:
    for name, value in headers_as_read(content.headers):
        yield name, None if value is None else as_text(value)


def _encoded(body: bytes | None) -> tuple[str, str | None]:
    if body is None:
        return "utf-8", None
    try:
        return "utf-8", body.decode()
    except UnicodeDecodeError:
        return "base64", base64.b64encode(body).decode()


def _told(event: dict[str, Any]) -> str:
    by = f" by {event['by']}" if "by" in event else ""
    because = f" ({event['reason']})" if event["did"] == "failed" else ""
    edited = ", edited" if event.get("edited") else ""
    return f"{event['at']} {event['did']}{by}{edited}{because}"
