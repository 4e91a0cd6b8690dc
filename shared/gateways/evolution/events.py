"""Evolution API, versions 1 and 2: the table of its event names.

It has Baileys' events and a few of its own: a new event type goes into `_TRANSLATORS` here, or into
the tables of `baileys/events.py` if Baileys has it too.
"""

from pydantic import JsonValue

from shared.contracts.gateway import EvolutionRecord
from shared.gateways.baileys.connection import translate_connection, translate_qr_code
from shared.gateways.baileys.events import (
    TRANSLATORS,
    Translator,
    list_messages,
    translate_event,
)
from shared.gateways.baileys.message_updates import translate_revocations
from shared.gateways.evolution.channel_messages import wrap_content
from shared.gateways.normalize.connection_updates import build_connection_update
from shared.gateways.normalize.json_values import JsonObject, as_list, read_object
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import (
    Ignored,
    PartOutcome,
    PartOutcomes,
    Translation,
    Unreadable,
    build_translation,
)
from shared.gateways.proto_message.content import read_content
from shared.gateways.proto_message.received_message import translate_message


def translate(record: EvolutionRecord, line: Line) -> Translation:
    """Translate one event; never raises, whatever the record holds."""
    return build_translation(translate_event(record.event, record.data, line, _TRANSLATORS))


def _translate_messages(data: JsonValue, line: Line) -> PartOutcomes:
    return (translate_message(wrap_content(message), line) for message in list_messages(data))


def _translate_edited(data: JsonValue, line: Line) -> PartOutcomes:
    """Translate a bare `protocolMessage`; its key is as the author sees it: chat may be us."""
    return (_translate_protocol_message(item, line) for item in as_list(data))


def _translate_protocol_message(item: JsonValue, line: Line) -> PartOutcome:
    if not isinstance(item, dict):
        return Unreadable("data is not a message")
    message: JsonObject = {"protocolMessage": item}
    key = read_object(item, "key")
    if not key:  # key and history sync between devices have this name, too
        notice = read_content({"message": message})
        if isinstance(notice, Ignored):
            return notice
    return translate_message({"key": key, "message": message}, line, is_whole=False)


def _translate_qr_code_update(data: JsonValue, line: Line) -> PartOutcomes:
    return [translate_qr_code(data, line)]


def _translate_logout(_: JsonValue, line: Line) -> PartOutcomes:
    return [build_connection_update(line, "PENDING", line.read_time(), "logout.instance")]


def _translate_removal(_: JsonValue, line: Line) -> PartOutcomes:
    return [build_connection_update(line, "DISCONNECTED", line.read_time(), "remove.instance")]


_TRANSLATORS: dict[str, Translator] = {
    **TRANSLATORS,
    "messages.edited": _translate_edited,
    "messages.delete": translate_revocations,
    "messages.upsert": _translate_messages,
    "send.message": _translate_messages,  # an echo with the same id follows
    "send.message.update": _translate_edited,
    "qrcode.updated": _translate_qr_code_update,
    "status.instance": translate_connection,
    "logout.instance": _translate_logout,
    "remove.instance": _translate_removal,
}
