"""Messages that change older messages: edits, revokes and reactions.

An edit whose new text cannot be shown is a placeholder that quotes the edited message.
"""

from collections.abc import Callable

from shared.contracts.base import Event
from shared.contracts.message_change import MessageDeleted, MessageEdited, MessageReacted
from shared.gateways.cloud_api.chat import Change, Chat
from shared.gateways.cloud_api.content import Content, read_content
from shared.gateways.normalize.addresses import parse_wid
from shared.gateways.normalize.json_values import JsonObject, read_object, read_text
from shared.gateways.normalize.outcome import PartOutcome, Unreadable
from shared.gateways.normalize.placeholders import UNSUPPORTED


def _translate_edit(change: Change, message: JsonObject, chat: Chat) -> PartOutcome | Content:
    wid = parse_wid(read_text(read_object(message, "edit"), "original_message_id"))
    if wid is None:
        return Unreadable("the edit has no message")
    content = read_content(read_object(message, "edit", "message"))
    if not isinstance(content, Content) or content.is_placeholder:
        return Content(*UNSUPPORTED, quoted_wid=wid)
    return MessageEdited(**change.build_fields(chat.party, message), wid=wid, body=content.body)


def _translate_revoke(change: Change, message: JsonObject, chat: Chat) -> Event | Unreadable:
    wid = parse_wid(read_text(read_object(message, "revoke"), "original_message_id"))
    if wid is None:
        return Unreadable("the revoke has no message")
    return MessageDeleted(**change.build_fields(chat.party, message), wid=wid)


def _translate_reaction(change: Change, message: JsonObject, chat: Chat) -> Event | Unreadable:
    reaction = read_object(message, "reaction")
    wid = parse_wid(read_text(reaction, "message_id"))
    if wid is None:
        return Unreadable("the reaction has no message")
    return MessageReacted(
        **change.build_fields(chat.party, message),
        wid=wid,
        emoji=read_text(reaction, "emoji").strip(),
        from_me=chat.from_me,
        participant=chat.author.canonical if chat.author else None,
    )


TRANSLATORS: dict[str, Callable[[Change, JsonObject, Chat], PartOutcome | Content]] = {
    "edit": _translate_edit,
    "revoke": _translate_revoke,
    "reaction": _translate_reaction,
}
