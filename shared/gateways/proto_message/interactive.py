"""Interactive contents: lists, buttons, templates, flows, orders and products."""

from collections.abc import Callable, Iterator

from pydantic import JsonValue

from shared.gateways.normalize.form_answers import format_answers
from shared.gateways.normalize.json_values import (
    JsonObject,
    join_lines,
    parse_count,
    parse_embedded_json,
    parse_time,
    read_choices,
    read_embedded_json,
    read_object,
    read_objects,
    read_text,
)
from shared.gateways.normalize.offered_choices import list_flow_choices, list_rows
from shared.gateways.normalize.outcome import TypeAndBody


def _read_event(event: JsonObject) -> TypeAndBody | None:
    starts = parse_time(event.get("startTime"))
    location = read_object(event, "location")
    body = join_lines(
        read_text(event, "name"),
        f"{starts:%Y-%m-%d %H:%M} UTC" if starts else "",
        read_text(event, "description"),
        read_text(location, "name"),
        read_text(location, "address"),
        read_text(event, "joinLink"),
    )
    return ("eventMessage", body) if body else None


def _read_list(content: JsonObject) -> TypeAndBody | None:
    texts = (read_text(content, name) for name in ("title", "description", "footerText"))
    body = join_lines(*texts, *list_rows(content)) or read_text(content, "buttonText").strip()
    return ("listMessage", body) if body else None


def _read_list_reply(reply: JsonObject) -> TypeAndBody | None:
    row = read_object(reply, "singleSelectReply")
    body = read_text(reply, "title", "description") or read_text(row, "selectedRowId")
    return ("listResponseMessage", body.strip()) if body else None


def _read_buttons(content: JsonObject) -> TypeAndBody | None:
    buttons = read_objects(content.get("buttons"))
    labels = (read_text(read_object(button, "buttonText"), "displayText") for button in buttons)
    parts = (read_text(content, name) for name in ("text", "contentText", "footerText"))
    body = join_lines(_read_caption(content), *parts, *labels)
    return ("buttonsMessage", body) if body else None


def _read_buttons_reply(reply: JsonObject) -> TypeAndBody | None:
    body = read_text(reply, "selectedDisplayText", "selectedButtonId").strip()
    return ("buttonsResponseMessage", body) if body else None


def _read_template_reply(reply: JsonObject) -> TypeAndBody | None:
    body = read_text(reply, "selectedDisplayText", "selectedId").strip()
    return ("templateButtonReplyMessage", body) if body else None


_HYDRATED = ("hydratedTitleText", "hydratedContentText", "hydratedFooterText")


def _read_template(template: JsonObject) -> TypeAndBody | None:
    for name in ("hydratedTemplate", "hydratedFourRowTemplate"):
        filled = read_object(template, name)
        texts = (read_text(filled, part) for part in _HYDRATED)
        if body := join_lines(_read_caption(filled), *texts, *list_button_labels(filled)):
            return "template", body
    filling = read_object(template, "fourRowTemplate")
    rows = (read_object(filling, row) for row in ("highlyStructuredMessage", "content", "footer"))
    body = _read_interactive_text(read_object(template, "interactiveMessageTemplate"))
    body = body or join_lines(*(_read_parameters(row) for row in rows))
    return ("template", body) if body else None


def list_button_labels(filled: JsonObject) -> Iterator[str]:
    """Yield the labels of a template's buttons."""
    for button in read_objects(filled.get("hydratedButtons")):
        for kind in ("quickReplyButton", "urlButton", "callButton"):
            yield read_text(read_object(button, kind), "displayText")


def _read_structured_template(structured: JsonObject) -> TypeAndBody | None:
    body = _read_parameters(structured)
    return _read_template(read_object(structured, "hydratedHsm")) or (
        ("template", body) if body else None
    )


def _read_parameters(structured: JsonObject) -> str:
    """Return the parameters of a template whose text is only on the phone."""
    parameters = read_choices(structured.get("params"))
    return join_lines(*(read_text({"given": part}, "given") for part in parameters))


def _read_interactive(content: JsonObject) -> TypeAndBody:
    return "interactiveMessage", _read_interactive_text(content)


