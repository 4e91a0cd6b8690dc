"""How Evolution API tells what happened to an older message, in the ways that it has for each."""

from random import Random
from uuid import NAMESPACE_URL, uuid5

from pydantic import JsonValue

from shared.contracts.message_change import (
    READ,
    MessageAcked,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageRead,
)
from shared.demo.crowd import Said
from shared.demo.records import Raw, Topics, evolution_envelope, evolution_record

Json = dict[str, JsonValue]
STATUSES = {-1: "ERROR", 0: "PENDING", 1: "SERVER_ACK", 2: "DELIVERY_ACK", 3: "READ", 4: "PLAYED"}


def retold(random: Random, change: MessageChange, said: Said, topics: Topics) -> Raw:
    """Tell a change of a message of the crowd's as a raw record."""
    event, content = _content(random, change, said)
    envelope = evolution_envelope(
        event, said.line.instance, said.line.number, change.timestamp, content
    )
    return evolution_record(topics, envelope)


def _content(random: Random, change: MessageChange, said: Said) -> tuple[str, Json]:
    key = _key(change, said, from_me=said.author is None)
    match change:
        case MessageAcked() | MessageRead():
            ack = change.ack if isinstance(change, MessageAcked) else READ
            return "messages.update", _status(key, STATUSES[ack])
        case MessageReacted():
            return "messages.upsert", _told(
                change, said, {"reactionMessage": _reaction(change, key)}
            )
        case MessageEdited():
            edit = _edit(change, key)
            if random.random() < 0.5:
                return "messages.edited", edit
            return "messages.upsert", _told(change, said, {"protocolMessage": edit})
        case MessageDeleted():
            if random.random() < 0.5:
                return "messages.delete", key
            revoke: Json = {"key": key, "type": "REVOKE"}
            return "messages.upsert", _told(change, said, {"protocolMessage": revoke})
        case _:
            raise TypeError(change.type)


def _key(change: MessageChange, said: Said, *, from_me: bool) -> Json:
    chat = f"{change.chat}@g.us" if said.is_group else jid_of(change.chat)
    key: Json = {"remoteJid": chat, "fromMe": from_me, "id": change.wid}
    if said.is_group and said.author:
        key["participant"] = jid_of(said.author.chat)
    return key


def jid_of(chat: str) -> str:
    """Write somebody's canonical chat as an address."""
    return f"{chat}@s.whatsapp.net" if chat.isdecimal() else chat


def _status(key: Json, status: str) -> Json:
    rest = {name: value for name, value in key.items() if name != "id"}
    return {"keyId": key["id"], **rest, "status": status, "instanceId": "i", "messageId": "m"}


def _edit(change: MessageEdited, key: Json) -> Json:
    return {
        "key": key,
        "type": "MESSAGE_EDIT",
        "editedMessage": {"conversation": change.body},
        "timestampMs": str(int(change.timestamp.timestamp() * 1000)),
    }


def _reaction(change: MessageReacted, key: Json) -> Json:
    at_ms = int(change.timestamp.timestamp() * 1000)
    return {"key": key, "text": change.emoji, "senderTimestampMs": str(at_ms)}


def _told(change: MessageChange, said: Said, message: Json) -> Json:
    """Put a change into a message of its own, from whoever made it."""
    from_me = change.from_me if isinstance(change, MessageReacted) else said.author is None
    key = _key(change, said, from_me=from_me)
    key["id"] = f"3EB2{uuid5(NAMESPACE_URL, change.model_dump_json()).hex[:18].upper()}"
    if isinstance(change, MessageReacted) and change.participant:
        key["participant"] = jid_of(change.participant)
    return {
        "key": key,
        "pushName": "Alguém",
        "message": message,
        "messageType": next(iter(message)),
        "messageTimestamp": int(change.timestamp.timestamp()),
    }
