"""Baileys behind a bridge: its own events, handed on as `{event, data}`."""

from pydantic import JsonValue

from shared.gateways import baileys_events
from shared.gateways.line import Line
from shared.gateways.outcome import Translation, Unreadable, translation_of
from shared.gateways.reading import text


def translate(payload: JsonValue, line: Line) -> Translation:
    """Say what one of Baileys' events means on a line; never raises, whatever it holds."""
    event = text(payload, "event", "type") if isinstance(payload, dict) else ""
    if not isinstance(payload, dict) or not event:
        return translation_of([Unreadable("event is not text")])
    return baileys_events.read(event, payload.get("data"), line, baileys_events.READERS)
