"""Ids of messages and people in WhatsApp Web, as text or as objects."""

import re
from dataclasses import dataclass

from pydantic import JsonValue

from shared.gateways.normalize.addresses import AddressKind, parse_address, parse_wid
from shared.gateways.normalize.json_values import (
    JsonObject,
    clean_text,
    read_flag,
    read_object,
    read_text,
)
from shared.gateways.normalize.outcome import Ignored, Unreadable
from shared.gateways.proto_message.key import MessageKey, read_key

_SERIALIZED = re.compile(r"(?:(true|false)_)?([^_@\s]+@[a-z.]+)_([^_]+)(?:_(.+))?", re.IGNORECASE)
# `$1` is the minified name that WhatsApp Web gave `_serialized` in July 2026.
_SERIALIZED_NAMES = ("_serialized", "$1")


@dataclass(frozen=True, slots=True)
class MessageId:
    """The parts of an id; '' and None if missing. A bare id of GOWS has only `wid`."""

    wid: str = ""
    chat: str = ""
    from_me: bool | None = None
    author: str = ""


def flatten(message: JsonObject) -> JsonObject:
    """Return a message merged with its raw `_data`; its own members have precedence."""
    members = {
        name: value for name, value in message.items() if value is not None and name != "_data"
    }
    return read_object(message, "_data") | members


def read_jid(value: JsonValue) -> str:
    """Return an address that is text or `{server, user, _serialized}`, else ''."""
    if isinstance(value, str):
        return clean_text(value)
    if not isinstance(value, dict):
        return ""
    user, server = read_text(value, "user"), read_text(value, "server")
    return read_text(value, *_SERIALIZED_NAMES) or (f"{user}@{server}" if user and server else "")


def parse_message_id(value: JsonValue) -> MessageId:
    """Return the parts of `true_<chat>_<id>[_<author>]`, `<id>` or the equivalent object."""
    if isinstance(value, str):
        return _parse_serialized(value)
    if not isinstance(value, dict):
        return MessageId()
    serialized = _parse_serialized(read_text(value, *_SERIALIZED_NAMES))
    from_me = value.get("fromMe")
    return MessageId(
        wid=read_text(value, "id") or serialized.wid,
        chat=read_jid(value.get("remote")) or serialized.chat,
        from_me=from_me if isinstance(from_me, bool) else serialized.from_me,
        author=read_jid(value.get("participant")) or serialized.author,
    )


def find_wid(*values: JsonValue) -> str | None:
    """Return the bare id of the first value that is an id."""
    return next(filter(None, (parse_wid(parse_message_id(value).wid) for value in values)), None)


def read_message_key(message: JsonObject) -> MessageKey | Ignored | Unreadable:
    """Return a message's key; its id has precedence over `from` and `to`."""
    return read_key(build_web_key(message))


def build_web_key(message: JsonObject) -> JsonObject:
    """Return a message's key in Baileys' form."""
    id_parts = parse_message_id(message.get("id") or message.get("messageId"))
    from_me = _is_from_me(message, id_parts)
    sender = {} if from_me else read_object(message, "sender")  # in our own messages it is us
    number, lid = read_jid(sender.get("phoneNumber")), read_jid(sender.get("lid"))
    partner = _read_partner(message, from_me=from_me)
    return {
        "id": id_parts.wid,
        "fromMe": from_me,
        "remoteJid": id_parts.chat or _find_group(message) or partner,
        "remoteJidAlt": partner,
        "previousRemoteJid": read_jid(message.get("chatId")),
        "participant": _read_author(message) or id_parts.author,
        "participantAlt": id_parts.author,
        "participantPn": "" if from_me else partner,  # a vote or reaction has its author in `from`
        "senderPn": number or read_jid(sender.get("id")),
        "senderLid": lid,
    }


def _parse_serialized(serialized: str) -> MessageId:
    match = _SERIALIZED.fullmatch(serialized.strip())
    if match is None:
        return MessageId(wid=serialized.strip())
    from_me, chat, wid, author = match.groups()
    return MessageId(wid, chat, from_me.lower() == "true" if from_me else None, author or "")


def _is_from_me(message: JsonObject, id_parts: MessageId) -> bool:
    from_me = message.get("fromMe")
    if from_me is None and id_parts.from_me is not None:
        return id_parts.from_me
    return read_flag(message, "fromMe") or (from_me is None and message.get("self") == "out")


def _read_partner(message: JsonObject, *, from_me: bool) -> str:
    sender, recipient = read_jid(message.get("from")), read_jid(message.get("to"))
    if not from_me:
        return sender
    # NOWEB and GOWS write the chat into `from`, whoever the author is.
    return recipient if parse_address(recipient) else sender


def _find_group(message: JsonObject) -> str:
    for name in ("from", "to", "chatId"):
        parsed = parse_address(jid_text := read_jid(message.get(name)))
        if parsed and parsed.kind is AddressKind.GROUP:
            return jid_text
    return ""


def _read_author(message: JsonObject) -> str:
    return read_jid(message.get("author")) or read_jid(message.get("participant"))
