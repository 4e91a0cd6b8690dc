"""Interactive contents: lists, buttons, templates, flows, orders and products."""

from collections.abc import Callable, Iterator

from shared.gateways.normalize.bodies import build_body, format_items, format_minute, format_price
from shared.gateways.normalize.call_permissions import PERMISSIONS, format_permission
from shared.gateways.normalize.form_answers import format_answers
from shared.gateways.normalize.json_values import (
    JsonObject,
    join_lines,
    parse_embedded_json,
    read_choices,
    read_embedded_json,
    read_object,
    read_objects,
    read_text,
)
from shared.gateways.normalize.offered_choices import list_flow_choices, list_rows
from shared.gateways.normalize.outcome import TypeAndBody


def _read_event(event: JsonObject) -> TypeAndBody | None:
    location = read_object(event, "location")
    return build_body(
        "eventMessage",
        read_text(event, "name"),
        format_minute(event.get("startTime")),
        read_text(event, "description"),
        read_text(location, "name"),
        read_text(location, "address"),
        read_text(event, "joinLink"),
    )


def _read_list(content: JsonObject) -> TypeAndBody | None:
    texts = (read_text(content, name) for name in ("title", "description", "footerText"))
    body = join_lines(*texts, *list_rows(content))
    return build_body("listMessage", body or read_text(content, "buttonText"))


def _read_list_reply(reply: JsonObject) -> TypeAndBody | None:
    row = read_object(reply, "singleSelectReply")
    body = read_text(reply, "title", "description") or read_text(row, "selectedRowId")
    return build_body("listResponseMessage", body)


def _read_buttons(content: JsonObject) -> TypeAndBody | None:
    buttons = read_objects(content.get("buttons"))
    labels = (read_text(read_object(button, "buttonText"), "displayText") for button in buttons)
    parts = (read_text(content, name) for name in ("text", "contentText", "footerText"))
    return build_body("buttonsMessage", _read_caption(content), *parts, *labels)


def _read_buttons_reply(reply: JsonObject) -> TypeAndBody | None:
    body = read_text(reply, "selectedDisplayText", "selectedButtonId")
    return build_body("buttonsResponseMessage", body)


def _read_template_reply(reply: JsonObject) -> TypeAndBody | None:
    body = read_text(reply, "selectedDisplayText", "selectedId")
    return build_body("templateButtonReplyMessage", body)


_HYDRATED = ("hydratedTitleText", "hydratedContentText", "hydratedFooterText")


def _read_template(template: JsonObject) -> TypeAndBody | None:
    for name in ("hydratedTemplate", "hydratedFourRowTemplate"):
        filled = read_object(template, name)
        texts = (read_text(filled, part) for part in _HYDRATED)
        labels = list_button_labels(filled)
        if shown := build_body("template", _read_caption(filled), *texts, *labels):
            return shown
    filling = read_object(template, "fourRowTemplate")
    rows = (read_object(filling, row) for row in ("highlyStructuredMessage", "content", "footer"))
    body = _read_interactive_text(read_object(template, "interactiveMessageTemplate"))
    return build_body("template", body) or build_body("template", *map(_read_parameters, rows))


def list_button_labels(filled: JsonObject) -> Iterator[str]:
    """Yield the labels of a template's buttons."""
    for button in read_objects(filled.get("hydratedButtons")):
        for kind in ("quickReplyButton", "urlButton", "callButton"):
            yield read_text(read_object(button, kind), "displayText")


def _read_structured_template(structured: JsonObject) -> TypeAndBody | None:
    hydrated = _read_template(read_object(structured, "hydratedHsm"))
    return hydrated or build_body("template", _read_parameters(structured))


def _read_parameters(structured: JsonObject) -> str:
    """Return the parameters of a template whose text is only on the phone."""
    parameters = read_choices(structured.get("params"))
    return join_lines(*(read_text({"given": part}, "given") for part in parameters))


def _read_interactive(content: JsonObject) -> TypeAndBody | None:
    return build_body("interactiveMessage", _read_interactive_text(content))


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
_OF_THE_FLOW = frozenset({"id", "type", "version", "flow_message_version"})


def read_interactive_reply(reply: JsonObject) -> TypeAndBody | None:
    """Return the chosen option, or the answers of a form."""
    flow = read_object(reply, "nativeFlowResponseMessage")
    parameters = parse_embedded_json(flow, "paramsJson")
    body, name = read_text(read_object(reply, "body"), "text"), read_text(flow, "name")
    chosen = ""
    if name in FORMS:
        chosen = format_answers(parameters, _OF_THE_FLOW)
    elif isinstance(parameters, dict) and name in PERMISSIONS:
        chosen = format_permission(parameters)
    elif isinstance(parameters, dict) and not body:
        chosen = read_text(parameters, "display_text", "title", "description", "id")
    return build_body("interactiveResponseMessage", body, chosen)


def _read_order(order: JsonObject) -> TypeAndBody | None:
    products = order.get("product_items")  # from Evolution's Cloud API lines
    return build_body(
        "orderMessage",
        read_text(order, "orderTitle"),
        read_text(order, "message", "text"),
        format_items(len(products) if isinstance(products, list) else order.get("itemCount")),
        format_price(order, "totalAmount1000", "totalCurrencyCode"),
    )


def _read_product(content: JsonObject) -> TypeAndBody | None:
    product = read_object(content, "product")
    return build_body(
        "productMessage",
        read_text(product, "title"),
        read_text(product, "description"),
        format_price(product, "priceAmount1000", "currencyCode"),
        read_text(content, "body"),
        read_text(content, "footer"),
        read_text(read_object(content, "catalog"), "title"),
    )


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
