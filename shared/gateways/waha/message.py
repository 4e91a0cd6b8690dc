"""Messages of WAHA: its own members, together with the engine's message in `_data`.

WEBJS and WPP add the form of WhatsApp Web, NOWEB and ZAPO that of Baileys, GOWS that of whatsmeow,
which is Baileys' with other spellings.
"""

from dataclasses import replace

from pydantic import JsonValue

from shared.contracts.names import find_name
from shared.gateways.normalize.file_and_choice import NOTHING
from shared.gateways.normalize.json_values import JsonObject, read_flag, read_object, read_text
from shared.gateways.normalize.line import Line, Time
from shared.gateways.normalize.outcome import Ignored, PartOutcome, Unreadable
from shared.gateways.normalize.placeholders import UNDECRYPTABLE, VIEW_ONCE
from shared.gateways.proto_message.content import (
    Content,
    ContentOutcome,
    Edit,
    Reaction,
    Revoke,
    iterate_contexts,
    read_content,
)
from shared.gateways.proto_message.key import MessageKey, read_key
from shared.gateways.proto_message.visible_content import find_kind
from shared.gateways.waha.gows import build_gows_key, build_receipt_chat, respell_message
from shared.gateways.whatsapp_web.content import find_media_url, find_quoted_wid, read_web_content
from shared.gateways.whatsapp_web.event_builders import build_web_message
from shared.gateways.whatsapp_web.ids import build_web_key, flatten
from shared.gateways.whatsapp_web.messages import build_changed_message, translate_web_message
from shared.gateways.whatsapp_web.texts import read_words


def translate_message(line: Line, payload: JsonObject, *times: JsonValue) -> PartOutcome:
    """Return the event of one message, or why there is none."""
    proto, data = read_proto_message(payload), read_object(payload, "_data")
    if proto is None and data:
        return translate_web_message(line, _flatten(payload), *times)
    key = read_message_key(payload)
    if not isinstance(key, MessageKey):
        return key
    times_of_message = (payload.get("timestamp"), data.get("messageTimestamp"))
    time = line.read_time(*times_of_message, read_object(data, "Info").get("Timestamp"), *times)
    content = _read_message_content(payload, proto)
    if isinstance(content, Content):
        return build_web_message(
            line, key, content, time, payload, build_description(payload, proto)
        )
    return _build_change(line, key, content, time)


_Change = Edit | Revoke | Reaction | Ignored | Unreadable


def _build_change(line: Line, key: MessageKey, content: _Change, at: Time) -> PartOutcome:
    match content:
        case Edit(wid, body, edited):
            at = line.read_time(edited, at.at.timestamp())
            return build_changed_message(line, key, at, wid).build_edit(body)
        case Revoke(wid):
            return build_changed_message(line, key, at, wid).build_deletion()
        case Reaction(wid, emoji):
            return build_changed_message(line, key, at, wid).build_reaction(emoji)
        case _:
            return content


def read_message_key(payload: JsonObject) -> MessageKey | Ignored | Unreadable:
    """Return a message's key, from the engine's members and WAHA's; the engine's are richer."""
    key, data = build_web_key(payload), read_object(payload, "_data")
    engine_members = read_object(data, "key") or build_gows_key(read_object(data, "Info"))
    if "MessageIDs" in data:
        engine_members = build_receipt_chat(data)
    engine_key: JsonObject = {
        name: engine_members[name]
        for name in engine_members
        if engine_members[name] not in (None, "")
    }
    if "remoteJid" in engine_key:  # WAHA may have a number where the engine has a LID
        key["previousRemoteJid"] = key["remoteJid"]
    return read_key(key | engine_key)


def read_revoked_message(payload: JsonObject) -> JsonObject:
    """Return the revoking message, else the revoked one, else an object with their chat.

    WPP sends both as bare keys, ZAPO sends neither.
    """
    data = read_object(payload, "_data")
    revoked = read_object(payload, "after") or read_object(payload, "before")
    if "remoteJid" in revoked:
        return {"_data": {"key": revoked}}
    if revoked or not data:
        return revoked
    wid = payload.get("revokedMessageId")
    return {"id": wid, "from": data.get("from"), "participant": data.get("participant")}


