"""Interactive contents: lists, buttons, templates, flows, orders and products."""

from collections.abc import Callable, Iterator

from shared.gateways.normalize.json_values import (
    JsonObject,
    as_list,
    join_lines,
    parse_count,
    parse_time,
    read_choices,
    read_embedded_json,
    read_object,
    read_objects,
    read_text,
)
from shared.gateways.normalize.outcome import TypeAndBody
from shared.gateways.normalize.redaction import is_secret


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
    sections = list(read_objects(content.get("sections")))
    rows = (read_text(row, "title") for part in sections for row in read_objects(part.get("rows")))
    text = join_lines(read_text(content, "title"), read_text(content, "description"))
    body = text or join_lines(*rows) or read_text(content, "buttonText", "footerText").strip()
    return ("listMessage", body) if body else None


def _read_list_reply(reply: JsonObject) -> TypeAndBody | None:
    row = read_object(reply, "singleSelectReply")
    body = read_text(reply, "title", "description") or read_text(row, "selectedRowId")
    return ("listResponseMessage", body.strip()) if body else None


def _read_buttons(content: JsonObject) -> TypeAndBody | None:
    buttons = read_objects(content.get("buttons"))
    labels = (read_text(read_object(button, "buttonText"), "displayText") for button in buttons)
    parts = (read_text(content, name) for name in ("text", "contentText", "footerText"))
    text = join_lines(_read_caption(content), *parts)
    body = text or join_lines(*labels)
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
        text = join_lines(_read_caption(filled), *(read_text(filled, part) for part in _HYDRATED))
        if body := text or join_lines(*_list_button_labels(filled)):
            return "template", body
    filling = read_object(template, "fourRowTemplate")
    rows = (read_object(filling, row) for row in ("highlyStructuredMessage", "content", "footer"))
    body = _read_interactive_text(read_object(template, "interactiveMessageTemplate"))
    body = body or join_lines(*(_read_parameters(row) for row in rows))
    return ("template", body) if body else None


def _list_button_labels(filled: JsonObject) -> Iterator[str]:
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
    cards = list(read_objects(read_object(content, "carouselMessage").get("cards")))
    text = join_lines(*_list_parts(content), *(join_lines(*_list_parts(card)) for card in cards))
    return text or join_lines(*(join_lines(*_list_flow_labels(part)) for part in (content, *cards)))


def _list_parts(content: JsonObject) -> Iterator[str]:
    header = read_object(content, "header")
    yield read_text(header, "title")
    yield read_text(header, "subtitle")
    yield _read_caption(header)
    yield read_text(read_object(content, "body"), "text")
    yield read_text(read_object(content, "footer"), "text")


def _read_caption(holder: JsonObject) -> str:
    files = (read_object(holder, f"{kind}Message") for kind in ("image", "video", "document"))
    return join_lines(*(read_text(file, "caption") for file in files))


def _list_flow_labels(content: JsonObject) -> Iterator[str]:
    for button in read_objects(read_object(content, "nativeFlowMessage").get("buttons")):
        parameters = read_embedded_json(button, "buttonParamsJson")
        yield read_text(parameters, "display_text")
        for way in read_objects(parameters.get("payment_settings")):
            pix = read_object(way, "pix_static_code")
            yield join_lines(read_text(pix, "merchant_name"), read_text(pix, "key"))


_FLOWS = frozenset({"flow", "galaxy_message"})
_NO_ANSWERS = frozenset(
    {"id", "type", "version", "flow_message_version", "wa_flow_response_params"}
)


def read_interactive_reply(reply: JsonObject) -> TypeAndBody | None:
    """Return the chosen option, or the answers of a flow."""
    flow = read_object(reply, "nativeFlowResponseMessage")
    parameters = read_embedded_json(flow, "paramsJson")
    body = read_text(read_object(reply, "body"), "text").strip()
    if read_text(flow, "name") in _FLOWS:
        body = join_lines(body, *_list_answers(parameters))
    body = body or read_text(parameters, "display_text", "title", "description", "id").strip()
    return ("interactiveResponseMessage", body) if body else None


def _list_answers(parameters: JsonObject) -> Iterator[str]:
    """Yield the answers of a flow, without the names of its fields."""
    for name, answer in parameters.items():
        if name in _NO_ANSWERS or is_secret(name):
            continue
        for value in as_list(answer):
            if isinstance(value, str):
                yield read_text({"answer": value}, "answer")
            elif isinstance(value, int | float) and not isinstance(value, bool):
                yield str(value)[:40]


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
