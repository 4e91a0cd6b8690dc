"""Translates messages: customers', and our own from the phone (echoes)."""

from collections.abc import Iterator

from pydantic import JsonValue

from shared.contracts.message import MessageReceived, Referral
from shared.gateways.cloud_api.chat import Change, Chat, find_chat, is_ours
from shared.gateways.cloud_api.contact_updates import translate_system_message
from shared.gateways.cloud_api.content import Content, find_kind, read_content
from shared.gateways.cloud_api.message_changes import TRANSLATORS
from shared.gateways.normalize.addresses import build_party_fields, parse_wid
from shared.gateways.normalize.json_values import (
    JsonObject,
    parse_count,
    read_flag,
    read_object,
    read_text,
)
from shared.gateways.normalize.outcome import PartOutcome, Unreadable
from shared.gateways.normalize.redaction import redact_message


def translate_message(change: Change, message: JsonValue) -> Iterator[PartOutcome]:
    """Translate one of `messages`."""
    if isinstance(message, dict):
        yield _translate(change, message, from_me=is_ours(change, message))
    else:
        yield Unreadable("a message is not an object")


def translate_echo(change: Change, message: JsonValue) -> Iterator[PartOutcome]:
    """Translate one of `message_echoes`: sent by our line from another client."""
    if isinstance(message, dict):
        yield _translate(change, message, from_me=True)
    else:
        yield Unreadable("a message echo is not an object")


def read_error_code(error: JsonValue) -> str | None:
    """Return Meta's number of an error."""
    code = parse_count(error.get("code")) if isinstance(error, dict) else None
    return None if code is None else str(code)


def _translate(change: Change, message: JsonObject, *, from_me: bool) -> PartOutcome:
    kind = find_kind(message)
    if kind == "system":
        return translate_system_message(change, message)
    chat = find_chat(change, message, from_me=from_me)
    changed = TRANSLATORS.get(kind)
    if changed and isinstance(chat, Chat):
        content = changed(change, message, chat)
    else:
        content = read_content(message)
    if not isinstance(content, Content):
        return content
    return _build_message(change, message, chat, content) if isinstance(chat, Chat) else chat


def _build_message(
    change: Change, message: JsonObject, chat: Chat, content: Content
) -> MessageReceived | Unreadable:
    wid = parse_wid(read_text(message, "id"))
    if wid is None:
        return Unreadable("the message has no id")
    context = read_object(message, "context")
    return MessageReceived(
        **change.build_fields(chat.party, message),
        wid=wid,
        from_me=chat.from_me,
        is_group=chat.is_group,
        body=content.body,
        media_type=content.media_type,
        media_url=content.media_url,
        **content.file_and_choice.members,
        quoted_wid=content.quoted_wid or parse_wid(read_text(context, "id", "message_id")),
        is_forwarded=read_flag(context, "forwarded") or read_flag(context, "frequently_forwarded"),
        push_name=chat.name,
        **build_party_fields(chat.party, chat.author),
        portfolio=change.portfolio,
        referral=_read_referral(read_object(message, "referral")),
        data_json=redact_message(chat.add_contact(message)),
    )


def _read_referral(referral: JsonObject) -> Referral | None:
    names = ("source_type", "source_id", "source_url", "headline", "ctwa_clid")
    members = {name: value for name in names if (value := read_text(referral, name))}
    return Referral.model_validate(members) if members else None
