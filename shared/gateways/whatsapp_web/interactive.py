"""Interactive contents in the form of WhatsApp Web: polls, lists, buttons, orders and calls."""

from collections.abc import Callable, Iterator

from shared.gateways.normalize.bodies import build_body, format_items, format_minute, format_price
from shared.gateways.normalize.json_values import (
    JsonObject,
    join_lines,
    read_choices,
    read_object,
    read_objects,
    read_text,
)
from shared.gateways.normalize.outcome import TypeAndBody
from shared.gateways.proto_message.interactive import (
    FORMS,
    list_button_labels,
    list_native_choices,
    read_interactive_reply,
)
from shared.gateways.whatsapp_web.texts import read_words


def list_options(holder: JsonObject, member: str, *names: str) -> Iterator[str]:
    """Yield the texts of options, which are strings or objects."""
    for option in read_choices(holder.get(member)):
        if isinstance(option, str):
            yield read_text({"option": option}, "option")
        elif isinstance(option, dict):
            yield read_text(option, *names)


def _read_poll(message: JsonObject) -> TypeAndBody | None:
    question = read_words(message, "pollName", "body")
    return build_body(
        "pollCreationMessageV3", question, *list_options(message, "pollOptions", "name")
    )


def _read_event(message: JsonObject) -> TypeAndBody | None:
    location = message.get("eventLocation")
    where = read_words(location, "name", "address") if isinstance(location, dict) else ""
    return build_body(
        "eventMessage",
        read_words(message, "eventName", "body"),
        format_minute(message.get("eventStartTime")),
        read_words(message, "eventDescription"),
        where,
        read_words(message, "eventJoinLink"),
    )


def _read_list(message: JsonObject) -> TypeAndBody | None:
    content = read_object(message, "list")
    body = join_lines(
        read_words(content, "title") or read_words(message, "title"),
        read_words(content, "description") or read_words(message, "description", "body"),
        read_words(content, "footerText") or read_words(message, "footer"),
        *_list_rows(content),
    )
    return build_body("listMessage", body or read_words(content, "buttonText"))


def _list_rows(content: JsonObject) -> Iterator[str]:
    for section in read_objects(content.get("sections")):
        yield from list_options(section, "rows", "title")


def _read_list_response(message: JsonObject) -> TypeAndBody | None:
    response = read_object(message, "listResponse")
    row = read_object(response, "singleSelectReply")
    body = read_words(response, "title") or read_words(message, "title", "body", "content")
    row_id = read_words(row, "selectedRowId") or read_words(message, "selectedRowId")
    return build_body("listResponseMessage", body or row_id)


def _build_captioned_reader(media_type: str) -> Callable[[JsonObject], TypeAndBody | None]:
    def read(message: JsonObject) -> TypeAndBody | None:
        return build_body(media_type, _read_captions(message), *_list_labels(message))

    return read


_BUTTONS = ("dynamicReplyButtons", "replyButtons", "buttons")


def _list_labels(message: JsonObject) -> Iterator[str]:
    """Yield the labels of buttons; versions of WhatsApp Web have them in different members."""
    for member in _BUTTONS:
        for button in read_objects(message.get(member)):
            label = read_object(button, "buttonText")
            yield read_words(label, "displayText") or read_words(button, "displayText", "text")
    yield from list_button_labels(message)


def _read_captions(message: JsonObject) -> str:
    return join_lines(
        read_words(message, "title")
        or read_words(read_object(message, "interactiveHeader"), "title"),
        read_words(message, "caption", "body", "content", "description"),
        read_words(message, "footer"),
    )


def _build_reply_reader(media_type: str) -> Callable[[JsonObject], TypeAndBody | None]:
    def read(message: JsonObject) -> TypeAndBody | None:
        names = ("selectedDisplayText", "body", "content", "selectedButtonId", "selectedId")
        body = read_words(message, *names)
        return None if _is_json(body) else build_body(media_type, body)

    return read


def _read_interactive(message: JsonObject) -> TypeAndBody | None:
    """Return an offer; None if only the telephone can show it."""
    choices = list_native_choices(read_object(message, "interactivePayload"))
    return build_body("interactiveMessage", _read_captions(message), *choices)


def _read_interactive_reply(message: JsonObject) -> TypeAndBody | None:
    payload = read_object(message, "interactivePayload")
    name = read_text(payload, "name") or read_text(message, "nativeFlowName")
    body = read_words(message, "body", "content")
    body_text, answers = ("", body) if _is_json(body) else (body, "")
    reply: JsonObject = {
        "body": {"text": body_text},
        "nativeFlowResponseMessage": {
            "name": "flow" if name in FORMS or "flow_token" in answers else name,
            "paramsJson": read_text(payload, "paramsJson", "buttonParamsJson") or answers,
        },
    }
    return read_interactive_reply(reply)


def _is_json(body: str) -> bool:
    return body.lstrip().startswith(("{", "["))


def _read_order(message: JsonObject) -> TypeAndBody | None:
    return build_body(
        "orderMessage",
        read_words(message, "orderTitle", "title"),
        read_words(message, "message"),
        format_items(message.get("itemCount")),
        format_price(message, "totalAmount1000", "totalCurrencyCode"),
    )


def _read_product(message: JsonObject) -> TypeAndBody | None:
    return build_body(
        "productMessage",
        read_words(message, "title"),
        read_words(message, "description"),
        format_price(message, "priceAmount1000", "currencyCode"),
    )


_UNANSWERED = frozenset(
    {"missed", "rejected", "canceled", "cancelled", "unavailable", "failed", "busy", "noanswer"}
)


def is_missed_call(message: JsonObject) -> bool:
    """Return whether nobody took a call; old versions logged only missed ones, without outcome."""
    if subtype := read_text(message, "subtype").strip().lower():
        return subtype.startswith("miss")
    outcome = read_text(message, "finalCallOutcome", "callOutcome").strip().lower()
    return not outcome or outcome in _UNANSWERED


INTERACTIVE_READERS: dict[str, Callable[[JsonObject], TypeAndBody | None]] = {
    "poll_creation": _read_poll,
    "poll": _read_poll,
    "event_creation": _read_event,
    "scheduled_event_creation": _read_event,
    "list": _read_list,
    "list_response": _read_list_response,
    "buttons": _build_captioned_reader("buttonsMessage"),
    "buttons_response": _build_reply_reader("buttonsResponseMessage"),
    "template_button_reply": _build_reply_reader("templateButtonReplyMessage"),
    "hsm": _build_captioned_reader("template"),
    "template": _build_captioned_reader("template"),
    "interactive": _read_interactive,
    "native_flow": _read_interactive,
    "interactive_response": _read_interactive_reply,
    "order": _read_order,
    "product": _read_product,
    "call_log": lambda _: ("call_log", ""),
}
