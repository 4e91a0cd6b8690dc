"""Baileys' events by name, as bridges hand them on and Evolution renames them (field notes 3.2)."""

from collections.abc import Callable, Iterable

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.gateways import (
    baileys_calls,
    baileys_connection,
    baileys_contacts,
    baileys_updates,
    baileys_upsert,
)
from shared.gateways.line import Line
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Unreadable, or_one
from shared.gateways.reading import cleaned, items

Outcomes = Iterable[Event | Ignored | Unreadable]
Reader = Callable[[JsonValue, Line], Outcomes]


def plain(name: str) -> str:
    """Spell an event's name with dots: topics, webhooks and settings mix '.', '-' and '_'."""
    return name.strip().lower().replace("_", ".").replace("-", ".")


def read(name: str, data: JsonValue, line: Line, readers: dict[str, Reader]) -> Outcomes:
    """Say what an event means, by the reader for its name."""
    event = plain(name)
    if event in readers:
        return or_one(readers[event](data, line), lambda: Ignored("empty-batch"))
    reason = IGNORED.get(event, "unknown-event")
    return [Ignored(reason, cleaned(name)[:LONGEST_DETAIL])]


def is_known(name: str) -> bool:
    """Tell whether Baileys, or Evolution, has an event of this name."""
    event = plain(name)
    return event in READERS or event in IGNORED


def _upsert(data: JsonValue, line: Line) -> Outcomes:
    messages = data.get("messages", data) if isinstance(data, dict) else data
    return (baileys_upsert.received(message, line) for message in items(messages))


def _calls(data: JsonValue, line: Line) -> Outcomes:
    return (baileys_calls.call(told, line) for told in items(data))


def _deletions(data: JsonValue, _: Line) -> Outcomes:
    return baileys_updates.deletions_for_us(data)


READERS: dict[str, Reader] = {
    "messages.upsert": _upsert,
    "messages.update": baileys_updates.updates,
    "messages.reaction": baileys_updates.reactions,
    "message.receipt.update": baileys_updates.receipts,
    "messages.delete": _deletions,
    "messaging.history.set": baileys_contacts.history,
    "contacts.upsert": baileys_contacts.contacts,
    "contacts.update": baileys_contacts.contacts,
    "lid.mapping.update": baileys_contacts.mappings,
    "chats.phonenumbershare": baileys_contacts.mappings,
    "connection.update": baileys_connection.connection,
    "call": _calls,
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
    "messages.set": "history-set",
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
