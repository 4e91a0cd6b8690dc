"""Baileys behind a bridge: its own events, handed on as `{event, data}` or by their names."""

from pydantic import JsonValue

from shared.gateways import baileys_connection, baileys_events
from shared.gateways.baileys_events import Outcomes, Reader
from shared.gateways.line import Line
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Translation, Unreadable, translation_of
from shared.gateways.reading import JsonObject, flag, items, text


def translate(payload: JsonValue, line: Line) -> Translation:
    """Say what one of Baileys' events means on a line; never raises, whatever it holds."""
    given = payload if isinstance(payload, dict) else {}
    if flag(given, "importMode"):  # a bridge's way to pass on a line's past
        return translation_of([Ignored("history-set")])
    if event := text(given, "event", "type"):
        return translation_of(_event(event, given, line))
    several = {name: data for name, data in given.items() if baileys_events.is_known(name)}
    if not several:
        return translation_of([Unreadable("event is not text")])
    return translation_of(
        part
        for name, data in several.items()
        for part in baileys_events.read(name, data, line, _READERS)
    )


def _event(event: str, given: JsonObject, line: Line) -> Outcomes:
    data = given.get("data")
    if data is None and text(given, "status") == "error":
        return [Ignored("gateway-error", text(given, "message")[:LONGEST_DETAIL])]
    return baileys_events.read(event, _opened(baileys_events.plain(event), data), line, _READERS)


_INSIDE = {
    "contacts.update": "contacts",
    "contacts.upsert": "contacts",
    "message.receipt.update": "message",
    "messages.delete": "message",
    "messages.reaction": "message",
    "messages.update": "messages",
}


def _opened(event: str, data: JsonValue) -> JsonValue:
    """Open what some bridges put around an event's data: the name of what there is of."""
    inside = _INSIDE.get(event, "")
    if not isinstance(data, dict) or inside not in data:
        return data
    parts = data[inside]
    return [_changed(part) for part in items(parts)] if event == "messages.update" else parts


def _changed(message: JsonValue) -> JsonValue:
    """Leave of a whole message, as it is after an update, what an update would tell."""
    told = message.get("message") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(told, dict) or "editedMessage" in told:
        return message
    return {name: value for name, value in message.items() if name != "message"}


def _qr_code(data: JsonValue, line: Line) -> Outcomes:
    return [baileys_connection.qr_code(data, line)]


_READERS: dict[str, Reader] = {**baileys_events.READERS, "qrcode.updated": _qr_code}
