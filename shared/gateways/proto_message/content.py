"""Reads the content of a message: visible content, or the change of an older message.

A message object has several members (keys, secrets, a content) in any order, so the content
is found by member name.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from shared.gateways.normalize.addresses import parse_wid
from shared.gateways.normalize.json_values import (
    JsonObject,
    parse_count,
    read_enum,
    read_flag,
    read_object,
    read_text,
)
from shared.gateways.normalize.outcome import Ignored, Unreadable
from shared.gateways.proto_message.invisible_content import (
    MISSED_CALLS,
    ignore_invisible,
    ignore_stub,
    join_names,
)
from shared.gateways.proto_message.poll_votes import read_chosen_options
from shared.gateways.proto_message.visible_content import find_kind, read_visible


@dataclass(frozen=True, slots=True)
class Content:
    """The visible content of a message; `body` is plain text, never member names or JSON."""

    media_type: str
    body: str
    media_url: str | None = None
    quoted_wid: str | None = None
    is_forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """A new text for an older message; `at` is the time as the gateway wrote it."""

    wid: str
    body: str
    at: JsonValue = None


@dataclass(frozen=True, slots=True)
class Revoke:
    """The deletion of an older message for everybody."""

    wid: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji for an older message, '' to remove it; `at` is the time as the gateway wrote it."""

    wid: str
    emoji: str
    at: JsonValue = None


ContentOutcome = Content | Edit | Revoke | Reaction | Ignored | Unreadable


def read_content(message: JsonObject) -> ContentOutcome:
    """Return the content of `message`, the hoisted `contextInfo` and the stub members."""
    outer = message.get("message")
    if outer is None:
        return _read_stub(message)
    if not isinstance(outer, dict):
        return Unreadable("message is not an object")
    content = _unwrap(outer)
    kind = find_kind(content)
    if kind is not None:
        return _build_content(kind, message, outer, content)
    outcome = _read_invisible(message, content)
    is_empty = isinstance(outcome, Ignored) and outcome.reason == "empty-message"
    return _read_stub(message) if is_empty and _read_stub_kind(message) else outcome


def read_edit(wid: str, edited: JsonValue, at: JsonValue) -> Edit | Ignored | Unreadable:
    """Return the edit that gives the message `wid` the text in `edited`."""
    if not isinstance(edited, dict):
        return Unreadable("editedMessage is not an object")
    content = _unwrap(edited)
    kind = find_kind(content)
    if kind is None:
        return ignore_invisible(content, _WRAPPERS)
    visible = read_visible(kind, content[kind])
    return Edit(wid, visible[1], at) if isinstance(visible, tuple) else visible


def read_reaction(wid: str | None, reaction: JsonObject) -> Reaction | Unreadable:
    """Return the reaction in `reactionMessage`, or in `reaction` of an event of Baileys."""
    emoji = reaction.get("text")
    if wid is None:
        return Unreadable("reactionMessage.key is of no message")
    if emoji is not None and not isinstance(emoji, str):
        return Unreadable("reactionMessage.text is not text")
    return Reaction(wid, read_text(reaction, "text").strip(), reaction.get("senderTimestampMs"))


def read_target_wid(key: JsonObject) -> str | None:
    """Return the id of the message that a key inside a message points to."""
    return parse_wid(read_text(key, "id"))


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
_DEEPEST_WRAPPING = 8  # up to three levels occur; the limit protects against crafted messages


def _unwrap(message: JsonObject) -> JsonObject:
    for _ in range(_DEEPEST_WRAPPING):
        present = (wrapper for wrapper in _WRAPPERS if wrapper in message)
        wrapped = (read_object(message, wrapper, "message") for wrapper in present)
        inner = next(filter(None, wrapped), None)
        if inner is None:
            break
        message = inner
    return message


def _build_content(
    kind: str, message: JsonObject, outer: JsonObject, content: JsonObject
) -> Content | Ignored | Unreadable:
    visible = read_visible(kind, content[kind])
    if not isinstance(visible, tuple):
        return visible
    contexts = list(iterate_contexts(message))
    quoted = (parse_wid(read_text(context, "stanzaId")) for context in contexts)
    return Content(
        media_type=visible[0],
        body=visible[1],
        media_url=_find_media_url(outer, content, message),
        quoted_wid=next(filter(None, quoted), None),
        is_forwarded=any(_is_forwarded(context) for context in contexts),
    )


def iterate_contexts(message: JsonObject) -> Iterator[JsonObject]:
    """Yield the context objects of a message; versions put them in different places."""
    outer = read_object(message, "message")
    content = _unwrap(outer)
    kind = find_kind(content)
    if kind is not None:
        yield read_object(content, kind, "contextInfo")
    for holder in (message, outer, content):
        yield read_object(holder, "contextInfo")


def _is_forwarded(context: JsonObject) -> bool:
    return (
        read_flag(context, "isForwarded") or (parse_count(context.get("forwardingScore")) or 0) > 0
    )


def _find_media_url(*holders: JsonObject) -> str | None:
    """Return the URL of the stored file; the content's own `url` has encrypted bytes."""
    urls = (read_text(holder, "mediaUrl").strip() for holder in holders)
    return next((url for url in urls if url.startswith(("https://", "http://"))), None)


def _read_invisible(message: JsonObject, content: JsonObject) -> ContentOutcome:
    if protocol := read_object(content, "protocolMessage"):
        return _read_protocol_message(protocol)
    if reaction := read_object(content, "reactionMessage"):
        return read_reaction(read_target_wid(read_object(reaction, "key")), reaction)
    if vote := read_object(content, "pollUpdateMessage"):
        return _read_vote(message, vote)
    return ignore_invisible(content, _WRAPPERS)


_REVOKE, _EDIT = {"0", "REVOKE"}, {"14", "MESSAGE_EDIT"}


def _read_protocol_message(protocol: JsonObject) -> ContentOutcome:
    kind = read_enum(protocol.get("type"))
    if not kind:  # proto3 omits a zero, and zero is REVOKE
        kind = "MESSAGE_EDIT" if "editedMessage" in protocol else "REVOKE"
    if kind not in _REVOKE | _EDIT:
        return Ignored("protocol-message", join_names([kind]))
    wid = read_target_wid(read_object(protocol, "key"))
    if wid is None:
        return Unreadable("protocolMessage.key is of no message")
    if kind in _REVOKE:
        return Revoke(wid)
    return read_edit(wid, protocol.get("editedMessage"), protocol.get("timestampMs"))


def _read_vote(message: JsonObject, vote: JsonObject) -> Content | Ignored:
    options = read_chosen_options(message, vote)
    if options is None:
        return Ignored("encrypted-poll-vote")
    if not options:
        return Ignored("poll-vote-withdrawn")
    poll = read_target_wid(read_object(vote, "pollCreationMessageKey"))
    return Content("pollUpdateMessage", "\n".join(options), quoted_wid=poll)


def _read_stub_kind(message: JsonObject) -> str:
    kind = read_enum(message.get("messageStubType"))
    return "" if kind in {"0", "UNKNOWN"} else kind


def _read_stub(message: JsonObject) -> Content | Ignored:
    kind = _read_stub_kind(message)
    if kind in MISSED_CALLS:
        return Content("call_log", "")
    return ignore_stub(kind)
