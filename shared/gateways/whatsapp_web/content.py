"""Contents in the form of WhatsApp Web, by message type: media type and body."""

from collections.abc import Callable

from shared.gateways.normalize.contact_cards import format_card, format_cards
from shared.gateways.normalize.json_values import (
    JsonObject,
    join_lines,
    parse_count,
    read_angle,
    read_choices,
    read_flag,
    read_object,
    read_text,
)
from shared.gateways.normalize.outcome import Ignored, TypeAndBody
from shared.gateways.normalize.placeholders import UNSUPPORTED, VIEW_ONCE
from shared.gateways.proto_message.content import Content
from shared.gateways.whatsapp_web.file_and_choice import read_web_file_and_choice
from shared.gateways.whatsapp_web.ids import find_wid
from shared.gateways.whatsapp_web.interactive import INTERACTIVE_READERS, is_missed_call
from shared.gateways.whatsapp_web.not_written import CALL_NOTICE, NOT_WRITTEN
from shared.gateways.whatsapp_web.rare_content import RARE_READERS
from shared.gateways.whatsapp_web.texts import read_words


def read_web_content(message: JsonObject) -> Content | Ignored:
    """Return the content of a message, a placeholder if nothing else, or why it is ignored."""
    kind = read_kind(message)
    is_written = read_subtype(message) in _STATUS_MENTIONS
    if (listed := NOT_WRITTEN.get(kind)) and not is_written:
        return Ignored(listed.reason, kind)
    if kind == "call_log" and not is_missed_call(message):
        return Ignored(CALL_NOTICE.reason)
    read = _READERS.get(kind) if kind else _read_untyped
    visible = read(message) if read else None
    if visible is None:
        visible = VIEW_ONCE if read_flag(message, "isViewOnce") else UNSUPPORTED
    return build_web_content(message, visible)


def read_kind(message: JsonObject) -> str:
    """Return the type of a message in small letters; some bridges begin it with a capital."""
    return read_text(message, "type").strip().lower()


def read_subtype(message: JsonObject) -> str:
    """Return what a message of its type is about, in small letters."""
    return read_text(message, "subtype").strip().lower()


# A person names us or the group in their status; the type is `protocol`.
_STATUS_MENTIONS = frozenset({"status_mention_message", "status_group_mention_message"})


def build_web_content(message: JsonObject, visible: TypeAndBody) -> Content:
    """Build the content from its media type and body, and the members beside them."""
    return Content(
        media_type=visible[0],
        body=visible[1],
        media_url=find_media_url(message),
        quoted_wid=find_quoted_wid(message),
        is_forwarded=read_flag(message, "isForwarded")
        or (parse_count(message.get("forwardingScore")) or 0) > 0,
        file_and_choice=read_web_file_and_choice(visible[0], message),
    )


def find_media_url(message: JsonObject) -> str | None:
    """Return the URL of the stored file; WhatsApp's own URLs lead to encrypted bytes."""
    media = read_object(message, "media")
    urls = (read_text(media, "url"), read_text(message, "mediaUrl"), read_text(message, "fileUrl"))
    return next((u.strip() for u in urls if u.strip().startswith(("https://", "http://"))), None)


def read_file(message: JsonObject) -> TypeAndBody | None:
    """Return the media type and body of a file of which only the MIME type is known."""
    media = read_object(message, "media")
    mime = (
        (read_text(message, "mimetype") or read_text(media, "mimetype", "mime_type"))
        .strip()
        .lower()
    )
    family = mime.partition("/")[0]
    if mime == "image/webp":  # pictures are JPEG on WhatsApp
        return "stickerMessage", ""
    if family in {"image", "video", "audio"} and not _read_filename(message):
        return family, "" if family == "audio" else _read_caption(message)
    return _read_document(message) if mime or media else None


# The commented, edited or answered message of an encrypted content, as bridges name it.
_TARGETS = ("commentParentKey", "parentMsgKey", "targetMessageKey", "eventCreationKey")


def find_quoted_wid(message: JsonObject) -> str | None:
    """Return the id of the quoted message."""
    return find_wid(
        message.get("quotedStanzaID"),
        message.get("quotedMsgId"),
        read_object(message, "quotedMsg").get("id"),
        read_object(message, "quotedMsgObj").get("id"),
        read_object(message, "replyTo").get("id"),
        *(message.get(name) for name in _TARGETS),
    )


def _read_caption(message: JsonObject) -> str:
    """Return the caption; `body` holds it in whatsapp-web.js, elsewhere it is a thumbnail."""
    names = ("caption", "body") if read_flag(message, "hasMedia") else ("caption",)
    return read_words(message, *names)


