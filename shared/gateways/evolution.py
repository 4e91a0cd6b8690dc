"""Evolution API, versions 1 and 2: its envelope and its 33 events (field notes 3.1)."""

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.gateway import EvolutionRecord
from shared.gateways import (
    baileys_connection,
    baileys_events,
    baileys_message,
    baileys_updates,
    baileys_upsert,
)
from shared.gateways.baileys_events import Outcomes, Reader
from shared.gateways.line import Line
from shared.gateways.outcome import Ignored, Translation, Unreadable, translation_of
from shared.gateways.reading import JsonObject, items, mapping


def translate(record: EvolutionRecord, line: Line) -> Translation:
    """Say what one of Evolution's events means on a line; never raises, whatever it holds."""
    return translation_of(baileys_events.read(record.event, record.data, line, _READERS))


def _edited(data: JsonValue, line: Line) -> Outcomes:
    """Read the bare `protocolMessage`: its key is the writer's, who may see us as the chat."""
    return (_protocol(item, line) for item in items(data))


def _protocol(item: JsonValue, line: Line) -> Event | Ignored | Unreadable:
    if not isinstance(item, dict):
        return Unreadable("data is not a message")
    message: JsonObject = {"protocolMessage": item}
    key = mapping(item, "key")
    if not key:  # keys and histories that telephones exchange come by this name, too
        notice = baileys_message.read({"message": message})
        if isinstance(notice, Ignored):
            return notice
    return baileys_upsert.received({"key": key, "message": message}, line, is_whole=False)


def _qr_code(data: JsonValue, line: Line) -> Outcomes:
    return [baileys_connection.qr_code(data, line)]


def _logged_out(_: JsonValue, line: Line) -> Outcomes:
    return [baileys_connection.told(line, "PENDING", reason="logout.instance")]


def _removed(_: JsonValue, line: Line) -> Outcomes:
    return [baileys_connection.told(line, "DISCONNECTED", reason="remove.instance")]


_READERS: dict[str, Reader] = {
    **baileys_events.READERS,
    "messages.edited": _edited,
    "messages.delete": baileys_updates.revocations,
    "send.message": baileys_events.READERS["messages.upsert"],  # an echo follows, of the same id
    "send.message.update": _edited,
    "qrcode.updated": _qr_code,
    "status.instance": baileys_connection.connection,
    "logout.instance": _logged_out,
    "remove.instance": _removed,
}
