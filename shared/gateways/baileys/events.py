"""Events of Baileys bridges: the table of event names, and the envelope `{event, data}`.

A new event type goes into `TRANSLATORS`, or into `IGNORED` with its reason. Evolution uses the same
tables; what only bridges send is in `_BRIDGE_TRANSLATORS`.
"""

from collections.abc import Callable

from pydantic import JsonValue

from shared.gateways.baileys.calls import translate_call
from shared.gateways.baileys.connection import translate_connection, translate_qr_code
from shared.gateways.baileys.contacts import (
    translate_contacts,
    translate_history,
    translate_lid_mappings,
)
from shared.gateways.baileys.message_updates import (
    ignore_deletions_for_us,
    translate_reactions,
    translate_receipts,
    translate_updates,
)
from shared.gateways.normalize.json_values import (
    JsonObject,
    as_list,
    clean_text,
    read_flag,
    read_text,
)
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import (
    LONGEST_DETAIL,
    Ignored,
    PartOutcomes,
    Translation,
    Unreadable,
    build_translation,
    yield_or_default,
)
from shared.gateways.proto_message.received_message import translate_message

Translator = Callable[[JsonValue, Line], PartOutcomes]


def translate(payload: JsonValue, line: Line) -> Translation:
    """Translate one payload of a bridge; never raises, whatever the payload holds."""
    envelope = payload if isinstance(payload, dict) else {}
    if read_flag(envelope, "importMode"):  # a bridge passes on the history of a line
        return build_translation([Ignored("history")])
    if event := read_text(envelope, "event", "type"):
        return build_translation(_translate_envelope(event, envelope, line))
    events = {name: data for name, data in envelope.items() if is_known(name)}
    if not events:
        return build_translation([Unreadable("event is not text")])
    return build_translation(
        part
        for name, data in events.items()
        for part in translate_event(name, data, line, _BRIDGE_TRANSLATORS)
    )


def _translate_envelope(event: str, envelope: JsonObject, line: Line) -> PartOutcomes:
    data = envelope.get("data")
    if data is None and read_text(envelope, "status") == "error":
        return [Ignored("gateway-error", read_text(envelope, "message")[:LONGEST_DETAIL])]
    return translate_event(
        event, _unwrap_data(normalize_name(event), data), line, _BRIDGE_TRANSLATORS
    )


_WRAPPERS = {
    "contacts.update": "contacts",
    "contacts.upsert": "contacts",
    "message.receipt.update": "message",
    "messages.delete": "message",
    "messages.reaction": "message",
    "messages.update": "messages",
}


def _unwrap_data(event: str, data: JsonValue) -> JsonValue:
    """Return an event's data without the object that some bridges put around it."""
    wrapper = _WRAPPERS.get(event, "")
    if not isinstance(data, dict) or wrapper not in data:
        return data
    parts = data[wrapper]
    return [_drop_message(part) for part in as_list(parts)] if event == "messages.update" else parts


def _drop_message(message: JsonValue) -> JsonValue:
    """Return an updated message without its content, as in other updates."""
    content = message.get("message") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(content, dict) or "editedMessage" in content:
        return message
    return {name: value for name, value in message.items() if name != "message"}


def normalize_name(name: str) -> str:
    """Return an event's name with dots: topics, webhooks and settings mix '.', '-' and '_'."""
    return name.strip().lower().replace("_", ".").replace("-", ".")


def translate_event(
    name: str, data: JsonValue, line: Line, translators: dict[str, Translator]
) -> PartOutcomes:
    """Translate an event with the translator for its name."""
    event = normalize_name(name)
    if event in translators:
        return yield_or_default(translators[event](data, line), lambda: Ignored("empty-batch"))
    reason = IGNORED.get(event, "unknown-event")
    return [Ignored(reason, clean_text(name)[:LONGEST_DETAIL])]


def is_known(name: str) -> bool:
    """Return whether Baileys or Evolution has an event of this name."""
    event = normalize_name(name)
    return event in TRANSLATORS or event in IGNORED


def list_messages(data: JsonValue) -> list[JsonValue]:
    """Return the messages of `messages.upsert`: `{messages}`, a list or a single one."""
    return as_list(data.get("messages", data) if isinstance(data, dict) else data)


def _translate_upsert(data: JsonValue, line: Line) -> PartOutcomes:
    return (translate_message(message, line) for message in list_messages(data))


def _translate_calls(data: JsonValue, line: Line) -> PartOutcomes:
    return (translate_call(call, line) for call in as_list(data))


def _translate_deletions(data: JsonValue, _: Line) -> PartOutcomes:
    return ignore_deletions_for_us(data)


def _translate_qr_code_update(data: JsonValue, line: Line) -> PartOutcomes:
    return [translate_qr_code(data, line)]


TRANSLATORS: dict[str, Translator] = {
    "messages.upsert": _translate_upsert,
    "messages.update": translate_updates,
    "messages.reaction": translate_reactions,
    "message.receipt.update": translate_receipts,
    "messages.delete": _translate_deletions,
    "messaging.history.set": translate_history,
    "contacts.upsert": translate_contacts,
    "contacts.update": translate_contacts,
    "lid.mapping.update": translate_lid_mappings,
    "chats.phonenumbershare": translate_lid_mappings,
    "connection.update": translate_connection,
    "call": _translate_calls,
}

_BRIDGE_TRANSLATORS: dict[str, Translator] = {
    **TRANSLATORS,
    "qrcode.updated": _translate_qr_code_update,
}

IGNORED = {
    "application.startup": "application-startup",
    "blocklist.set": "blocklist-update",
    "blocklist.update": "blocklist-update",
    "chama.ai.action": "chama-ai",
    "chats.delete": "chat-delete",
    "chats.lock": "chat-update",
    "chats.set": "chat-update",
    "chats.update": "chat-update",
    "chats.upsert": "chat-update",
    "contacts.set": "contact-update",
    "creds.update": "credentials-update",
    "errors": "gateway-error",
    "errors.webhook": "gateway-error",
    "group.join.request": "group-join-request",
    "group.member.tag.update": "group-member-tag-update",
    "group.participants.update": "group-participants-update",
    "group.update": "group-update",
    "groups.activity": "group-update",
    "groups.update": "group-update",
    "groups.upsert": "group-update",
    "instance.create": "instance-create",
    "instance.delete": "instance-delete",
    "labels.association": "label-association",
    "labels.edit": "label-edit",
    "message.capping.update": "message-capping",
    "messages.media.update": "media-update",
    "messages.set": "history",
    "messaging.history.status": "history-status",
    "new.jwt": "credentials-update",
    "new.jwt.token": "credentials-update",
    "new.token": "credentials-update",
    "newsletter.participants.update": "newsletter",
    "newsletter.reaction": "newsletter",
    "newsletter.settings.update": "newsletter",
    "newsletter.view": "newsletter",
    "presence.update": "presence-update",
    "settings.update": "settings-update",
    "typebot.change.status": "typebot",
    "typebot.start": "typebot",
}
