"""Sending by WAHA: `/api/sendText`, `sendImage`, `sendVideo`, `sendVoice` and `sendFile`.

WAHA takes no id in advance: the id of a message is only in the response or its echo. Buttons and
lists are sent as numbered text: not every engine of WAHA can send them, and WAHA's buttons have no
ids.
"""

from urllib.parse import quote

from pydantic import JsonValue

from shared.contracts.message_content import ChangeKind
from shared.gateways.normalize.addresses import Address, AddressKind, parse_wid
from shared.gateways.senders.outgoing import (
    ErrorClass,
    GatewayRequest,
    GatewayResponse,
    JsonObject,
    OutgoingChange,
    OutgoingMessage,
    Quoted,
    build_failure,
    classify_status,
    is_accepted,
    join_texts,
    read_member,
)

KEY_HEADER = "X-Api-Key"
_PATHS = {"image": "sendImage", "video": "sendVideo", "audio": "sendVoice", "document": "sendFile"}
_CONVERTED = frozenset({"video", "audio"})  # WhatsApp shows only certain codecs
_WRONG_SESSION = 422
_IDS = (("id",), ("id", "_serialized"), ("id", "id"), ("key", "id"), ("_data", "id", "id"))


def build_request(message: OutgoingMessage) -> GatewayRequest:
    """Return the request; a quoted message's author is a part of its id."""
    chat = _build_chat_id(message.to)
    json: JsonObject = {"session": message.instance, "chatId": chat}
    if message.quoted:
        json["reply_to"] = _build_message_id(message.quoted, chat)
    if not message.media_url:
        return GatewayRequest("/api/sendText", {**json, "text": message.numbered_text})
    json["file"] = {
        "mimetype": message.mime_type,
        "filename": message.file_name,
        "url": message.media_url,
    }
    if message.media in _CONVERTED:
        json["convert"] = True
    if message.media != "audio":
        json["caption"] = message.body
    return GatewayRequest(f"/api/{_PATHS[message.media]}", json)


def build_change(message: OutgoingMessage, change: OutgoingChange) -> GatewayRequest:
    """Return the request that changes a message, which is named by its long id."""
    chat = _build_chat_id(message.to)
    message_id = _build_message_id(change.of, chat)
    places = [quote(part, safe="") for part in (message.instance, chat, message_id)]
    path = f"/api/{places[0]}/chats/{places[1]}/messages/{places[2]}"
    match change.kind:
        case ChangeKind.REACT:
            reaction: JsonObject = {"messageId": message_id, "reaction": change.text}
            reaction["session"] = message.instance
            return GatewayRequest("/api/reaction", reaction, "PUT")
        case ChangeKind.EDIT:
            return GatewayRequest(path, {"text": change.text}, "PUT")
        case ChangeKind.DELETE:
            return GatewayRequest(path, {}, "DELETE")
        case ChangeKind.MARK_READ:
            seen: JsonObject = {"session": message.instance, "chatId": chat}
            seen["messageIds"] = [message_id]
            if change.of.author:
                seen["participant"] = change.of.author
            return GatewayRequest("/api/sendSeen", seen)


def read_response(status: int, body: JsonValue) -> GatewayResponse:
    """Return the message id, which each engine puts in another place, or the error."""
    if is_accepted(status):
        wids = (parse_wid(join_texts(read_member(body, *path))) for path in _IDS)
        wid = next(filter(None, wids), None)
        return GatewayResponse(ErrorClass.OK, wid) if wid else classify_status(status)
    error = join_texts(read_member(body, "message")) or join_texts(
        read_member(body, "exception", "message")
    )
    if status == _WRONG_SESSION:  # the session is not WORKING
        return build_failure(ErrorClass.PAUSE, "session-not-working", error)
    return classify_status(status, error)


def _build_chat_id(to: Address) -> str:
    return f"{to.canonical}@c.us" if to.kind is AddressKind.NUMBER else to.jid


def _build_message_id(named: Quoted, chat: str) -> str:
    author = f"_{named.author}" if named.author else ""
    return f"{'true' if named.from_me else 'false'}_{chat}_{named.wid}{author}"
