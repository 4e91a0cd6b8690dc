"""A message of Baileys' form as an event: words, or a change of older words."""

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.message import MessageReceived, Referral
from shared.contracts.message_change import MessageChange
from shared.gateways import baileys_key, baileys_message
from shared.gateways.baileys_changed import Changed
from shared.gateways.baileys_key import MessageKey
from shared.gateways.baileys_message import Content, Edit, Reaction, Revoke
from shared.gateways.line import Line
from shared.gateways.outcome import Ignored, Unreadable
from shared.gateways.reading import JsonObject, mapping, text
from shared.gateways.redaction import redacted


def received(
    message: JsonValue, line: Line, *, is_whole: bool = True
) -> Event | Ignored | Unreadable:
    """Say what one message of `messages.upsert` means.

    One that is not whole has the key that its writer put into it, where we may be the chat.
    """
    if not isinstance(message, dict):
        return Unreadable("data is not a message")
    key = baileys_key.read(mapping(message, "key"), participant=text(message, "participant"))
    if not isinstance(key, MessageKey):
        return key
    content = baileys_message.read(message)
    if isinstance(content, Ignored | Unreadable):
        return content
    if isinstance(content, Content):
        return message_of(message, key, content, line)
    written = message.get("messageTimestamp")
    return _change_of(key, content, line, written, is_by_key=is_whole)


def _change_of(
    key: MessageKey,
    content: Edit | Revoke | Reaction,
    line: Line,
    written: JsonValue,
    *,
    is_by_key: bool,
) -> MessageChange:
    match content:
        case Edit(wid, body, at):
            change = Changed(line, key, wid, line.time(at, written))
            return change.edited(body, is_by_key=is_by_key)
        case Revoke(wid):
            return Changed(line, key, wid, line.time(written)).deleted(is_by_key=is_by_key)
        case Reaction(wid, emoji, at):
            return Changed(line, key, wid, line.time(at, written)).reacted(emoji)


def message_of(
    message: JsonObject, key: MessageKey, content: Content, line: Line, kept: str | None = None
) -> Event:
    """Tell a message whose key and content are read; `kept` is what is kept of it, if known."""
    written = line.time(message.get("messageTimestamp"))
    author = key.author
    return MessageReceived(
        company_id=line.company_id,
        whatsapp_id=line.whatsapp_id,
        chat=key.chat.canonical,
        wid=key.wid,
        timestamp=written.at,
        timestamp_estimated=written.is_estimated,
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
        referral=None if key.from_me else _referral(message),
        data_json=redacted(message) if kept is None else kept,
    )


def _push_name(message: JsonObject, key: MessageKey) -> str | None:
    # On our own messages it is our name, or Evolution's word "Você", and never the contact's.
    name = text(message, "pushName", "verifiedBizName").strip()
    if not name or key.from_me or key.is_address(name):
        return None
    return name


def _referral(message: JsonObject) -> Referral | None:
    """Read the advert; a link's preview has the same form, but no id and no kind of source."""
    for context in baileys_message.contexts_of(message):
        advert = mapping(context, "externalAdReply")
        if text(advert, "sourceId", "sourceType", "ctwaClid"):
            return Referral(
                source_type=text(advert, "sourceType") or None,
                source_id=text(advert, "sourceId") or None,
                source_url=text(advert, "sourceUrl") or None,
                headline=text(advert, "title") or None,
                ctwa_clid=text(advert, "ctwaClid") or None,
            )
    return None
