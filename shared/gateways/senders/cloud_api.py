"""Sending by the WhatsApp Cloud API: `/{version}/{phone number id}/messages`.

The instance of a connection is that id. Our send id is sent as `biz_opaque_callback_data` and
returned with each status, so that a status replaces a lost response.
"""

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

KEY_HEADER, KEY_PREFIX = "Authorization", "Bearer "
VERSION = "v23.0"

_CODES: dict[int, ErrorClass] = {
    **dict.fromkeys(
        (4, 80007, 130429, 131000, 131016, 131056, 131057, 133016), ErrorClass.RETRY
    ),
    **dict.fromkeys((0, 190, 368, 130497, 131031, 131042, 131048, 131064), ErrorClass.PAUSE),
    **dict.fromkeys(
        (130472, 131021, 131026, 131047, 131049, 131050, 131062), ErrorClass.FINAL_RECIPIENT
    ),
    **dict.fromkeys(
        (132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016),
        ErrorClass.FINAL_TEMPLATE,
    ),
}  # fmt: skip


def build_request(message: OutgoingMessage) -> GatewayRequest:
    """Return the request; a voice message has no caption."""
    to = message.to
    is_group = to.kind is AddressKind.GROUP
    json: JsonObject = {
        "messaging_product": "whatsapp",
        "recipient_type": "group" if is_group else "individual",
        "recipient" if to.kind is AddressKind.BSUID else "to": to.canonical,
        "biz_opaque_callback_data": message.send_id,
    }
    if message.quoted:
        json["context"] = {"message_id": message.quoted.wid}
    path = f"/{VERSION}/{quote(message.instance, safe='')}/messages"
    if not message.media_url:
        return GatewayRequest(path, {**json, "type": "text", "text": {"body": message.body}})
    kind = message.media
    file: JsonObject = {"link": message.media_url}
    if message.body and kind != "audio":
        file["caption"] = message.body
    if kind == "document":
        file["filename"] = message.file_name
    return GatewayRequest(path, {**json, "type": kind, kind: file})


def read_response(status: int, body: JsonValue) -> GatewayResponse:
    """Return the message id in `messages[0].id`, or the error in `error.code`."""
    if is_accepted(status):
        messages = read_member(body, "messages")
        first = messages[0] if isinstance(messages, list) and messages else None
        wid = parse_wid(join_texts(read_member(first, "id")))
        return GatewayResponse(ErrorClass.OK, wid) if wid else classify_status(status)
    error = join_texts(read_member(body, "error", "message"))
    code = read_member(body, "error", "code")
    if not isinstance(code, int):
        return classify_status(status, error)
    details = join_texts(read_member(body, "error", "error_data", "details"))
    error_class = _CODES.get(code, classify_status(status).error_class)
    return build_failure(error_class, str(code), details or error)
