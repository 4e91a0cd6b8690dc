"""Reads the content of a message: visible content, or the change of an older message.

A message object has several members (keys, secrets, a content) in any order, so the content
is found by member name.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from shared.gateways.normalize.addresses import parse_wid
from shared.gateways.normalize.file_and_choice import NOTHING, FileAndChoice
from shared.gateways.normalize.json_values import (
    JsonObject,
    parse_count,
    read_enum,
    read_flag,
    read_object,
    read_text,
)
from shared.gateways.normalize.outcome import Ignored, TypeAndBody, Unreadable
from shared.gateways.normalize.placeholders import (
    UNDECRYPTABLE,
    UNSUPPORTED,
    VIEW_ONCE,
    NotWritten,
    is_placeholder,
)
from shared.gateways.proto_message.file_and_choice import read_file_and_choice
from shared.gateways.proto_message.invisible_content import (
    CIPHERTEXTS,
    ENCRYPTED,
    ENCRYPTED_POLL_CHANGES,
    KEYS,
    MISSED_CALLS,
    NOT_WRITTEN,
    POLL_OPTION,
    choose_placeholder,
    find_not_written,
    ignore_stub,
    join_names,
    list_contents,
    list_written,
)
from shared.gateways.proto_message.poll_votes import read_chosen_options
from shared.gateways.proto_message.visible_content import find_kind, read_visible


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a message; `body` is plain text, never member names or JSON.

    A content that cannot be shown has a placeholder's media type and an empty body.
    """

    media_type: str
    body: str
    media_url: str | None = None
    quoted_wid: str | None = None
    is_forwarded: bool = False
    file_and_choice: FileAndChoice = NOTHING

    @property
    def is_placeholder(self) -> bool:
        """Whether the content cannot be shown."""
        return is_placeholder(self.media_type)


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
    """Return the content of `message`, the hoisted `contextInfo` and the stub members.

    What a person sent has a content in any case, a placeholder if nothing else.
    """
    outer = read_object(message, "message")
    content = _unwrap(outer)
    kind = find_kind(content)
    outcome: ContentOutcome = (
        _build_content(kind, message, outer, content)
        if kind is not None
        else _read_invisible(message, outer, content)
    )
    if not isinstance(outcome, Ignored):
        return outcome
    contents = set(list_contents(content, WRAPPERS)) - _READ_BEFORE
    unknown = list_written(contents)  # beside a content without a row
    return _build_placeholder(choose_placeholder(unknown)) if unknown else outcome


# What they hold decides whether they are ignored.
_READ_BEFORE = {"pollUpdateMessage", "secretEncryptedMessage"}


def read_edit(wid: str, edited: JsonValue, at: JsonValue) -> Edit | Content:
    """Return the edit that gives the message `wid` the text in `edited`.

    If the new text cannot be shown, it is a placeholder that quotes the message.
    """
    if not isinstance(edited, dict):
        return _build_placeholder(UNSUPPORTED, wid)
    content = _unwrap(edited)
    kind = find_kind(content)
    visible = read_visible(kind, content[kind]) if kind else UNSUPPORTED
    if isinstance(visible, Ignored) or is_placeholder(visible[0]):
        return _build_placeholder(UNSUPPORTED, wid)
    return Edit(wid, visible[1], at)


def _build_placeholder(placeholder: TypeAndBody, quoted_wid: str | None = None) -> Content:
    return Content(*placeholder, quoted_wid=quoted_wid)


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


