"""The content of a message in whatsapp-web's form, which its type says how to read."""

from collections.abc import Callable

from shared.gateways import cards, wweb_ids
from shared.gateways.baileys_message import Content
from shared.gateways.outcome import LONGEST_DETAIL, Ignored
from shared.gateways.reading import JsonObject, choices, count, degrees, flag, joined, mapping, text
from shared.gateways.wweb_interactive import READERS, Shown, is_missed_call
from shared.gateways.wweb_record import words


def read(message: JsonObject) -> Content | Ignored:
    """Read what a person would see of a message."""
    kind = text(message, "type").strip().lower()
    if reason := _REASONS.get(kind):
        return Ignored(reason, kind)
    reader = _READERS.get(kind) or READERS.get(kind) or (None if kind else _untyped)
    if reader is None:
        return Ignored("unknown-message-type", kind[:LONGEST_DETAIL])
    if kind == "call_log" and not is_missed_call(message):
        return Ignored("call-notice")
    shown = reader(message)
    if shown is None:
        return Ignored("empty-message", kind)
    return content(message, shown)


def content(message: JsonObject, shown: Shown) -> Content:
    """Put what is shown together with what the message says about itself."""
    return Content(
        media_type=shown[0],
        body=shown[1],
        media_url=media_url(message),
        quoted_wid=quoted(message),
        is_forwarded=flag(message, "isForwarded")
        or (count(message.get("forwardingScore")) or 0) > 0,
    )


def media_url(message: JsonObject) -> str | None:
    """Give the address of the stored file; WhatsApp's own addresses lead to encrypted bytes."""
    media = mapping(message, "media")
    urls = (text(media, "url"), text(message, "mediaUrl"), text(message, "fileUrl"))
    return next((u.strip() for u in urls if u.strip().startswith(("https://", "http://"))), None)


def file(message: JsonObject) -> Shown | None:
    """Show a file of which only the kind of its bytes is known."""
    media = mapping(message, "media")
    mime = (text(message, "mimetype") or text(media, "mimetype", "mime_type")).strip().lower()
    family = mime.partition("/")[0]
    if mime == "image/webp":  # pictures are JPEG on WhatsApp
        return "stickerMessage", ""
    if family in {"image", "video", "audio"} and not _filename(message):
        return family, "" if family == "audio" else _caption(message)
    return _document(message) if mime or media else None


def quoted(message: JsonObject) -> str | None:
    """Name the message that is replied to."""
    return wweb_ids.wid(
        message.get("quotedStanzaID"),
        message.get("quotedMsgId"),
        mapping(message, "quotedMsg").get("id"),
        mapping(message, "quotedMsgObj").get("id"),
        mapping(message, "replyTo").get("id"),
    )


def _caption(message: JsonObject) -> str:
    """Read the caption; `body` is it where whatsapp-web.js put it there, else it is a thumbnail."""
    names = ("caption", "body") if flag(message, "hasMedia") else ("caption",)
    return words(message, *names)


def _filename(message: JsonObject) -> str:
    return words(message, "filename") or words(mapping(message, "media"), "filename")


def _text(message: JsonObject) -> Shown | None:
    """Read words, however much they look like a file: a customer may well send a long code."""
    body = text(message, "body", "content")
    return ("conversation", body) if body else None


def _image(message: JsonObject) -> Shown:
    return "image", _caption(message)


def _video(message: JsonObject) -> Shown:
    return "video", _caption(message)


def _audio(_: JsonObject) -> Shown:
    return "audio", ""


def _sticker(_: JsonObject) -> Shown:
    return "stickerMessage", ""


_FAMILIES = frozenset({"application", "audio", "image", "text", "video"})


def _document(message: JsonObject) -> Shown:
    mime = text(message, "mimetype") or text(mapping(message, "media"), "mimetype")
    family = mime.strip().lower().partition("/")[0]
    body = _caption(message) or _filename(message)
    return family if family in _FAMILIES else "application", body


def _location(message: JsonObject) -> Shown | None:
    place = mapping(message, "location")
    body = (
        words(message, "loc")
        or joined(words(place, "name"), words(place, "address"))
        or words(place, "description")
        or _coordinates(message, "lat", "lng")
        or _coordinates(place, "latitude", "longitude")
    )
    is_live = flag(message, "isLive") or flag(place, "live")
    return ("liveLocationMessage" if is_live else "locationMessage", body) if body else None


