"""The payloads that gateways are tested with: our own, and public ones where available."""

import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.message import MessageReceived
from shared.contracts.message_change import MessageAcked, MessageReacted
from shared.gateways.normalize.json_values import JsonObject, read_object
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import Translation

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data" / "gateways"
PUBLIC = ROOT.parent / "shared" / "payloads"


LINE = Line(company_id=7, whatsapp_id=3, received_at=datetime(2026, 10, 1, tzinfo=UTC))


def load_json(path: Path) -> JsonObject:
    content: JsonValue = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def load_expected(gateway: str) -> dict[str, list[str]]:
    """Return the outcome of each public sample, in the form of `describe_outcomes`."""
    outcomes: dict[str, list[str]] = json.loads(
        (DATA / f"{gateway}-expected.json").read_text(encoding="utf-8")
    )
    return outcomes


def load_own(gateway: str) -> dict[str, JsonObject]:
    return {path.stem: load_json(path) for path in sorted((DATA / gateway).glob("*.json"))}


def load_public(gateway: str) -> dict[str, JsonObject]:
    """Return the public samples; none where they are not beside the repository."""
    samples = {path.name: load_json(path) for path in sorted((PUBLIC / gateway).glob("*.json"))}
    return {name: read_object(payload, "value") or payload for name, payload in samples.items()}


def describe_outcomes(translation: Translation) -> list[str]:
    """Return the outcome of each part of a payload in a few words."""
    return [
        *(_describe_event(event) for event in translation.events),
        *(f"ignored: {part.reason}" for part in translation.ignored),
        *("unreadable" for _ in translation.unreadable),
    ]


def _describe_event(event: Event) -> str:
    match event:
        case MessageReceived():
            return f"message.received {event.media_type}"
        case MessageAcked():
            return f"message.acked {event.ack}"
        case MessageReacted():
            return f"message.reacted {event.emoji or 'no more'}"
        case ConnectionUpdated():
            return f"connection.updated {event.status}"
        case _:
            return event.ce_type().removeprefix("chatia.").removesuffix(".v1")
