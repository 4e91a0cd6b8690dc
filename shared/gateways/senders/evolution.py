"""Sending by Evolution API v2: `/message/sendText`, `sendMedia` and `sendWhatsAppAudio`."""

from urllib.parse import quote

from pydantic import JsonValue

from shared.gateways.normalize.addresses import AddressKind, parse_wid
from shared.gateways.senders.outgoing import (
    ErrorClass,
    GatewayRequest,
    GatewayResponse,
    JsonObject,
    OutgoingMessage,
    build_failure,
    classify_status,
    is_accepted,
    join_texts,
    read_member,
)

KEY_HEADER = "apikey"
_CLOSED, _AFTERWARDS = "connection closed", "prisma"


def build_request(message: OutgoingMessage) -> GatewayRequest:
    """Return the request; older versions ignore `messageId`."""
    to = message.to
    json: JsonObject = {
        "number": to.canonical if to.kind is AddressKind.NUMBER else to.jid,
        "messageId": message.wid,
    }
    if message.quoted:
        json["quoted"] = {"key": {"id": message.quoted.wid}}
    instance = quote(message.instance, safe="")
    if not message.media_url:
        return GatewayRequest(f"/message/sendText/{instance}", {**json, "text": message.body})
    if message.media == "audio":
        return GatewayRequest(
            f"/message/sendWhatsAppAudio/{instance}", {**json, "audio": message.media_url}
        )
    json |= {
        "mediatype": message.media,
        "mimetype": message.mime_type,
        "media": message.media_url,
        "fileName": message.file_name,
        "caption": message.body,
    }
    return GatewayRequest(f"/message/sendMedia/{instance}", json)


def read_response(status: int, body: JsonValue) -> GatewayResponse:
    """Return the message id in `key.id`, or the error in `response.message`."""
    if is_accepted(status):
        wid = parse_wid(join_texts(read_member(body, "key", "id")))
        return GatewayResponse(ErrorClass.OK, wid) if wid else classify_status(status)
    errors = read_member(body, "response", "message")
    if isinstance(errors, list) and any(read_member(error, "exists") is False for error in errors):
        return build_failure(
            ErrorClass.FINAL_RECIPIENT, "not-on-whatsapp", "the number has no WhatsApp"
        )
    error_text = join_texts(errors)
    if _CLOSED in error_text.lower():  # refused before sending, with 400 or 500
        return build_failure(ErrorClass.PAUSE, "connection-closed", error_text)
    if _AFTERWARDS in error_text.lower():  # its database failed after the message was sent
        return build_failure(ErrorClass.UNKNOWN, "not-stored", error_text)
    return classify_status(status, error_text)
