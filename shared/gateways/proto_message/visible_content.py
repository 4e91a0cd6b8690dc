"""Readers of visible contents by member name: media type and body."""

from collections.abc import Callable

from pydantic import JsonValue

from shared.gateways.normalize.contact_cards import format_card, format_cards
from shared.gateways.normalize.json_values import (
    JsonObject,
    clean_text,
    join_lines,
    read_angle,
    read_enum,
    read_text,
)
from shared.gateways.normalize.outcome import Ignored, TypeAndBody
from shared.gateways.normalize.placeholders import UNSUPPORTED
from shared.gateways.proto_message.interactive import INTERACTIVE_READERS
from shared.gateways.proto_message.polls import read_poll
from shared.gateways.proto_message.rare_content import RARE_READERS


def find_kind(message: JsonObject) -> str | None:
    """Return the name of the member that is the content; None if a person sees nothing."""
    kind = next((kind for kind in VISIBLE_KINDS if isinstance(message.get(kind), dict)), None)
    if kind is not None:
        return kind
    polls = (name for name, value in message.items() if isinstance(value, dict) and _is_poll(name))
    poll = next(polls, None)
    # Text is last: a file has precedence.
    return poll or ("conversation" if read_text(message, "conversation") else None)


def read_visible(kind: str, content: JsonValue) -> TypeAndBody | Ignored:
    """Return the media type and the body of the content that `find_kind` found.

    A content without anything to show is a placeholder.
    """
    if isinstance(content, str):
        return "conversation", clean_text(content)
    reader = read_poll if _is_poll(kind) else _READERS[kind]
    return (reader(content) if isinstance(content, dict) else None) or UNSUPPORTED


def _is_poll(name: str) -> bool:
    """Return whether a member is a poll of any version, and not the picture of an option."""
    return name.startswith("pollCreationMessage")


def _read_image(image: JsonObject) -> TypeAndBody:
    return "image", read_text(image, "caption")


def _read_video(video: JsonObject) -> TypeAndBody:
    return "video", read_text(video, "caption")


def _read_audio(_: JsonObject) -> TypeAndBody:
    return "audio", ""


def _read_sticker(_: JsonObject) -> TypeAndBody:
    return "stickerMessage", ""


_FAMILIES = frozenset({"application", "audio", "image", "text", "video"})


def _read_document(document: JsonObject) -> TypeAndBody:
    # Evolution's Cloud API lines keep Meta's spelling: mime_type, filename.
    family = read_text(document, "mimetype", "mime_type").strip().lower().partition("/")[0]
    body = read_text(document, "caption", "fileName", "filename", "title")
    return family if family in _FAMILIES else "application", body


def _read_extended_text(extended: JsonObject) -> TypeAndBody | None:
    body = read_text(extended, "text")
    return ("extendedTextMessage", body) if body else None


def _read_location(location: JsonObject) -> TypeAndBody | None:
    body = join_lines(
        read_text(location, "name"), read_text(location, "address")
    ) or _format_coordinates(location)
    return ("locationMessage", body) if body else None


def _read_live_location(location: JsonObject) -> TypeAndBody | None:
    body = read_text(location, "caption").strip() or _format_coordinates(location)
    return ("liveLocationMessage", body) if body else None


def _format_coordinates(location: JsonObject) -> str:
    latitude = read_angle(location, "degreesLatitude")
    longitude = read_angle(location, "degreesLongitude")
    if latitude is None or longitude is None:
        return ""
    return f"{_format_angle(latitude)}, {_format_angle(longitude)}"


def _format_angle(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _read_contact(contact: JsonObject) -> TypeAndBody | None:
    body = format_card(contact)
    return ("contactMessage", body) if body else None


def _read_contacts(holder: JsonObject) -> TypeAndBody | None:
    body = format_cards(holder) or read_text(holder, "displayName").strip()
    return ("contactsArrayMessage", body) if body else None


_UNANSWERED = {"1", "MISSED", "6", "SILENCED_BY_DND", "7", "SILENCED_UNKNOWN_CALLER"}


def _read_call(call: JsonObject) -> TypeAndBody | Ignored:
    outcome = read_enum(call.get("callOutcome"))
    return ("call_log", "") if outcome in _UNANSWERED else Ignored("call-notice", outcome[:40])


_READERS: dict[str, Callable[[JsonObject], TypeAndBody | Ignored | None]] = {
    "imageMessage": _read_image,
    "videoMessage": _read_video,
    "ptvMessage": _read_video,
    "audioMessage": _read_audio,
    "documentMessage": _read_document,
    "stickerMessage": _read_sticker,
    "locationMessage": _read_location,
    "liveLocationMessage": _read_live_location,
    "contactMessage": _read_contact,
    "contactsArrayMessage": _read_contacts,
    **INTERACTIVE_READERS,
    **RARE_READERS,
    "callLogMesssage": _read_call,  # spelt so in the proto
    "extendedTextMessage": _read_extended_text,
}
VISIBLE_KINDS = tuple(_READERS)
