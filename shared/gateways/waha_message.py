"""A message as WAHA normalises it, read with the raw form of the engine that WAHA adds as `_data`.

WEBJS and WPP add whatsapp-web's form, NOWEB and ZAPO Baileys', GOWS whatsmeow's, which is Baileys'
with other spellings.
"""

from dataclasses import replace

from pydantic import JsonValue

from shared.gateways import (
    baileys_key,
    baileys_message,
    baileys_shown,
    waha_gows,
    wweb_content,
    wweb_ids,
    wweb_messages,
)
from shared.gateways import wweb_outcomes as outcomes
from shared.gateways.baileys_key import MessageKey
from shared.gateways.baileys_message import Content, Edit, Reaction, Read, Revoke
from shared.gateways.line import Line, Time
from shared.gateways.outcome import Ignored, Unreadable
from shared.gateways.reading import JsonObject, mapping, text
from shared.gateways.wweb_outcomes import Outcome
from shared.gateways.wweb_record import words


def told(line: Line, payload: JsonObject, *times: JsonValue) -> Outcome:
    """Say what a message means."""
    raw, data = _baileys_form(payload), mapping(payload, "_data")
    if raw is None and data:
        return wweb_messages.told(line, _flat(payload), *times)
    read = key(payload)
    if not isinstance(read, MessageKey):
        return read
    written = (payload.get("timestamp"), data.get("messageTimestamp"))
    at = line.time(*written, mapping(data, "Info").get("Timestamp"), *times)
    content = _content(payload, raw)
    if isinstance(content, Content):
        return outcomes.received(line, read, content, at, payload, _described(payload, raw))
    return _changed(line, read, content, at)


_Change = Edit | Revoke | Reaction | Ignored | Unreadable


def _changed(line: Line, read: MessageKey, content: _Change, at: Time) -> Outcome:
    match content:
        case Edit(wid, body, edited):
            at = line.time(edited, at.at.timestamp())
            return wweb_messages.about(line, read, at, wid).edited(body)
        case Revoke(wid):
            return wweb_messages.about(line, read, at, wid).deleted()
        case Reaction(wid, emoji):
            return wweb_messages.about(line, read, at, wid).reacted(emoji)
        case _:
            return content


def key(payload: JsonObject) -> MessageKey | Ignored | Unreadable:
    """Read whose message it is, from the engine's members and WAHA's; the engine's are richer."""
    read, data = wweb_ids.key(payload), mapping(payload, "_data")
    raw = mapping(data, "key") or waha_gows.baileys_key(mapping(data, "Info"))
    if "MessageIDs" in data:
        raw = waha_gows.receipts_chat(data)
    said: JsonObject = {name: raw[name] for name in raw if raw[name] not in (None, "")}
    if "remoteJid" in said:  # WAHA may already have a number where the engine has a LID
        read["previousRemoteJid"] = read["remoteJid"]
    return baileys_key.read(read | said)


def revoke(payload: JsonObject) -> JsonObject:
    """Give the message that revokes, else the one revoked, or what tells their chat.

    WPP writes both as bare keys, ZAPO neither.
    """
    data = mapping(payload, "_data")
    given = mapping(payload, "after") or mapping(payload, "before")
    if "remoteJid" in given:
        return {"_data": {"key": given}}
    if given or not data:
        return given
    wid = payload.get("revokedMessageId")
    return {"id": wid, "from": data.get("from"), "participant": data.get("participant")}


def why_wordless(payload: JsonObject) -> Ignored | Unreadable | None:
    """Say why an edit has no words; None where a caption was taken away."""
    raw = _baileys_form(payload)
    read = baileys_message.read(raw) if raw else None
    if isinstance(read, Edit) or mapping(payload, "_data").get("newBody") == "":
        return None
    if isinstance(read, Ignored) and read.reason not in _WITHOUT_WORDS:
        return read
    return Unreadable("an edit without the new words")


def changed_wid(payload: JsonObject) -> str | None:
    """Name the message that an edit or a revoke is about, where only the engine's form does."""
    raw = _baileys_form(payload)
    read = baileys_message.read(raw) if raw else None
    return read.wid if isinstance(read, Edit | Revoke) else None


def _baileys_form(payload: JsonObject) -> JsonObject | None:
    data = mapping(payload, "_data")
    if "Info" in data or "Message" in data:
        return {"message": waha_gows.baileys_form(mapping(data, "Message"))}
    if "message" in data or "key" in data:
        return data
    # ZAPO adds the proto message alone.
    return {"message": data} if baileys_shown.kind_of(data) else None


def _flat(payload: JsonObject) -> JsonObject:
    """Lay the members over the engine's; `body` is the caption where a file has one."""
    caption = words(mapping(payload, "_data"), "caption") or words(payload, "body")
    return wweb_ids.flat(payload) | {"caption": caption}


_WITHOUT_WORDS = frozenset({"empty-message", "unknown-message-type"})


def _content(payload: JsonObject, raw: JsonObject | None) -> Read:
    own = wweb_content.read(payload)
    if raw is None:
        return own
    read = baileys_message.read(raw)
    if isinstance(read, Content):
        # Beside a text, the file must not be lost.
        shown = own if isinstance(own, Content) and own.media_url and _is_text(read) else read
        return replace(
            read,
            media_type=shown.media_type,
            body=shown.body,
            media_url=wweb_content.media_url(payload) or read.media_url,
            quoted_wid=read.quoted_wid or wweb_content.quoted(payload),
        )
    if isinstance(own, Content) and isinstance(read, Ignored) and read.reason in _WITHOUT_WORDS:
        return own
    return read


def _is_text(read: Content) -> bool:
    return read.media_type in {"conversation", "extendedTextMessage"}


def _described(payload: JsonObject, raw: JsonObject | None) -> JsonObject:
    data = mapping(payload, "_data")
    name = text(data, "pushName", "verifiedBizName") or text(mapping(data, "Info"), "PushName")
    return {"pushName": name, "ctwaContext": _advert(raw or {})}


def _advert(raw: JsonObject) -> JsonObject:
    """Give the advert; a link's preview has the same form, but no id and no kind of source."""
    for context in baileys_message.contexts_of(raw):
        advert = mapping(context, "externalAdReply")
        source = text(context, "conversionSource")
        clicked = text(context, "ctwaClid") or text(advert, "ctwaClid")
        if source or clicked or text(advert, "sourceId", "sourceType"):
            return advert | {"conversionSource": source, "ctwaClid": clicked}
    return {}
