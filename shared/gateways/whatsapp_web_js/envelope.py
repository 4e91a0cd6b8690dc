"""Envelopes of bridges of whatsapp-web.js: the event's name and its arguments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from shared.gateways.normalize.json_values import JsonObject, clean_text, read_object, read_text
from shared.gateways.normalize.line import Line, Time
from shared.gateways.whatsapp_web.ids import flatten


@dataclass(frozen=True, slots=True)
class PostedEvent:
    """A posted event: its arguments by name, the message among them, and the bridge's time."""

    line: Line
    arguments: JsonObject
    message: JsonObject
    state: str
    sent: JsonValue

    @property
    def now(self) -> Time:
        """The bridge's time, else the time of receipt: the event itself has no time."""
        return self.line.read_time(self.sent)


_EVENT_NAMES = ("event", "dataType", "eventType", "event_type", "eventName", "event_name")
_DATA = ("data", "payload", "body", "args")
_HOLDERS = (dict, list)
_LONGEST_NAME = 200  # characters; no event has a longer name
_HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")


def read_event_name(payload: JsonObject) -> str:
    """Return the event's name as the bridge writes it; '' for a bare message."""
    name = read_text(payload, *_EVENT_NAMES)
    is_envelope = "id" not in payload or any(isinstance(payload.get(n), _HOLDERS) for n in _DATA)
    return name or (read_text(payload, "type") if is_envelope else "")


def normalize_name(name: str) -> str:
    """Return `messageCreate`, `onMessageCreate` and `message.create` as `message_create`."""
    lowered = _HUMPS.sub("_", name.strip()[:_LONGEST_NAME]).lower()
    return _BETWEEN_WORDS.sub("_", lowered).removeprefix("on_")


def read_bare_message(payload: JsonObject, line: Line) -> PostedEvent:
    """Return the event of a message that was posted without an envelope."""
    return PostedEvent(line, payload, flatten(payload), "", None)


_STATE_NAMES = ("state", "reason", "status", "msg")
_WRAPPERS = ("message", "msg", "after")  # `after` a revoke, in its documentation
_ARGUMENTS = ("message", "second", "third")  # in the order of `client.on`


def read_envelope(payload: JsonObject, line: Line) -> PostedEvent:
    """Return the event of an envelope in any of its shapes."""
    arguments = _read_arguments(payload)
    message = next(
        (candidate for name in _WRAPPERS if (candidate := read_object(arguments, name))), arguments
    )
    return PostedEvent(
        line,
        arguments,
        flatten(message),
        _read_state(payload) or read_text(arguments, *_STATE_NAMES),
        payload.get("timestamp") if message is not payload else None,
    )


def split_envelope(payload: JsonObject) -> Iterator[JsonObject]:
    """Yield one envelope for each message if a bridge batches several."""
    name, data = next(((n, payload[n]) for n in _DATA if payload.get(n)), ("data", None))
    messages = data.get("messages") if isinstance(data, dict) else data
    batch = messages if isinstance(messages, list) else []
    if not batch or not all(isinstance(message, dict) and "id" in message for message in batch):
        yield payload
        return
    # Only the members that are read: they are repeated for each message.
    envelope = {n: payload[n] for n in _DATA if isinstance(payload.get(n), _HOLDERS)}
    for message in batch:
        yield {"timestamp": payload.get("timestamp"), **envelope, name: message}


def _read_state(payload: JsonObject) -> str:
    for data in (payload.get(name) for name in _DATA):
        first = data[0] if isinstance(data, list) and data else data
        if isinstance(first, str):
            return clean_text(first)
    return ""


def _read_arguments(payload: JsonObject) -> JsonObject:
    for name in _DATA:
        match payload.get(name):
            case dict() as mapping:
                return mapping
            case list() as sequence:
                return dict(zip(_ARGUMENTS, sequence, strict=False))
            case _:
                continue
    return payload