def _read_filename(message: JsonObject) -> str:
    return read_words(message, "filename") or read_words(read_object(message, "media"), "filename")


def _read_chat(message: JsonObject) -> TypeAndBody | None:
    """Return a text, even one that looks like base64: a customer may send a long code."""
    body = read_text(message, "body", "content")
    return ("conversation", body) if body else None


def _read_image(message: JsonObject) -> TypeAndBody:
    return "image", _read_caption(message)


def _read_video(message: JsonObject) -> TypeAndBody:
    return "video", _read_caption(message)


def _read_audio(_: JsonObject) -> TypeAndBody:
    return "audio", ""


def _read_sticker(_: JsonObject) -> TypeAndBody:
    return "stickerMessage", ""


_FAMILIES = frozenset({"application", "audio", "image", "text", "video"})


def _read_document(message: JsonObject) -> TypeAndBody:
    mime = read_text(message, "mimetype") or read_text(read_object(message, "media"), "mimetype")
    family = mime.strip().lower().partition("/")[0]
    body = _read_caption(message) or _read_filename(message)
    return family if family in _FAMILIES else "application", body


def _read_location(message: JsonObject) -> TypeAndBody | None:
    location = read_object(message, "location")
    body = (
        read_words(message, "loc")
        or join_lines(read_words(location, "name"), read_words(location, "address"))
        or read_words(location, "description")
        or _format_coordinates(message, "lat", "lng")
        or _format_coordinates(location, "latitude", "longitude")
    )
    is_live = read_flag(message, "isLive") or read_flag(location, "live")
    return ("liveLocationMessage" if is_live else "locationMessage", body) if body else None


def _format_coordinates(holder: JsonObject, latitude: str, longitude: str) -> str:
    angles = _format_angle(holder, latitude), _format_angle(holder, longitude)
    return ", ".join(angles) if all(angles) else ""


def _format_angle(holder: JsonObject, name: str) -> str:
    value = read_angle(holder, name)
    if value is None:  # WAHA's documentation has them as text
        return read_words(holder, name).strip()[:20]
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _read_card(message: JsonObject) -> TypeAndBody | None:
    texts = (read_text(message, "body"), read_text(message, "content"), _read_first_vcard(message))
    vcard = next((text for text in texts if "BEGIN:VCARD" in text.upper()), "")
    body = format_card({"displayName": read_words(message, "vcardFormattedName"), "vcard": vcard})
    return ("contactMessage", body) if body else None


def _read_cards(message: JsonObject) -> TypeAndBody | None:
    body = format_cards({"contacts": message.get("vcardList")}) or _format_vcards(message)
    return ("contactsArrayMessage", body) if body else None


def _read_first_vcard(message: JsonObject) -> str:
    vcards = message.get("vCards")
    first = vcards[0] if isinstance(vcards, list) and vcards else None
    return first if isinstance(first, str) else ""


def _format_vcards(message: JsonObject) -> str:
    return format_cards(
        {"contacts": [{"vcard": card} for card in read_choices(message.get("vCards"))]}
    )


def _read_untyped(message: JsonObject) -> TypeAndBody | None:
    """Read a message without a type from the members that it has."""
    if message.get("location"):
        return _read_location(message)
    if vcards := message.get("vCards"):
        return (
            _read_cards(message) if isinstance(vcards, list) and vcards[1:] else _read_card(message)
        )
    if read_flag(message, "hasMedia") or read_object(message, "media"):
        return read_file(message) or _read_unknown_file(message)
    return _read_chat(message)


def _read_unknown_file(message: JsonObject) -> TypeAndBody | None:
    """Return the caption of a file of which nothing is known; None without one."""
    body = read_words(message, "caption", "body", "content")
    return ("application", body) if body else None


# The names are WhatsApp Web's own, and those that bridges put in their place.
_READERS: dict[str, Callable[[JsonObject], TypeAndBody | None]] = {
    "chat": _read_chat,
    "text": _read_chat,
    "automated_greeting_message": _read_chat,
    "image": _read_image,
    "video": _read_video,
    "ptv": _read_video,
    "gif": _read_video,
    "audio": _read_audio,
    "ptt": _read_audio,
    "voice": _read_audio,
    "document": _read_document,
    "sticker": _read_sticker,
    "location": _read_location,
    "live_location": _read_location,
    "vcard": _read_card,
    "contact": _read_card,
    "multi_vcard": _read_cards,
    **INTERACTIVE_READERS,
    **RARE_READERS,
}
VISIBLE_TYPES = tuple(_READERS)
