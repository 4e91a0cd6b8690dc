"""Payloads of gateways, read from a file, and what they mean to us."""

import json
from typing import Any

from pydantic import JsonValue

from shared.cli.errors import WrongUsage
from shared.gateways.outcome import Translation

UNREADABLE = "unreadable-payload"  # the reason of the dead letter that it would become
DUMP = {"key", "headers", "value"}  # members of a record in a dump of Kafka


def read_payloads(content: bytes) -> list[JsonValue]:
    """Read one JSON document, or one a line; raises WrongUsage where it is neither."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongUsage("The payload is not UTF-8 text.") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    try:
        return [_bare(json.loads(text))]
    except (ValueError, RecursionError) as error:
        if len(lines) < 2 or not _is_json(lines[0][1]):  # noqa: PLR2004 - one line is one payload
            raise WrongUsage(f"The payload is not JSON: {error}.") from error
    return [_payload_of_line(number, line) for number, line in lines]


def described(translation: Translation) -> dict[str, Any]:
    """Say what came of a payload: the first outcome of each kind, and what else there is."""
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


def _payload_of_line(number: int, line: str) -> JsonValue:
    try:
        return _bare(json.loads(line))
    except (ValueError, RecursionError) as error:
        raise WrongUsage(f"Line {number} is not JSON: {error}.") from error


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _bare(payload: JsonValue) -> JsonValue:
    if isinstance(payload, dict) and payload.keys() >= DUMP:
        return payload["value"]
    return payload
