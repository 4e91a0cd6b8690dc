"""whatsapp-web's ids of messages and people, as text or as objects, read into Baileys' key form."""

import re
from dataclasses import dataclass

from pydantic import JsonValue

from shared.gateways import baileys_key
from shared.gateways.baileys_key import MessageKey
from shared.gateways.identity import Kind, address, canonical_wid
from shared.gateways.outcome import Ignored, Unreadable
from shared.gateways.reading import JsonObject, cleaned, flag, mapping, text

_SERIALIZED = re.compile(r"(?:(true|false)_)?([^_@\s]+@[a-z.]+)_([^_]+)(?:_(.+))?", re.IGNORECASE)
# `$1` is the minified name that WhatsApp Web gave `_serialized` in July 2026.
_SERIALIZED_NAMES = ("_serialized", "$1")


@dataclass(frozen=True, slots=True)
class MessageId:
    """What an id tells; '' and None where it does not. GOWS' bare ids tell the `wid` alone."""

    wid: str = ""
    chat: str = ""
    from_me: bool | None = None
    author: str = ""


def flat(message: JsonObject) -> JsonObject:
    """Lay a message over the raw `_data` it was made of; what it says itself is worth more."""
    said = {name: value for name, value in message.items() if value is not None and name != "_data"}
    return mapping(message, "_data") | said


def jid(value: JsonValue) -> str:
    """Give an address that may be text or `{server, user, _serialized}`, else ''."""
    if isinstance(value, str):
        return cleaned(value)
    if not isinstance(value, dict):
        return ""
    user, server = text(value, "user"), text(value, "server")
    return text(value, *_SERIALIZED_NAMES) or (f"{user}@{server}" if user and server else "")


def message_id(value: JsonValue) -> MessageId:
    """Read an id: `true_<chat>_<id>[_<author>]`, `<id>`, or the object of the same members."""
    if isinstance(value, str):
        return _of_text(value)
    if not isinstance(value, dict):
        return MessageId()
    serialized = _of_text(text(value, *_SERIALIZED_NAMES))
    from_me = value.get("fromMe")
    return MessageId(
        wid=text(value, "id") or serialized.wid,
        chat=jid(value.get("remote")) or serialized.chat,
        from_me=from_me if isinstance(from_me, bool) else serialized.from_me,
        author=jid(value.get("participant")) or serialized.author,
    )


def wid(*values: JsonValue) -> str | None:
    """Give the bare id of the first value that is an id."""
    return next(filter(None, (canonical_wid(message_id(value).wid) for value in values)), None)


def read(message: JsonObject) -> MessageKey | Ignored | Unreadable:
    """Read whose message it is; the id is believed before `from` and `to`."""
    return baileys_key.read(key(message))


def key(message: JsonObject) -> JsonObject:
    """Write a message's key in Baileys' form."""
    given = message_id(message.get("id") or message.get("messageId"))
    from_me = _is_from_me(message, given)
    sender = {} if from_me else mapping(message, "sender")  # else it is ourselves
    number, lid = jid(sender.get("phoneNumber")), jid(sender.get("lid"))
    partner = _partner(message, from_me=from_me)
    return {
        "id": given.wid,
        "fromMe": from_me,
        "remoteJid": given.chat or _group(message) or partner,
        "remoteJidAlt": partner,
        "previousRemoteJid": jid(message.get("chatId")),
        "participant": _author(message) or given.author,
        "participantAlt": given.author,
        "participantPn": "" if from_me else partner,  # votes and reactions are `from` their author
        "senderPn": number or jid(sender.get("id")),
        "senderLid": lid,
    }


def _of_text(serialized: str) -> MessageId:
    parts = _SERIALIZED.fullmatch(serialized.strip())
    if parts is None:
        return MessageId(wid=serialized.strip())
    from_me, chat, bare, author = parts.groups()
    return MessageId(bare, chat, from_me.lower() == "true" if from_me else None, author or "")


def _is_from_me(message: JsonObject, given: MessageId) -> bool:
    told = message.get("fromMe")
    if told is None and given.from_me is not None:
        return given.from_me
    return flag(message, "fromMe") or (told is None and message.get("self") == "out")


def _partner(message: JsonObject, *, from_me: bool) -> str:
    sender, recipient = jid(message.get("from")), jid(message.get("to"))
    if not from_me:
        return sender
    # NOWEB and GOWS name the chat in `from` whoever wrote.
    return recipient if address(recipient) else sender


def _group(message: JsonObject) -> str:
    for name in ("from", "to", "chatId"):
        found = address(named := jid(message.get(name)))
        if found and found.kind is Kind.GROUP:
            return named
    return ""


def _author(message: JsonObject) -> str:
    return jid(message.get("author")) or jid(message.get("participant"))
