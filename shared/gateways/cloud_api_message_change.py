"""The Cloud API's messages about other messages: edits, revokes and reactions."""

from collections.abc import Callable

from shared.contracts.base import Event
from shared.contracts.message_change import MessageDeleted, MessageEdited, MessageReacted
from shared.gateways import cloud_api_content
from shared.gateways.cloud_api_content import Content
from shared.gateways.cloud_api_party import Change, Chat
from shared.gateways.identity import canonical_wid
from shared.gateways.outcome import Ignored, Unreadable
from shared.gateways.reading import JsonObject, mapping, text


def _edited(change: Change, message: JsonObject, chat: Chat) -> Event | Ignored | Unreadable:
    wid = canonical_wid(text(mapping(message, "edit"), "original_message_id"))
    if wid is None:
        return Unreadable("the edit has no message")
    content = cloud_api_content.read(mapping(message, "edit", "message"))
    if not isinstance(content, Content):
        return content
    return MessageEdited(**change.about(chat.party, message), wid=wid, body=content.body)


def _revoked(change: Change, message: JsonObject, chat: Chat) -> Event | Unreadable:
    wid = canonical_wid(text(mapping(message, "revoke"), "original_message_id"))
    if wid is None:
        return Unreadable("the revoke has no message")
    return MessageDeleted(**change.about(chat.party, message), wid=wid)


def _reacted(change: Change, message: JsonObject, chat: Chat) -> Event | Unreadable:
    reaction = mapping(message, "reaction")
    wid = canonical_wid(text(reaction, "message_id"))
    if wid is None:
        return Unreadable("the reaction has no message")
    return MessageReacted(
        **change.about(chat.party, message),
        wid=wid,
        emoji=text(reaction, "emoji").strip(),
        from_me=chat.from_me,
        participant=chat.author.canonical if chat.author else None,
    )


READERS: dict[str, Callable[[Change, JsonObject, Chat], Event | Ignored | Unreadable]] = {
    "edit": _edited,
    "revoke": _revoked,
    "reaction": _reacted,
}
