"""What a bridge of whatsapp-web.js posts, taken apart: the event's name and its arguments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from shared.gateways import wweb_ids
from shared.gateways.line import Line, Time
from shared.gateways.reading import JsonObject, cleaned, mapping, text


@dataclass(frozen=True, slots=True)
class Posted:
    """A posted event: its arguments by name, the message among them, the bridge's own time."""

    line: Line
    told: JsonObject
    message: JsonObject
    state: str
    sent: JsonValue

    @property
    def now(self) -> Time:
        """Give the bridge's time, else that of receipt: an event has none of its own."""
        return self.line.time(self.sent)


_EVENT_NAMES = ("event", "dataType", "eventType", "event_type", "eventName", "event_name")
_DATA = ("data", "payload", "body", "args")
_HOLDERS = (dict, list)
_LONGEST_NAME = 200  # characters: what is longer is no event's
_HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")


def named(payload: JsonObject) -> str:
    """Give the event's name as the bridge writes it; '' where a message was posted alone."""
    found = text(payload, *_EVENT_NAMES)
    is_envelope = "id" not in payload or any(isinstance(payload.get(n), _HOLDERS) for n in _DATA)
    return found or (text(payload, "type") if is_envelope else "")


def plain(name: str) -> str:
    """Write `messageCreate`, `onMessageCreate` and `message.create` as whatsapp-web.js would."""
    lowered = _HUMPS.sub("_", name.strip()[:_LONGEST_NAME]).lower()
    return _BETWEEN_WORDS.sub("_", lowered).removeprefix("on_")


def bare(payload: JsonObject, line: Line) -> Posted:
    """Read a message that was posted without an envelope."""
    return Posted(line, payload, wweb_ids.flat(payload), "", None)


_STATE_NAMES = ("state", "reason", "status", "msg")
_WRAPPERS = ("message", "msg", "after")  # after a revoke, as its documentation calls it
_ARGUMENTS = ("message", "second", "third")  # as `client.on` hands them over


def posted(payload: JsonObject, line: Line) -> Posted:
    """Read an envelope, whichever of its shapes it has."""
    told = _arguments(payload)
    message = next((found for name in _WRAPPERS if (found := mapping(told, name))), told)
    return Posted(
        line,
        told,
        wweb_ids.flat(message),
        _state(payload) or text(told, *_STATE_NAMES),
        payload.get("timestamp") if message is not payload else None,
    )


def each(payload: JsonObject) -> Iterator[JsonObject]:
    """Give one envelope for each message where a bridge gathers several."""
    name, data = next(((n, payload[n]) for n in _DATA if payload.get(n)), ("data", None))
    several = data.get("messages") if isinstance(data, dict) else data
    gathered = several if isinstance(several, list) else []
    if not gathered or not all(isinstance(one, dict) and "id" in one for one in gathered):
        yield payload
        return
    # No more of the envelope than a message is read by: it is laid around each.
    envelope = {n: payload[n] for n in _DATA if isinstance(payload.get(n), _HOLDERS)}
    for one in gathered:
        yield {"timestamp": payload.get("timestamp"), **envelope, name: one}


def _state(payload: JsonObject) -> str:
    for data in (payload.get(name) for name in _DATA):
        only = data[0] if isinstance(data, list) and data else data
        if isinstance(only, str):
            return cleaned(only)
    return ""


def _arguments(payload: JsonObject) -> JsonObject:
    for name in _DATA:
        match payload.get(name):
            case dict() as told:
                return told
            case list() as several:
                return dict(zip(_ARGUMENTS, several, strict=False))
            case _:
                continue
    return payload