def _read_interactive_text(content: JsonObject) -> str:
    cards = read_objects(read_object(content, "carouselMessage").get("cards"))
    return join_lines(*(join_lines(*_list_parts(part)) for part in (content, *cards)))


def _list_parts(content: JsonObject) -> Iterator[str]:
    header = read_object(content, "header")
    yield read_text(header, "title")
    yield read_text(header, "subtitle")
    yield _read_caption(header)
    yield read_text(read_object(content, "body"), "text")
    yield read_text(read_object(content, "footer"), "text")
    yield from list_native_choices(read_object(content, "nativeFlowMessage"))


def _read_caption(holder: JsonObject) -> str:
    files = (read_object(holder, f"{kind}Message") for kind in ("image", "video", "document"))
    return join_lines(*(read_text(file, "caption") for file in files))


def list_native_choices(flow: JsonObject) -> Iterator[str]:
    """Yield what the buttons of a native flow offer."""
    for button in read_objects(flow.get("buttons")):
        yield from list_flow_choices(read_embedded_json(button, "buttonParamsJson"))


# The outer and the inner name of a flow; an address is a form of WhatsApp's own.
FORMS = frozenset({"flow", "galaxy_message", "address_message"})
_NO_ANSWERS = frozenset({"id", "type", "version", "flow_message_version"})


def read_interactive_reply(reply: JsonObject) -> TypeAndBody | None:
    """Return the chosen option, or the answers of a form."""
    flow = read_object(reply, "nativeFlowResponseMessage")
    parameters = parse_embedded_json(flow, "paramsJson")
    body = read_text(read_object(reply, "body"), "text").strip()
    if read_text(flow, "name") in FORMS:
        body = join_lines(body, _format_form(parameters))
    elif not body and isinstance(parameters, dict):
        body = read_text(parameters, "display_text", "title", "description", "id").strip()
    return ("interactiveResponseMessage", body) if body else None


def _format_form(parameters: JsonValue) -> str:
    if isinstance(parameters, dict):
        parameters = {n: value for n, value in parameters.items() if n not in _NO_ANSWERS}
    return format_answers(parameters)


def _read_order(order: JsonObject) -> TypeAndBody:
    products = order.get("product_items")  # from Evolution's Cloud API lines
    number = len(products) if isinstance(products, list) else parse_count(order.get("itemCount"))
    ordered = "" if not number else "1 item" if number == 1 else f"{number} items"
    paid = format_price(order, "totalAmount1000", "totalCurrencyCode")
    body = join_lines(
        read_text(order, "orderTitle"), read_text(order, "message", "text"), ordered, paid
    )
    return "orderMessage", body


def _read_product(content: JsonObject) -> TypeAndBody | None:
    product = read_object(content, "product")
    body = join_lines(
        read_text(product, "title"),
        read_text(product, "description"),
        format_price(product, "priceAmount1000", "currencyCode"),
        read_text(content, "body"),
        read_text(content, "footer"),
        read_text(read_object(content, "catalog"), "title"),
    )
    return ("productMessage", body) if body else None


def format_price(holder: JsonObject, amount: str, currency: str) -> str:
    """Return an amount that WhatsApp counts in thousandths, with its currency."""
    thousandths = parse_count(holder.get(amount))
    if not thousandths:
        return ""
    return f"{read_text(holder, currency)} {thousandths / 1000:.2f}".strip()


INTERACTIVE_READERS: dict[str, Callable[[JsonObject], TypeAndBody | None]] = {
    "eventMessage": _read_event,
    "listMessage": _read_list,
    "listResponseMessage": _read_list_reply,
    "buttonsMessage": _read_buttons,
    "buttonsResponseMessage": _read_buttons_reply,
    "templateMessage": _read_template,
    "templateButtonReplyMessage": _read_template_reply,
    "highlyStructuredMessage": _read_structured_template,
    "interactiveMessage": _read_interactive,
    "interactiveResponseMessage": read_interactive_reply,
    "orderMessage": _read_order,
    "productMessage": _read_product,
}
