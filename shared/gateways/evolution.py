"""Evolution API, versions 1 and 2: its envelope and its 33 events (field notes 3.1)."""

from dataclasses import dataclass

from pydantic import JsonValue

from shared.contracts.gateway import EvolutionRecord
from shared.contracts.message import MessageReceived
from shared.gateways import baileys_key, baileys_message
from shared.gateways.outcome import (
    LONGEST_DETAIL,
    Ignored,
    Translation,
    Unreadable,
    translation_of,
)
from shared.gateways.reading import JsonObject, mapping, moment, text
from shared.gateways.redaction import redacted

_MESSAGES = "messages.upsert"

# Read as dots: Kafka topics, webhooks and settings spell one event with '.', '-' or '_'.
_REASONS = {
    "application.startup": "application-startup",
    "instance.create": "instance-create",
    "instance.delete": "instance-delete",
    "qrcode.updated": "qrcode-update",
    "connection.update": "connection-update",
    "status.instance": "instance-status",
    "messages.set": "history-set",
    "messaging.history.set": "history-set",
    "messages.edited": "message-edit",
    "messages.update": "message-update",
    "messages.delete": "message-delete",
    "send.message": "own-send-announcement",  # its echo comes as messages.upsert, with the same id
    "send.message.update": "own-send-update",
    "contacts.set": "contact-update",
    "contacts.upsert": "contact-update",
    "contacts.update": "contact-update",
    "presence.update": "presence-update",
    "chats.set": "chat-update",
    "chats.update": "chat-update",
    "chats.upsert": "chat-update",
    "chats.delete": "chat-delete",
    "groups.upsert": "group-update",
    "groups.update": "group-update",
    "group.update": "group-update",
    "group.participants.update": "group-participants-update",
    "call": "call",
    "typebot.start": "typebot",
    "typebot.change.status": "typebot",
    "labels.edit": "label-edit",
    "labels.association": "label-association",
    "creds.update": "credentials-update",
    "remove.instance": "instance-remove",
    "logout.instance": "instance-logout",
    "new.jwt": "credentials-update",
}


@dataclass(frozen=True, slots=True)
class _Line:
    company_id: int
    whatsapp_id: int


def translate(record: EvolutionRecord, *, company_id: int, whatsapp_id: int) -> Translation:
    """Say what one of Evolution's events means on a line; never raises, whatever it holds."""
    event = record.event.strip().lower().replace("_", ".").replace("-", ".")
    if event != _MESSAGES:
        reason = _REASONS.get(event, "unknown-event")
        return translation_of([Ignored(reason, record.event[:LONGEST_DETAIL])])
    messages = record.data if isinstance(record.data, list) else [record.data]
    line = _Line(company_id, whatsapp_id)
    return translation_of(_received(message, line) for message in messages)


def _received(message: JsonValue, line: _Line) -> MessageReceived | Ignored | Unreadable:
    if not isinstance(message, dict):
        return Unreadable("data is not a message")
    key = baileys_key.read(mapping(message, "key"))
    if not isinstance(key, baileys_key.MessageKey):
        return key
    content = baileys_message.read(message)
    if not isinstance(content, baileys_message.Content):
        return content
    at = moment(message.get("messageTimestamp"))
    if at is None:
        return Unreadable("messageTimestamp is not a time")
    author = key.author
    return MessageReceived(
        company_id=line.company_id,
        whatsapp_id=line.whatsapp_id,
        chat=key.chat.canonical,
        wid=key.wid,
        timestamp=at,
        from_me=key.from_me,
        is_group=key.is_group,
        body=content.body,
        media_type=content.media_type,
        media_url=content.media_url,
        quoted_wid=content.quoted_wid,
        is_forwarded=content.is_forwarded,
        push_name=_push_name(message, key),
        lid=key.chat.lid,
        jid=key.chat.jid,
        participant=author.canonical if author else None,
        participant_lid=author.lid if author else None,
        participant_jid=author.jid if author else None,
        data_json=redacted(message),
    )


def _push_name(message: JsonObject, key: baileys_key.MessageKey) -> str | None:
    # On our own messages it is our name, or Evolution's word "Você", and never the contact's.
    name = text(message, "pushName").strip()
    if not name or key.from_me or key.is_address(name):
        return None
    return name
