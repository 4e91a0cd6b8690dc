"""Sending by WAHA: `/api/sendText`, `sendImage`, `sendVideo`, `sendVoice` and `sendFile`.

WAHA takes no id in advance: the id of a message is only in the response or its echo.
"""

from pydantic import JsonValue

from shared.gateways.normalize.addresses import Address, AddressKind, parse_wid
from shared.gateways.senders.outgoing import (
    ErrorClass,
    GatewayRequest,
    GatewayResponse,
    JsonObject,
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
        json["reply_to"] = _build_quoted_id(message.quoted, chat)
    if not message.media_url:
        return GatewayRequest("/api/sendText", {**json, "text": message.body})
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


def _build_quoted_id(quoted: Quoted, chat: str) -> str:
    author = f"_{quoted.author}" if quoted.author else ""
    return f"{'true' if quoted.from_me else 'false'}_{chat}_{quoted.wid}{author}"
