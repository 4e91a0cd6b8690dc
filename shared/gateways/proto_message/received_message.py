"""A message in the protobuf form as an event: a new message, or a change of an older one."""

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.contact import ContactMove
from shared.contracts.message import MessageReceived, Referral
from shared.contracts.message_change import MessageChange
from shared.gateways.normalize.addresses import build_party_fields
from shared.gateways.normalize.contact_links import build_number_change
from shared.gateways.normalize.json_values import (
    JsonObject,
    read_choices,
    read_enum,
    read_object,
    read_text,
)
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import Ignored, PartOutcome, Unreadable
from shared.gateways.normalize.redaction import redact_message
from shared.gateways.proto_message.changed_message import ChangedMessage
from shared.gateways.proto_message.content import (
    Content,
    Edit,
    Reaction,
    Revoke,
    iterate_contexts,
    read_content,
)
from shared.gateways.proto_message.key import MessageKey, read_key


def translate_message(message: JsonValue, line: Line, *, is_whole: bool = True) -> PartOutcome:
    """Return the event of one message, or why there is none.

    `is_whole` is False for a bare protocol message, whose key is from the view of the author of
    the change: its chat may be our own number.
    """
    if not isinstance(message, dict):
        return Unreadable("data is not a message")
    key = read_key(read_object(message, "key"), participant=read_text(message, "participant"))
    if not isinstance(key, MessageKey):
        return key
    content = _read_number_change(message, key, line) or read_content(message)
    if isinstance(content, Ignored | Unreadable | ContactMove):
        return content
    if isinstance(content, Content):
        if content.is_placeholder and not is_whole:
            return Unreadable("the new text of an edit cannot be read")  # the key is the message's
        return build_message_received(message, key, content, line)
    sent_at = message.get("messageTimestamp")
    return _build_change(key, content, line, sent_at, is_by_key=is_whole)


_OF_PARTICIPANT = frozenset({"33", "GROUP_PARTICIPANT_CHANGE_NUMBER"})
_OF_CHAT = frozenset({"42", "INDIVIDUAL_CHANGE_NUMBER"})


def _read_number_change(message: JsonObject, key: MessageKey, line: Line) -> ContactMove | None:
    """Return the change of a number that a system notice reports."""
    kind = read_enum(message.get("messageStubType"))
    if kind not in _OF_PARTICIPANT | _OF_CHAT:
        return None
    jids = [name for name in read_choices(message.get("messageStubParameters")) if name]
    new, *others = [jid for jid in jids if isinstance(jid, str)] or [""]
    former = key.author or key.chat if kind in _OF_PARTICIPANT else key.chat
    old = others[0] if others else former.jid
    return build_number_change(line, old, new, line.read_time(message.get("messageTimestamp")).at)


def _build_change(
    key: MessageKey,
    content: Edit | Revoke | Reaction,
    line: Line,
    sent_at: JsonValue,
    *,
    is_by_key: bool,
) -> MessageChange:
    match content:
        case Edit(wid, body, at):
            change = ChangedMessage(line, key, wid, line.read_time(at, sent_at))
            return change.build_edit(body, is_by_key=is_by_key)
        case Revoke(wid):
            return ChangedMessage(line, key, wid, line.read_time(sent_at)).build_deletion(
                is_by_key=is_by_key
            )
        case Reaction(wid, emoji, at):
            return ChangedMessage(line, key, wid, line.read_time(at, sent_at)).build_reaction(emoji)


def build_message_received(
    message: JsonObject, key: MessageKey, content: Content, line: Line, data_json: str | None = None
) -> Event:
    """Build the event of a message from its key and content.

    `data_json` is the redacted message, if it is known already.
    """
    time = line.read_time(message.get("messageTimestamp"))
    return MessageReceived(
        company_id=line.company_id,
        whatsapp_id=line.whatsapp_id,
        chat=key.chat.canonical,
        wid=key.wid,
        timestamp=time.at,
        timestamp_estimated=time.is_estimated,
        from_me=key.from_me,
        is_group=key.is_group,
        body=content.body,
        media_type=content.media_type,
        media_url=content.media_url,
        **content.file_and_choice.members,
        quoted_wid=content.quoted_wid,
        is_forwarded=content.is_forwarded,
        push_name=key.choose_push_name(message.get("pushName"), message.get("verifiedBizName")),
        **build_party_fields(key.chat, key.author),
        referral=None if key.from_me else _read_referral(message),
        data_json=redact_message(message) if data_json is None else data_json,
    )


def _read_referral(message: JsonObject) -> Referral | None:
    """Return the ad; a link preview has the same form, but no id and no source type."""
    for context in iterate_contexts(message):
        ad = read_object(context, "externalAdReply")
        if read_text(ad, "sourceId", "sourceType", "ctwaClid"):
            return Referral(
                source_type=read_text(ad, "sourceType") or None,
                source_id=read_text(ad, "sourceId") or None,
                source_url=read_text(ad, "sourceUrl") or None,
                headline=read_text(ad, "title") or None,
                ctwa_clid=read_text(ad, "ctwaClid") or None,
            )
    return None
