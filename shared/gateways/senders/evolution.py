"""Sending by Evolution API v2: `/message/send…`, and changes of messages by `/chat/…`.

Its `sendTemplate` is only for instances that are connected to the Cloud API, so a template is sent
as text.
"""

from urllib.parse import quote

from pydantic import JsonValue

from shared.contracts.message_content import ChangeKind, ListRow, OptionList, ReplyButton
from shared.gateways.normalize.addresses import AddressKind, parse_wid
from shared.gateways.senders.outgoing import (
    ErrorClass,
    GatewayRequest,
    GatewayResponse,
    JsonObject,
    OutgoingChange,
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
    if message.buttons:
        json |= {"title": message.body, "buttons": _build_buttons(message.buttons)}
        return GatewayRequest(f"/message/sendButtons/{instance}", json)
    if message.option_list:
        json |= _build_list(message.body, message.option_list)
        return GatewayRequest(f"/message/sendList/{instance}", json)
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


def build_change(message: OutgoingMessage, change: OutgoingChange) -> GatewayRequest:
    """Return the request that changes a message, which is named by its key."""
    to, instance = message.to, quote(message.instance, safe="")
    key: JsonObject = {"remoteJid": to.jid, "fromMe": change.of.from_me, "id": change.of.wid}
    if change.of.author:
        key["participant"] = change.of.author
    match change.kind:
        case ChangeKind.REACT:
            reaction: JsonObject = {"key": key, "reaction": change.text}
            return GatewayRequest(f"/message/sendReaction/{instance}", reaction)
        case ChangeKind.EDIT:
            number = to.canonical if to.kind is AddressKind.NUMBER else to.jid
            edit: JsonObject = {"number": number, "text": change.text, "key": key}
            return GatewayRequest(f"/chat/updateMessage/{instance}", edit)
        case ChangeKind.DELETE:
            return GatewayRequest(f"/chat/deleteMessageForEveryone/{instance}", key, "DELETE")
        case ChangeKind.MARK_READ:
            read: JsonObject = {"readMessages": [key]}
            return GatewayRequest(f"/chat/markMessageAsRead/{instance}", read)


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


def _build_buttons(buttons: tuple[ReplyButton, ...]) -> list[JsonValue]:
    return [{"type": "reply", "displayText": one.title, "id": one.id} for one in buttons]


def _build_list(body: str, option_list: OptionList) -> JsonObject:
    """Return the members of a list; Evolution refuses a list without title and footer."""
    sections: list[JsonValue] = []
    for section in option_list.sections:
        rows: list[JsonValue] = [_build_row(row) for row in section.rows]
        sections.append({"title": section.title, "rows": rows})
    return {
        "title": body,
        "description": "",
        "buttonText": option_list.button,
        "footerText": "",
        "sections": sections,
    }


def _build_row(row: ListRow) -> JsonObject:
    json: JsonObject = {"title": row.title, "rowId": row.id}
    return json | ({"description": row.description} if row.description else {})
