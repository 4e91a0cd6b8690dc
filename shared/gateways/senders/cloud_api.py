"""Sending by the WhatsApp Cloud API: `/{version}/{phone number id}/messages`.

The instance of a connection is that id. Our send id is sent as `biz_opaque_callback_data` and
returned with each status, so that a status replaces a lost response. Templates, buttons and lists
are sent as they are; messages cannot be edited or deleted.
"""

from urllib.parse import quote

from pydantic import JsonValue

from shared.contracts.message_content import (
    ChangeKind,
    ListRow,
    MessageTemplate,
    OptionList,
    ReplyButton,
    TemplateButton,
    TemplateHeader,
    TemplateParameter,
)
from shared.gateways.normalize.addresses import Address, AddressKind, parse_address, parse_wid
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

KEY_HEADER, KEY_PREFIX = "Authorization", "Bearer "
VERSION = "v23.0"

CHANGES = frozenset({ChangeKind.REACT, ChangeKind.MARK_READ})
_BUTTONS = {  # the sub_type, and the type of its parameter
    "url": ("url", "text"),
    "quick-reply": ("quick_reply", "payload"),
    "copy-code": ("copy_code", "coupon_code"),
}
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
    json = _build_addressed(message)
    if message.quoted:
        json["context"] = {"message_id": message.quoted.wid}
    path = _build_path(message)
    if message.template:
        return GatewayRequest(
            path, {**json, "type": "template", "template": _build_template(message.template)}
        )
    if message.buttons or message.option_list:
        interactive: JsonObject = {"body": {"text": message.body}}
        interactive |= (
            _build_list(message.option_list)
            if message.option_list
            else _build_buttons(message.buttons)
        )
        return GatewayRequest(path, {**json, "type": "interactive", "interactive": interactive})
    if not message.media_url:
        return GatewayRequest(path, {**json, "type": "text", "text": {"body": message.body}})
    kind = message.media
    file: JsonObject = {"link": message.media_url}
    if message.body and kind != "audio":
        file["caption"] = message.body
    if kind == "document":
        file["filename"] = message.file_name
    return GatewayRequest(path, {**json, "type": kind, kind: file})


def build_change(message: OutgoingMessage, change: OutgoingChange) -> GatewayRequest:
    """Return the request for a reaction or a read receipt."""
    if change.kind is ChangeKind.MARK_READ:
        read: JsonObject = {"messaging_product": "whatsapp", "status": "read"}
        return GatewayRequest(_build_path(message), {**read, "message_id": change.of.wid})
    reaction: JsonObject = {"message_id": change.of.wid, "emoji": change.text}
    json = {**_build_addressed(message), "type": "reaction", "reaction": reaction}
    return GatewayRequest(_build_path(message), json)


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


def _build_path(message: OutgoingMessage) -> str:
    return f"/{VERSION}/{quote(message.instance, safe='')}/messages"


def _find_recipient(message: OutgoingMessage) -> Address:
    """Return the recipient: Meta knows no LIDs, so beside one the number of the chat counts."""
    chat = parse_address(message.chat) if message.to.kind is AddressKind.LID else None
    return chat or message.to


def _build_addressed(message: OutgoingMessage) -> JsonObject:
    to = _find_recipient(message)
    is_group = to.kind is AddressKind.GROUP
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "group" if is_group else "individual",
        "recipient" if to.kind is AddressKind.BSUID else "to": to.canonical,
        "biz_opaque_callback_data": message.send_id,
    }


def _build_template(template: MessageTemplate) -> JsonObject:
    components: list[JsonValue] = []
    if template.header:
        components.append({"type": "header", "parameters": [_build_header(template.header)]})
    if template.body:
        parameters: list[JsonValue] = [_build_parameter(one) for one in template.body]
        components.append({"type": "body", "parameters": parameters})
    components += [_build_template_button(button) for button in template.buttons]
    json: JsonObject = {"name": template.name, "language": {"code": template.language}}
    return json | ({"components": components} if components else {})


def _build_header(header: TemplateHeader) -> JsonObject:
    if header.text is not None:
        return {"type": "text", "text": header.text}
    return {"type": header.media_type, header.media_type: {"link": header.media_url}}


def _build_parameter(parameter: TemplateParameter) -> JsonObject:
    json: JsonObject = {"type": "text", "text": parameter.text}
    return json | ({"parameter_name": parameter.name} if parameter.name else {})


def _build_template_button(button: TemplateButton) -> JsonObject:
    sub_type, name = _BUTTONS[button.kind]
    return {
        "type": "button",
        "sub_type": sub_type,
        "index": str(button.index),
        "parameters": [{"type": name, name: button.text}],
    }


def _build_buttons(buttons: tuple[ReplyButton, ...]) -> JsonObject:
    replies: list[JsonValue] = [
        {"type": "reply", "reply": {"id": button.id, "title": button.title}} for button in buttons
    ]
    return {"type": "button", "action": {"buttons": replies}}


def _build_list(option_list: OptionList) -> JsonObject:
    sections: list[JsonValue] = []
    for section in option_list.sections:
        rows: list[JsonValue] = [_build_row(row) for row in section.rows]
        sections.append({"title": section.title, "rows": rows})
    return {"type": "list", "action": {"button": option_list.button, "sections": sections}}


def _build_row(row: ListRow) -> JsonObject:
    json: JsonObject = {"id": row.id, "title": row.title}
    return json | ({"description": row.description} if row.description else {})
