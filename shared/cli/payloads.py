"""Reads payloads of gateways from a file, and describes their translation."""

import json
from typing import Any

from pydantic import JsonValue

from shared.cli.errors import InvalidUsageError
from shared.gateways.normalize.outcome import Translation

UNREADABLE = "unreadable-payload"  # the reason of the dead letter
DUMP_MEMBERS = {"key", "headers", "value"}  # a record of a Kafka dump has these members


def read_payloads(content: bytes) -> list[JsonValue]:
    """Read one JSON document, or one per line; raises InvalidUsageError for anything else."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidUsageError("The payload is not UTF-8 text.") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    try:
        return [_unwrap_dump(json.loads(text))]
    except (ValueError, RecursionError) as error:
        if len(lines) < 2 or not _is_json(lines[0][1]):  # noqa: PLR2004 - one line is one payload
            raise InvalidUsageError(f"The payload is not JSON: {error}.") from error
    return [_parse_line(number, line) for number, line in lines]


def describe_translation(translation: Translation) -> dict[str, Any]:
    """Return the events and the first reason of a payload, and under `more` other reasons."""
    outcomes: list[dict[str, Any]] = [
        {"ignored": part.reason, "detail": part.detail} for part in translation.ignored
    ] + [{"ignored": UNREADABLE, "detail": part.detail} for part in translation.unreadable]
    answer: dict[str, Any] = {}
    if translation.events:
        answer["events"] = [
            {"type": event.ce_type(), **event.model_dump(mode="json", by_alias=True)}
            for event in translation.events
        ]
    more = [outcome for outcome in outcomes[1:] if outcome != outcomes[0]]
    return answer | (outcomes[0] if outcomes else {}) | ({"more": more} if more else {})


def _parse_line(number: int, line: str) -> JsonValue:
    try:
        return _unwrap_dump(json.loads(line))
    except (ValueError, RecursionError) as error:
        raise InvalidUsageError(f"Line {number} is not JSON: {error}.") from error


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _unwrap_dump(payload: JsonValue) -> JsonValue:
    if isinstance(payload, dict) and payload.keys() >= DUMP_MEMBERS:
        return payload["value"]
    return payload
