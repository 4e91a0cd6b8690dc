"""The content of a WhatsApp message in the proto form that Baileys and Evolution share.

A message object may hold several members (keys, secrets, a content), in any order, so the content
is looked for by name and never taken to be the first member.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from shared.gateways import cards
from shared.gateways.identity import canonical_wid
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Unreadable
from shared.gateways.reading import JsonObject, cleaned, count, degrees, flag, mapping, text


@dataclass(frozen=True, slots=True)
class Content:
    """What a person would see of the message; `body` holds words, never member names or JSON."""

    media_type: str
    body: str
    media_url: str | None = None
    quoted_wid: str | None = None
    is_forwarded: bool = False


def read(received: JsonObject) -> Content | Ignored | Unreadable:
    """Read a received message: `message`, the hoisted `contextInfo`, the stub members."""
    outer = received.get("message")
    if outer is None:
        return _stub(received)
    if not isinstance(outer, dict):
        return Unreadable("message is not an object")
    message = _unwrapped(outer)
    kind = next((kind for kind in _KINDS if message.get(kind) not in (None, "")), None)
    if kind is None:
        return _not_shown(message)
    shown = _shown(kind, message[kind])
    if not isinstance(shown, tuple):
        return shown
    contexts = (mapping(message, kind, "contextInfo"), *_hoisted_contexts(received, outer, message))
    return Content(
        media_type=shown[0],
        body=shown[1],
        media_url=_media_url(outer, message),
        quoted_wid=next(filter(None, (canonical_wid(text(c, "stanzaId")) for c in contexts)), None),
        is_forwarded=any(_is_forwarded(context) for context in contexts),
    )


_Shown = tuple[str, str]  # the media type and the body

_WRAPPERS = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "deviceSentMessage",
    "groupMentionedMessage",
    "associatedChildMessage",
    "botInvokeMessage",
    "lottieStickerMessage",
)
_DEEPEST_WRAPPING = 8  # three are seen; the bound is against made-up messages


def _unwrapped(message: JsonObject) -> JsonObject:
    for _ in range(_DEEPEST_WRAPPING):
        present = (wrapper for wrapper in _WRAPPERS if wrapper in message)
        wrapped = (mapping(message, wrapper, "message") for wrapper in present)
        inner = next(filter(None, wrapped), None)
        if inner is None:
            break
        message = inner
    return message


def _image(image: JsonObject) -> _Shown:
    return "image", text(image, "caption")


def _video(video: JsonObject) -> _Shown:
    return "video", text(video, "caption")


def _audio(_: JsonObject) -> _Shown:
    return "audio", ""


def _sticker(_: JsonObject) -> _Shown:
    return "stickerMessage", ""


_FAMILIES = frozenset({"application", "audio", "image", "text", "video"})


def _document(document: JsonObject) -> _Shown:
    # Evolution's Cloud API lines pass Meta's spelling: mime_type, filename.
    family = text(document, "mimetype", "mime_type").strip().lower().partition("/")[0]
    body = text(document, "caption", "fileName", "filename", "title")
    return family if family in _FAMILIES else "application", body


def _text(extended: JsonObject) -> _Shown | None:
    body = text(extended, "text")
    return ("extendedTextMessage", body) if body else None


def _location(location: JsonObject) -> _Shown | None:
    lines = [text(location, "name"), text(location, "address")]
    body = "\n".join(line.strip() for line in lines if line) or _coordinates(location)
    return ("locationMessage", body) if body else None


def _coordinates(location: JsonObject) -> str:
    latitude = degrees(location, "degreesLatitude")
    longitude = degrees(location, "degreesLongitude")
    if latitude is None or longitude is None:
        return ""
    return f"{_degrees(latitude)}, {_degrees(longitude)}"


def _degrees(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _contact(contact: JsonObject) -> _Shown | None:
    body = cards.line(contact)
    return ("contactMessage", body) if body else None


def _contacts(several: JsonObject) -> _Shown | None:
    body = cards.lines(several) or text(several, "displayName").strip()
    return ("contactsArrayMessage", body) if body else None


_READERS: dict[str, Callable[[JsonObject], _Shown | None]] = {
    "imageMessage": _image,
    "videoMessage": _video,
    "ptvMessage": _video,
    "audioMessage": _audio,
    "documentMessage": _document,
    "stickerMessage": _sticker,
    "locationMessage": _location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "extendedTextMessage": _text,
}
_KINDS = (*_READERS, "conversation")  # text is last: beside a media, the media must not be lost


def _shown(kind: str, content: JsonValue) -> _Shown | Ignored | Unreadable:
    if kind == "conversation":
        if not isinstance(content, str):
            return Unreadable("conversation is not text")
        body = cleaned(content)
        return ("conversation", body) if body.strip() else Ignored("empty-message", kind)
    if not isinstance(content, dict):
        return Unreadable(f"{kind} is not an object")
    return _READERS[kind](content) or Ignored("empty-message", kind)


def _hoisted_contexts(*holders: JsonObject) -> Iterator[JsonObject]:
    for holder in holders:
        yield mapping(holder, "contextInfo")


def _is_forwarded(context: JsonObject) -> bool:
    return flag(context, "isForwarded") or (count(context.get("forwardingScore")) or 0) > 0


def _media_url(*holders: JsonObject) -> str | None:
    """Give the address of the stored file; the content's own `url` leads to encrypted bytes."""
    urls = (text(holder, "mediaUrl").strip() for holder in holders)
    return next((url for url in urls if url.startswith(("https://", "http://"))), None)


