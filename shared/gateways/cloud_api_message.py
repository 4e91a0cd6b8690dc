"""The Cloud API's messages: what customers wrote, what we wrote on the telephone, and histories."""

import json
from collections.abc import Iterator
from dataclasses import replace

from pydantic import JsonValue

from shared.contracts.base import Event
from shared.contracts.message import MessageReceived, Referral
from shared.gateways import cloud_api_content, cloud_api_message_change, cloud_api_people
from shared.gateways.cloud_api_content import Content, kind_of
from shared.gateways.cloud_api_party import Change, Chat, chat_of, is_ours, parts
from shared.gateways.identity import canonical_wid
from shared.gateways.outcome import Ignored, Unreadable
from shared.gateways.reading import JsonObject, count, flag, mapping, text
from shared.gateways.redaction import redacted

Outcome = Event | Ignored | Unreadable


def received(change: Change, message: JsonValue) -> Iterator[Outcome]:
    """Say what one of `messages` means."""
    if isinstance(message, dict):
        yield _said(change, message, from_me=is_ours(change, message))
    else:
        yield Unreadable("a message is not an object")


def echoed(change: Change, message: JsonValue) -> Iterator[Outcome]:
    """Say what one of `message_echoes` means: somebody else sends on our line too."""
    if isinstance(message, dict):
        yield _said(change, message, from_me=True)
    else:
        yield Unreadable("a message echo is not an object")


def history(change: Change, chunk: JsonValue) -> Iterator[Outcome]:
    """Read a chunk of the chats that a line had before it came to us."""
    if not isinstance(chunk, dict):
        yield Unreadable("a history is not an object")
        return
    told = False
    for error in parts(chunk, "errors"):
        told = True
        yield Ignored("history-declined", error_code(error) or "")
    for thread in parts(chunk, "threads"):
        told = True
        yield from _thread(change, thread)
    if not told:
        yield Ignored("history-progress")


def error_code(error: JsonValue) -> str | None:
    """Give Meta's number of an error."""
    code = count(error.get("code")) if isinstance(error, dict) else None
    return None if code is None else str(code)


def _thread(change: Change, thread: JsonValue) -> Iterator[Outcome]:
    if not isinstance(thread, dict):
        yield Unreadable("a thread is not an object")
        return
    context = mapping(thread, "context")
    contact = {**context, "wa_id": text(context, "wa_id") or text(thread, "id")}
    value: JsonObject = {"metadata": change.value.get("metadata"), "contacts": [contact]}
    inside = replace(change, value=value, sent_at=None, in_history=True)
    messages = parts(thread, "messages")
    for message in messages:
        yield from received(inside, message)
    if not messages:
        yield Ignored("empty-batch", "thread")


def _said(change: Change, message: JsonObject, *, from_me: bool) -> Outcome:
    kind = kind_of(message)
    if kind == "system":
        return cloud_api_people.system(change.line, message)
    if changed := cloud_api_message_change.READERS.get(kind):
        chat = chat_of(change, message, from_me=from_me)
        return changed(change, message, chat) if isinstance(chat, Chat) else chat
    content = _content(change, message)
    if not isinstance(content, Content):
        return content
    chat = chat_of(change, message, from_me=from_me)
    return _message(change, message, chat, content) if isinstance(chat, Chat) else chat


def _content(change: Change, message: JsonObject) -> Content | Ignored | Unreadable:
    content = cloud_api_content.read(message)
    errors = parts(message, "errors") or parts(change.value, "errors")
    if errors and isinstance(content, Unreadable):
        return Ignored("unsupported", content.detail)  # Meta itself could not tell the content
    return content


def _message(
    change: Change, message: JsonObject, chat: Chat, content: Content
) -> MessageReceived | Unreadable:
    wid = canonical_wid(text(message, "id"))
    if wid is None:
        return Unreadable("the message has no id")
    context = mapping(message, "context")
    author = chat.author
    return MessageReceived(
        **change.about(chat.party, message),
        wid=wid,
        from_me=chat.from_me,
        is_group=chat.is_group,
        body=content.body,
        media_type=content.media_type,
        media_url=content.media_url,
        quoted_wid=canonical_wid(text(context, "id", "message_id")),
        is_forwarded=flag(context, "forwarded") or flag(context, "frequently_forwarded"),
        push_name=chat.name,
        lid=chat.party.lid,
        jid=chat.party.jid,
        participant=author.canonical if author else None,
        participant_lid=author.lid if author else None,
        participant_jid=author.jid if author else None,
        referral=_referral(mapping(message, "referral")),
        data_json=redacted(_kept(message, chat)),
    )


def _referral(referral: JsonObject) -> Referral | None:
    names = ("source_type", "source_id", "source_url", "headline", "ctwa_clid")
    known = {name: found for name in names if (found := text(referral, name))}
    return Referral.model_validate(known) if known else None


def _kept(message: JsonObject, chat: Chat) -> JsonObject:
    kept = chat.keeping(message)
    interactive = mapping(message, "interactive")
    reply = mapping(interactive, "nfm_reply")
    if "response_json" not in reply:
        return kept
    # A form's answers are JSON in a text, where redaction would not see the form's token.
    opened = {**reply, "response_json": _opened(text(reply, "response_json"))}
    return {**kept, "interactive": {**interactive, "nfm_reply": opened}}


def _opened(answers: str) -> JsonValue:
    try:
        found: JsonValue = json.loads(answers)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