def explain_edit_without_text(
    payload: JsonObject, proto: JsonObject | None
) -> Content | Ignored | Unreadable | None:
    """Return why an edit has no text, or its placeholder; None if a caption was removed."""
    content = read_content(proto) if proto else None
    if isinstance(content, Edit) or read_object(payload, "_data").get("newBody") == "":
        return None
    if isinstance(content, Ignored) or (isinstance(content, Content) and content.is_placeholder):
        return content
    return Unreadable("an edit without the new words")


def read_changed_wid(proto: JsonObject | None) -> str | None:
    """Return the id of the edited or revoked message, if only the engine's form has it."""
    content = read_content(proto) if proto else None
    return content.wid if isinstance(content, Edit | Revoke) else None


def read_proto_message(payload: JsonObject) -> JsonObject | None:
    """Return the engine's message in Baileys' form, None if it has another; respells it all."""
    data = read_object(payload, "_data")
    if "Info" in data or "Message" in data:
        return {"message": respell_message(read_object(data, "Message")), **_read_withheld(data)}
    if "message" in data or "key" in data:
        return data
    # ZAPO adds the proto message alone.
    return {"message": data} if find_kind(data) else None


def read_withheld_content(proto: JsonObject | None) -> Content:
    """Return the placeholder of a message that WhatsApp withholds from linked devices."""
    content = read_content(proto) if proto else None
    is_view_once = isinstance(content, Content) and content.media_type == VIEW_ONCE[0]
    return Content(*(VIEW_ONCE if is_view_once else UNDECRYPTABLE))


def _read_withheld(data: JsonObject) -> JsonObject:
    """Return whatsmeow's members of a withheld message, as Baileys spells them."""
    if not read_flag(data, "IsUnavailable") or read_object(data, "Message"):
        return {}
    is_view_once = read_text(data, "UnavailableType").strip().lower() == "view_once"
    return {"messageStubType": "CIPHERTEXT", "key": {"isViewOnce": is_view_once}}


def _flatten(payload: JsonObject) -> JsonObject:
    """Return WAHA's members over the engine's; `body` is the caption if there is a file."""
    caption = read_words(read_object(payload, "_data"), "caption") or read_words(payload, "body")
    return flatten(payload) | {"caption": caption}


def _read_message_content(payload: JsonObject, proto: JsonObject | None) -> ContentOutcome:
    web_content = read_web_content(payload)
    if proto is None:
        return web_content
    content = read_content(proto)
    if isinstance(content, Content):
        if content.is_placeholder and isinstance(web_content, Content):
            # WAHA's own members may be readable; a placeholder of the engine is more precise.
            return content if web_content.is_placeholder else web_content
        # If the message has a text and a file, the file counts.
        visible = (
            web_content
            if isinstance(web_content, Content) and web_content.media_url and _is_text(content)
            else content
        )
        of_payload = web_content.file_and_choice if isinstance(web_content, Content) else NOTHING
        return replace(
            content,
            media_type=visible.media_type,
            body=visible.body,
            media_url=find_media_url(payload) or content.media_url,
            quoted_wid=content.quoted_wid or find_quoted_wid(payload),
            file_and_choice=content.file_and_choice.complete(of_payload),
        )
    return content


def _is_text(content: Content) -> bool:
    return content.media_type in {"conversation", "extendedTextMessage"}


def build_description(payload: JsonObject, proto: JsonObject | None) -> JsonObject:
    """Return the author's name and the ad of a message, which only the engine's form has."""
    data = read_object(payload, "_data")
    info = read_object(data, "Info")
    name = find_name(data.get("pushName"), data.get("verifiedBizName"), info.get("PushName"))
    return {"pushName": name or "", "ctwaContext": _read_advert(proto or {})}


def _read_advert(proto: JsonObject) -> JsonObject:
    """Return the ad; a link preview has the same form, but no id and no source type."""
    for context in iterate_contexts(proto):
        ad = read_object(context, "externalAdReply")
        source = read_text(context, "conversionSource")
        clicked = read_text(context, "ctwaClid") or read_text(ad, "ctwaClid")
        if source or clicked or read_text(ad, "sourceId", "sourceType"):
            return ad | {"conversionSource": source, "ctwaClid": clicked}
    return {}
