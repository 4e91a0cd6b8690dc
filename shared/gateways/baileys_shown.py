"""The contents of the proto form that a person sees: which one it is, and its words."""

from collections.abc import Callable

from pydantic import JsonValue

from shared.gateways import baileys_interactive, baileys_rarer, cards
from shared.gateways.baileys_interactive import Shown
from shared.gateways.outcome import Ignored, Unreadable
from shared.gateways.reading import JsonObject, cleaned, degrees, enumerated, joined, text


def kind_of(message: JsonObject) -> str | None:
    """Name the member that is the content, or None where a person would see nothing."""
    known = next((kind for kind in _KINDS if message.get(kind) not in (None, "")), None)
    if known is not None:
        return known
    polls = (name for name, value in message.items() if value is not None and _is_poll(name))
    return next(polls, None)


def read(kind: str, content: JsonValue) -> Shown | Ignored | Unreadable:
    """Give the media type and the words of the content of this kind."""
    if kind == "conversation":
        if not isinstance(content, str):
            return Unreadable("conversation is not text")
        body = cleaned(content)
        return ("conversation", body) if body.strip() else Ignored("empty-message", kind)
    if not isinstance(content, dict):
        return Unreadable(f"{kind} is not an object")
    reader = baileys_interactive.poll if _is_poll(kind) else _READERS[kind]
    return reader(content) or Ignored("empty-message", kind)


def _is_poll(name: str) -> bool:
    """Recognise a poll of any version; an option's picture is not the poll."""
    return name.startswith("pollCreationMessage")


def _image(image: JsonObject) -> Shown:
    return "image", text(image, "caption")


def _video(video: JsonObject) -> Shown:
    return "video", text(video, "caption")


def _audio(_: JsonObject) -> Shown:
    return "audio", ""


def _sticker(_: JsonObject) -> Shown:
    return "stickerMessage", ""


_FAMILIES = frozenset({"application", "audio", "image", "text", "video"})


def _document(document: JsonObject) -> Shown:
    # Evolution's Cloud API lines pass Meta's spelling: mime_type, filename.
    family = text(document, "mimetype", "mime_type").strip().lower().partition("/")[0]
    body = text(document, "caption", "fileName", "filename", "title")
    return family if family in _FAMILIES else "application", body


def _text(extended: JsonObject) -> Shown | None:
    body = text(extended, "text")
    return ("extendedTextMessage", body) if body else None


def _location(location: JsonObject) -> Shown | None:
    body = joined(text(location, "name"), text(location, "address")) or _coordinates(location)
    return ("locationMessage", body) if body else None


def _live_location(location: JsonObject) -> Shown | None:
    body = text(location, "caption").strip() or _coordinates(location)
    return ("liveLocationMessage", body) if body else None


def _coordinates(location: JsonObject) -> str:
    latitude = degrees(location, "degreesLatitude")
    longitude = degrees(location, "degreesLongitude")
    if latitude is None or longitude is None:
        return ""
    return f"{_degrees(latitude)}, {_degrees(longitude)}"


def _degrees(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _contact(contact: JsonObject) -> Shown | None:
    body = cards.line(contact)
    return ("contactMessage", body) if body else None


def _contacts(several: JsonObject) -> Shown | None:
    body = cards.lines(several) or text(several, "displayName").strip()
    return ("contactsArrayMessage", body) if body else None


_UNANSWERED = {"1", "MISSED", "6", "SILENCED_BY_DND", "7", "SILENCED_UNKNOWN_CALLER"}


def _call(call: JsonObject) -> Shown | Ignored:
    outcome = enumerated(call.get("callOutcome"))
    return ("call_log", "") if outcome in _UNANSWERED else Ignored("call-notice", outcome[:40])


_READERS: dict[str, Callable[[JsonObject], Shown | Ignored | None]] = {
    "imageMessage": _image,
    "videoMessage": _video,
    "ptvMessage": _video,
    "audioMessage": _audio,
    "documentMessage": _document,
    "stickerMessage": _sticker,
    "locationMessage": _location,
    "liveLocationMessage": _live_location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    **baileys_interactive.READERS,
    **baileys_rarer.READERS,
    "callLogMesssage": _call,  # the proto's own spelling
    "extendedTextMessage": _text,
}
_KINDS = (*_READERS, "conversation")  # text is last: beside a media, the media must not be lost