_VIEW_ONCE = ("viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension")
WRAPPERS = (
    "ephemeralMessage",
    *_VIEW_ONCE,
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
        present = (wrapper for wrapper in WRAPPERS if wrapper in message)
        wrapped = (read_object(message, wrapper, "message") for wrapper in present)
        inner = next(filter(None, wrapped), None)
        if inner is None:
            break
        message = inner
    return message


def _build_content(
    kind: str, message: JsonObject, outer: JsonObject, content: JsonObject
) -> Content | Ignored:
    visible = read_visible(kind, content[kind])
    if isinstance(visible, Ignored):
        return visible
    contexts = list(iterate_contexts(message))
    quoted = (parse_wid(read_text(context, "stanzaId")) for context in contexts)
    return Content(
        media_type=visible[0],
        body=visible[1],
        media_url=_find_media_url(outer, content, message),
        quoted_wid=next(filter(None, quoted), None),
        is_forwarded=any(_is_forwarded(context) for context in contexts),
        file_and_choice=read_file_and_choice(kind, read_object(content, kind)),
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


def _read_invisible(message: JsonObject, outer: JsonObject, content: JsonObject) -> ContentOutcome:
    if protocol := read_object(content, "protocolMessage"):
        return _read_protocol_message(protocol)
    if content.get("reactionMessage") is not None:
        reaction = read_object(content, "reactionMessage")
        return read_reaction(read_target_wid(read_object(reaction, "key")), reaction)
    if vote := read_object(content, "pollUpdateMessage"):
        return _read_vote(message, vote)
    contents = list_contents(content, WRAPPERS)
    if contents:
        return find_not_written(contents) or _read_hidden(content, contents)
    return _read_without_content(message, outer, content)


def _read_hidden(content: JsonObject, contents: list[str]) -> Content | Ignored:
    """Return the placeholder of a content, which quotes the message that it is about."""
    for name, key in ENCRYPTED.items():
        encrypted = read_object(content, name)
        if read_enum(encrypted.get("secretEncType")) in ENCRYPTED_POLL_CHANGES:
            return Ignored(POLL_OPTION.reason, name)
        if encrypted:
            return _build_placeholder(UNDECRYPTABLE, read_target_wid(read_object(encrypted, key)))
    return _build_placeholder(choose_placeholder(contents))


def _read_without_content(
    message: JsonObject, outer: JsonObject, content: JsonObject
) -> Content | Ignored:
    stub = _read_stub_kind(message)
    if stub in MISSED_CALLS:
        return Content("call_log", "")
    if stub and stub not in CIPHERTEXTS:
        return ignore_stub(stub)
    if read_flag(read_object(message, "key"), "isViewOnce") or any(
        outer.get(wrapper) is not None for wrapper in _VIEW_ONCE
    ):
        return _build_placeholder(VIEW_ONCE)
    if stub:
        return _build_placeholder(UNDECRYPTABLE)
    keys = [name for name in KEYS if content.get(name) is not None]
    if keys:
        return Ignored(NOT_WRITTEN[keys[0]].reason, keys[0])
    return _build_placeholder(UNSUPPORTED)


_REVOKE, _EDIT = {"0", "REVOKE"}, {"14", "MESSAGE_EDIT"}
_STATUS_MENTION = {"25", "STATUS_MENTION_MESSAGE"}  # a person names us in their status


def _read_protocol_message(protocol: JsonObject) -> ContentOutcome:
    kind = read_enum(protocol.get("type"))
    if not kind:  # proto3 omits a zero, and zero is REVOKE
        kind = "MESSAGE_EDIT" if "editedMessage" in protocol else "REVOKE"
    if kind in _STATUS_MENTION:
        return _build_placeholder(UNSUPPORTED)
    if kind not in _REVOKE | _EDIT:
        return Ignored("protocol-message", join_names([kind]))
    wid = read_target_wid(read_object(protocol, "key"))
    if wid is None:
        return Unreadable("protocolMessage.key is of no message")
    if kind in _REVOKE:
        return Revoke(wid)
    return read_edit(wid, protocol.get("editedMessage"), protocol.get("timestampMs"))


VOTE_WITHDRAWN = NotWritten("poll-vote-withdrawn", "takes back a vote")


def _read_vote(message: JsonObject, vote: JsonObject) -> Content | Ignored:
    poll = read_target_wid(read_object(vote, "pollCreationMessageKey"))
    options = read_chosen_options(message, vote)
    if options is None:  # decrypted by some gateways later, under the same id
        return _build_placeholder(UNDECRYPTABLE, poll)
    if not options:
        return Ignored(VOTE_WITHDRAWN.reason)
    return Content("pollUpdateMessage", "\n".join(options), quoted_wid=poll)


def _read_stub_kind(message: JsonObject) -> str:
    kind = read_enum(message.get("messageStubType"))
    return "" if kind in {"0", "UNKNOWN"} else kind
