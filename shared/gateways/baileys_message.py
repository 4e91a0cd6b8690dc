"""The content of a WhatsApp message in the proto form that Baileys and Evolution share.

A message object may hold several members (keys, secrets, a content), in any order, so the content
is looked for by name and never taken to be the first member.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from shared.gateways import baileys_shown, baileys_unshown, baileys_votes
from shared.gateways.identity import canonical_wid
from shared.gateways.outcome import Ignored, Unreadable
from shared.gateways.reading import JsonObject, count, enumerated, flag, mapping, text


@dataclass(frozen=True, slots=True)
class Content:
    """What a person would see of the message; `body` holds words, never member names or JSON."""

    media_type: str
    body: str
    media_url: str | None = None
    quoted_wid: str | None = None
    is_forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """Other words for an older message; `at` is the gateway's own time."""

    wid: str
    body: str
    at: JsonValue = None


@dataclass(frozen=True, slots=True)
class Revoke:
    """An older message is taken back."""

    wid: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji for an older message, '' to take it back; `at` is the gateway's own time."""

    wid: str
    emoji: str
    at: JsonValue = None


Read = Content | Edit | Revoke | Reaction | Ignored | Unreadable


def read(received: JsonObject) -> Read:
    """Read a received message: `message`, the hoisted `contextInfo`, the stub members."""
    outer = received.get("message")
    if outer is None:
        return _stub(received)
    if not isinstance(outer, dict):
        return Unreadable("message is not an object")
    message = _unwrapped(outer)
    kind = baileys_shown.kind_of(message)
    if kind is not None:
        return _content(kind, received, outer, message)
    found = _not_shown(received, message)
    is_empty = isinstance(found, Ignored) and found.reason == "empty-message"
    return _stub(received) if is_empty and _stub_kind(received) else found


def edit(wid: str, edited: JsonValue, at: JsonValue) -> Edit | Ignored | Unreadable:
    """Read the words that an older message has now."""
    if not isinstance(edited, dict):
        return Unreadable("editedMessage is not an object")
    message = _unwrapped(edited)
    kind = baileys_shown.kind_of(message)
    if kind is None:
        return baileys_unshown.reason(message, _WRAPPERS)
    shown = baileys_shown.read(kind, message[kind])
    return Edit(wid, shown[1], at) if isinstance(shown, tuple) else shown


def reaction(wid: str | None, told: JsonObject) -> Reaction | Unreadable:
    """Read `reactionMessage`, which Baileys' own event repeats as `reaction`."""
    emoji = told.get("text")
    if wid is None:
        return Unreadable("reactionMessage.key is of no message")
    if emoji is not None and not isinstance(emoji, str):
        return Unreadable("reactionMessage.text is not text")
    return Reaction(wid, text(told, "text").strip(), told.get("senderTimestampMs"))


def key_wid(key: JsonObject) -> str | None:
    """Name the message that a key inside a message points to."""
    return canonical_wid(text(key, "id"))


_WRAPPERS = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "editedMessage",
    "deviceSentMessage",
    "groupMentionedMessage",
    "associatedChildMessage",
    "botInvokeMessage",
    "botForwardedMessage",
    "botTaskMessage",
    "commentMessage",
    "lottieStickerMessage",
    "questionMessage",
    "questionReplyMessage",
    "spoilerMessage",
    "pollCreationMessageV4",
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


def _content(
    kind: str, received: JsonObject, outer: JsonObject, message: JsonObject
) -> Content | Ignored | Unreadable:
    shown = baileys_shown.read(kind, message[kind])
    if not isinstance(shown, tuple):
        return shown
    contexts = list(contexts_of(received))
    quoted = (canonical_wid(text(context, "stanzaId")) for context in contexts)
    return Content(
        media_type=shown[0],
        body=shown[1],
        media_url=_media_url(outer, message, received),
        quoted_wid=next(filter(None, quoted), None),
        is_forwarded=any(_is_forwarded(context) for context in contexts),
    )


def contexts_of(received: JsonObject) -> Iterator[JsonObject]:
    """Give what is said about a message beside its words, from wherever a version puts it."""
    outer = mapping(received, "message")
    message = _unwrapped(outer)
    kind = baileys_shown.kind_of(message)
    if kind is not None:
        yield mapping(message, kind, "contextInfo")
    for holder in (received, outer, message):
        yield mapping(holder, "contextInfo")


def _is_forwarded(context: JsonObject) -> bool:
    return flag(context, "isForwarded") or (count(context.get("forwardingScore")) or 0) > 0


def _media_url(*holders: JsonObject) -> str | None:
    """Give the address of the stored file; the content's own `url` leads to encrypted bytes."""
    urls = (text(holder, "mediaUrl").strip() for holder in holders)
    return next((url for url in urls if url.startswith(("https://", "http://"))), None)


def _not_shown(received: JsonObject, message: JsonObject) -> Read:
    if protocol := mapping(message, "protocolMessage"):
        return _protocol(protocol)
    if reacted := mapping(message, "reactionMessage"):
        return reaction(key_wid(mapping(reacted, "key")), reacted)
    if vote := mapping(message, "pollUpdateMessage"):
        return _vote(received, vote)
    return baileys_unshown.reason(message, _WRAPPERS)


_REVOKE, _EDIT = {"0", "REVOKE"}, {"14", "MESSAGE_EDIT"}


def _protocol(protocol: JsonObject) -> Read:
    kind = enumerated(protocol.get("type"))
    if not kind:  # proto3 leaves out a zero, and zero is REVOKE
        kind = "MESSAGE_EDIT" if "editedMessage" in protocol else "REVOKE"
    if kind not in _REVOKE | _EDIT:
        return Ignored("protocol-message", baileys_unshown.named([kind]))
    wid = key_wid(mapping(protocol, "key"))
    if wid is None:
        return Unreadable("protocolMessage.key is of no message")
    if kind in _REVOKE:
        return Revoke(wid)
    return edit(wid, protocol.get("editedMessage"), protocol.get("timestampMs"))


def _vote(received: JsonObject, vote: JsonObject) -> Content | Ignored:
    chosen = baileys_votes.chosen(received, vote)
    if chosen is None:
        return Ignored("encrypted-poll-vote")
    if not chosen:
        return Ignored("poll-vote-withdrawn")
    poll = key_wid(mapping(vote, "pollCreationMessageKey"))
    return Content("pollUpdateMessage", "\n".join(chosen), quoted_wid=poll)


def _stub_kind(received: JsonObject) -> str:
    kind = enumerated(received.get("messageStubType"))
    return "" if kind in {"0", "UNKNOWN"} else kind


def _stub(received: JsonObject) -> Content | Ignored:
    kind = _stub_kind(received)
    if kind in baileys_unshown.MISSED_CALLS:
        return Content("call_log", "")
    return baileys_unshown.stub(kind)