def _coordinates(holder: JsonObject, latitude: str, longitude: str) -> str:
    found = _degrees(holder, latitude), _degrees(holder, longitude)
    return ", ".join(found) if all(found) else ""


def _degrees(holder: JsonObject, name: str) -> str:
    value = degrees(holder, name)
    if value is None:  # WAHA's documentation has them as text
        return words(holder, name).strip()[:20]
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _card(message: JsonObject) -> Shown | None:
    texts = (text(message, "body"), text(message, "content"), _first_vcard(message))
    vcard = next((found for found in texts if "BEGIN:VCARD" in found.upper()), "")
    body = cards.line({"displayName": words(message, "vcardFormattedName"), "vcard": vcard})
    return ("contactMessage", body) if body else None


def _cards(message: JsonObject) -> Shown | None:
    body = cards.lines({"contacts": message.get("vcardList")}) or _vcards(message)
    return ("contactsArrayMessage", body) if body else None


def _first_vcard(message: JsonObject) -> str:
    several = message.get("vCards")
    first = several[0] if isinstance(several, list) and several else None
    return first if isinstance(first, str) else ""


def _vcards(message: JsonObject) -> str:
    return cards.lines({"contacts": [{"vcard": card} for card in choices(message.get("vCards"))]})


def _untyped(message: JsonObject) -> Shown | None:
    """Read a message whose type the gateway leaves to be seen from its members."""
    if message.get("location"):
        return _location(message)
    if several := message.get("vCards"):
        return _cards(message) if isinstance(several, list) and several[1:] else _card(message)
    if flag(message, "hasMedia") or mapping(message, "media"):
        return file(message) or _words(message)
    return _text(message)


def _words(message: JsonObject) -> Shown | None:
    body = words(message, "body", "content")
    return ("conversation", body) if body else None


# The names are WhatsApp Web's own, and those that bridges put in their place.
_READERS: dict[str, Callable[[JsonObject], Shown | None]] = {
    "chat": _text,
    "text": _text,
    "automated_greeting_message": _text,
    "image": _image,
    "video": _video,
    "ptv": _video,
    "gif": _video,
    "audio": _audio,
    "ptt": _audio,
    "voice": _audio,
    "document": _document,
    "sticker": _sticker,
    "location": _location,
    "live_location": _location,
    "vcard": _card,
    "contact": _card,
    "multi_vcard": _cards,
}

_REASONS = {
    "album": "album",
    "sticker_pack": "sticker-pack",
    "sticker-pack": "sticker-pack",
    "groups_v4_invite": "group-invite",
    "newsletter_admin_invite": "newsletter-invite",
    "payment": "payment",
    "ciphertext": "undecryptable",
    "poll_update": "encrypted-poll-vote",
    "poll_result_snapshot": "poll-result",
    "event_response": "event-reply",
    "reaction": "reaction",
    "reaction_enc": "encrypted-reaction",
    "pin_message": "pin",
    "pinned_message": "pin",
    "message_edit_encrypted": "secret-encrypted",
    "event_edit_encrypted": "secret-encrypted",
    "poll_edit_encrypted": "secret-encrypted",
    "poll_add_option_encrypted": "poll-option",
    "poll_add_option_decrypted": "poll-option",
    "group-history": "history-notice",
    "history_bundle": "history-notice",
    "message_history_notice": "history-notice",
    "sharable_event_invite": "event-invite",
    "newsletter_follower_invite": "newsletter-invite",
    "newsletter_question_response": "newsletter",
    "biz-cover-photo": "system-notice",
    "guest_upsell_system_msg": "system-notice",
    "debug_placeholder": "system-notice",
    "biz_content_placeholder": "unsupported",
    "quarantined": "unsupported",
    "keep_in_chat": "keep",
    "comment": "comment",
    "revoked": "revoke",
    "protocol": "protocol-message",
    "gp2": "group-update",
    "group_notification": "group-update",
    "notification": "system-notice",
    "notification_template": "system-notice",
    "broadcast_notification": "system-notice",
    "newsletter_notification": "newsletter",
    "status_notification": "status-broadcast",
    "e2e_notification": "system-notice",
    "request_phone_number": "phone-number-request",
    "debug": "system-notice",
    "scheduled_call": "call-notice",
    "oversized": "unsupported",
    "unknown": "unsupported",
}
