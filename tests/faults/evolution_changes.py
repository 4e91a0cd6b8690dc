"""Payloads of Evolution API about changes of messages, in each of their forms."""

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
from shared.dev.demo.conversations import SampleMessage
from shared.dev.demo.records import (
    SampleRecord,
    Topics,
    build_evolution_envelope,
    build_evolution_record,
)

Json = dict[str, JsonValue]
STATUSES = {-1: "ERROR", 0: "PENDING", 1: "SERVER_ACK", 2: "DELIVERY_ACK", 3: "READ", 4: "PLAYED"}


def build_raw_change(
    random: Random, change: MessageChange, said: SampleMessage, topics: Topics
) -> SampleRecord:
    """Build the raw record of a change."""
    event, content = _build_content(random, change, said)
    envelope = build_evolution_envelope(
        event, said.line.instance, said.line.number, change.timestamp, content
    )
    return build_evolution_record(topics, envelope)


def _build_content(random: Random, change: MessageChange, said: SampleMessage) -> tuple[str, Json]:
    key = _build_key(change, said, from_me=said.author is None)
    match change:
        case MessageAcked() | MessageRead():
            ack = change.ack if isinstance(change, MessageAcked) else READ
            return "messages.update", _build_status(key, STATUSES[ack])
        case MessageReacted():
            return "messages.upsert", _wrap_in_message(
                change, said, {"reactionMessage": _build_reaction(change, key)}
            )
        case MessageEdited():
            edit = _build_edit(change, key)
            if random.random() < 0.5:
                return "messages.edited", edit
            return "messages.upsert", _wrap_in_message(change, said, {"protocolMessage": edit})
        case MessageDeleted():
            if random.random() < 0.5:
                return "messages.delete", key
            revoke: Json = {"key": key, "type": "REVOKE"}
            return "messages.upsert", _wrap_in_message(change, said, {"protocolMessage": revoke})
        case _:
            raise TypeError(change.type)


def _build_key(change: MessageChange, said: SampleMessage, *, from_me: bool) -> Json:
    chat = f"{change.chat}@g.us" if said.is_group else build_jid(change.chat)
    key: Json = {"remoteJid": chat, "fromMe": from_me, "id": change.wid}
    if said.is_group and said.author:
        key["participant"] = build_jid(said.author.chat)
    return key


def build_jid(chat: str) -> str:
    """Return the JID of a chat."""
    return f"{chat}@s.whatsapp.net" if chat.isdecimal() else chat


def _build_status(key: Json, status: str) -> Json:
    rest = {name: value for name, value in key.items() if name != "id"}
    return {"keyId": key["id"], **rest, "status": status, "instanceId": "i", "messageId": "m"}


def _build_edit(change: MessageEdited, key: Json) -> Json:
    return {
        "key": key,
        "type": "MESSAGE_EDIT",
        "editedMessage": {"conversation": change.body},
        "timestampMs": str(int(change.timestamp.timestamp() * 1000)),
    }


def _build_reaction(change: MessageReacted, key: Json) -> Json:
    at_ms = int(change.timestamp.timestamp() * 1000)
    return {"key": key, "text": change.emoji, "senderTimestampMs": str(at_ms)}


def _wrap_in_message(change: MessageChange, said: SampleMessage, message: Json) -> Json:
    """Wrap a change in a message from its author."""
    from_me = change.from_me if isinstance(change, MessageReacted) else said.author is None
    key = _build_key(change, said, from_me=from_me)
    key["id"] = f"3EB2{uuid5(NAMESPACE_URL, change.model_dump_json()).hex[:18].upper()}"
    if isinstance(change, MessageReacted) and change.participant:
        key["participant"] = build_jid(change.participant)
    return {
        "key": key,
        "pushName": "Alguém",
        "message": message,
        "messageType": next(iter(message)),
        "messageTimestamp": int(change.timestamp.timestamp()),
    }
