"""The payloads that gateways are tested with: ours, and public ones where they are at hand."""

import json
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.message import MessageReceived
from shared.contracts.message_change import MessageAcked, MessageReacted
from shared.gateways.line import Line
from shared.gateways.outcome import Translation
from shared.gateways.reading import JsonObject, mapping

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data" / "gateways"
PUBLIC = ROOT.parent / "shared" / "payloads"


LINE = Line(company_id=7, whatsapp_id=3, received_at=datetime(2026, 10, 1, tzinfo=UTC))


def read(path: Path) -> JsonObject:
    content: JsonValue = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def expected(gateway: str) -> dict[str, list[str]]:
    """What becomes of each public sample, as `outcomes` says it."""
    found: dict[str, list[str]] = json.loads(
        (DATA / f"{gateway}-expected.json").read_text(encoding="utf-8")
    )
    return found


def own(gateway: str) -> dict[str, JsonObject]:
    return {path.stem: read(path) for path in sorted((DATA / gateway).glob("*.json"))}


def public(gateway: str) -> dict[str, JsonObject]:
    """Empty where the public samples are not beside the repository."""
    found = {path.name: read(path) for path in sorted((PUBLIC / gateway).glob("*.json"))}
    return {name: mapping(payload, "value") or payload for name, payload in found.items()}


def outcomes(translation: Translation) -> list[str]:
    """Say in a few words what came of a payload, part by part."""
    return [
        *(_said(event) for event in translation.events),
        *(f"ignored: {part.reason}" for part in translation.ignored),
        *("unreadable" for _ in translation.unreadable),
    ]


def _said(event: Event) -> str:
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