_PROTOCOL_REASONS = {"0": "revoke", "REVOKE": "revoke", "14": "edit", "MESSAGE_EDIT": "edit"}

# What carries no content of its own: beside a content it is passed over, alone it is nothing.
_SIDE_MEMBERS = frozenset(
    {
        "messageContextInfo",
        "senderKeyDistributionMessage",
        "fastRatchetKeySenderKeyDistributionMessage",
        "contextInfo",
        "mediaUrl",
        "base64",
        "speechToText",
        "conversation",
        *_WRAPPERS,
    }
)

# Matched by prefix, because WhatsApp adds V2, V3, … (field notes 3.1); the longer name is first
# where one begins with the other.
_REASONS = {
    "reactionMessage": "reaction",
    "encReactionMessage": "reaction",
    "editedMessage": "edit",
    "pollCreationMessage": "poll",
    "pollCreationOptionImageMessage": "poll",
    "pollUpdateMessage": "poll-vote",
    "pollResultSnapshotMessage": "poll-result",
    "pinInChatMessage": "pin",
    "keepInChatMessage": "keep",
    "liveLocationMessage": "live-location",
    "listMessage": "list",
    "listResponseMessage": "list-reply",
    "buttonsMessage": "buttons",
    "buttonsResponseMessage": "button-reply",
    "templateButtonReplyMessage": "button-reply",
    "templateMessage": "template",
    "highlyStructuredMessage": "template",
    "interactiveMessage": "interactive",
    "interactiveResponseMessage": "interactive-reply",
    "albumMessage": "album",
    "stickerPackMessage": "sticker-pack",
    "eventMessage": "event",
    "encEventResponseMessage": "event-reply",
    "commentMessage": "comment",
    "encCommentMessage": "comment",
    "orderMessage": "order",
    "productMessage": "product",
    "invoiceMessage": "payment",
    "paymentInviteMessage": "payment",
    "sendPaymentMessage": "payment",
    "requestPaymentMessage": "payment",
    "declinePaymentRequestMessage": "payment",
    "cancelPaymentRequestMessage": "payment",
    "groupInviteMessage": "group-invite",
    "groupStatusMentionMessage": "status-mention",
    "statusMentionMessage": "status-mention",
    "groupStatusMessage": "group-status",
    "newsletterAdminInviteMessage": "newsletter-invite",
    "newsletterFollowerInviteMessage": "newsletter-invite",
    "scheduledCall": "call-notice",
    "callLogMesssage": "call-notice",  # the proto's own spelling
    "bcallMessage": "call-notice",
    "call": "call-notice",
    "messageHistory": "history-notice",
    "secretEncryptedMessage": "secret-encrypted",
    "placeholderMessage": "undecryptable",
    "unsupportedMessage": "unsupported",
}


def _not_shown(message: JsonObject) -> Ignored:
    if protocol := mapping(message, "protocolMessage"):
        return _protocol(protocol)
    present = (name for name, value in message.items() if value is not None)
    contents = [name for name in present if name not in _SIDE_MEMBERS]
    for name in contents:
        for prefix, reason in _REASONS.items():
            if name.startswith(prefix):
                return Ignored(reason, _named([name]))
    if contents:
        return Ignored("unknown-message-type", _named(contents))
    return Ignored("empty-message", _named(list(message)))


def _protocol(protocol: JsonObject) -> Ignored:
    kind = protocol.get("type")
    if kind is None:  # proto3 leaves out a zero, and zero is REVOKE
        kind = "MESSAGE_EDIT" if mapping(protocol, "editedMessage") else "REVOKE"
    name = _enumerated(kind)
    return Ignored(_PROTOCOL_REASONS.get(name, "protocol-message"), _named([name]))


_STUB_REASONS = {
    "1": "revoke",
    "REVOKE": "revoke",
    "2": "undecryptable",
    "CIPHERTEXT": "undecryptable",
}


def _stub(received: JsonObject) -> Ignored:
    kind = _enumerated(received.get("messageStubType"))
    if not kind:
        return Ignored("empty-message", "no message")
    return Ignored(_STUB_REASONS.get(kind, "system-notice"), _named([kind]))


def _enumerated(value: JsonValue) -> str:
    """Give a proto enum's value, sent as its name or as its number, as text."""
    if isinstance(value, str):
        return value.strip()
    known = count(value)
    return "" if known is None else str(known)


def _named(names: list[str]) -> str:
    return cleaned(" ".join(names))[:LONGEST_DETAIL]
