"""Replies in updates of an event, decrypted by Baileys after the encrypted message."""

from collections.abc import Iterator

from shared.gateways.normalize.json_values import JsonObject, as_list, read_object
from shared.gateways.normalize.line import Line
from shared.gateways.normalize.outcome import PartOutcome, Unreadable
from shared.gateways.proto_message.content import Content
from shared.gateways.proto_message.event_replies import read_event_reply
from shared.gateways.proto_message.key import MessageKey, read_key
from shared.gateways.proto_message.received_message import build_message_received


def translate_event_replies(
    key: MessageKey, update: JsonObject, line: Line
) -> Iterator[PartOutcome]:
    """Translate `eventResponses`; each has the id of the message that it was encrypted in."""
    replies = update.get("eventResponses")
    for reply in as_list(replies) if replies else []:
        if not isinstance(reply, dict):
            yield Unreadable("eventResponses is not of replies")
            continue
        replied = read_object(reply, "eventResponseMessageKey")
        reply_key = read_key({"remoteJid": key.chat.jid, **replied})
        if not isinstance(reply_key, MessageKey):
            yield reply_key
            continue
        content = Content(*read_event_reply(reply.get("response")), quoted_wid=key.wid)
        message: JsonObject = {**reply, "messageTimestamp": reply.get("senderTimestampMs")}
        yield build_message_received(message, reply_key, content, line)
