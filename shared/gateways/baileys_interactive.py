"""Contents that are more than words: polls, lists, buttons, templates, flows, orders, products."""

from collections.abc import Callable, Iterator

from pydantic import JsonValue

from shared.gateways.reading import (
    JsonObject,
    count,
    embedded,
    joined,
    mapping,
    moment,
    text,
)
from shared.gateways.redaction import is_secret

Shown = tuple[str, str]  # the media type and the body


def poll(asked: JsonObject) -> Shown | None:
    """Show a poll's question and, one a line, its options."""
    options = (text(option, "optionName") for option in _objects(asked.get("options")))
    body = joined(text(asked, "name"), *options)
    return ("pollCreationMessageV3", body) if body else None


def _event(event: JsonObject) -> Shown | None:
    starts = moment(event.get("startTime"))
    place = mapping(event, "location")
    body = joined(
        text(event, "name"),
        f"{starts:%Y-%m-%d %H:%M} UTC" if starts else "",
        text(event, "description"),
        text(place, "name"),
        text(place, "address"),
        text(event, "joinLink"),
    )
    return ("eventMessage", body) if body else None


def _list(offered: JsonObject) -> Shown | None:
    sections = list(_objects(offered.get("sections")))
    rows = (text(row, "title") for part in sections for row in _objects(part.get("rows")))
    words = joined(text(offered, "title"), text(offered, "description"))
    body = words or joined(*rows) or text(offered, "buttonText", "footerText").strip()
    return ("listMessage", body) if body else None


def _list_reply(reply: JsonObject) -> Shown | None:
    row = mapping(reply, "singleSelectReply")
    body = text(reply, "title", "description") or text(row, "selectedRowId")
    return ("listResponseMessage", body.strip()) if body else None


def _buttons(offered: JsonObject) -> Shown | None:
    buttons = _objects(offered.get("buttons"))
    labels = (text(mapping(button, "buttonText"), "displayText") for button in buttons)
    words = joined(*(text(offered, name) for name in ("text", "contentText", "footerText")))
    body = words or joined(*labels)
    return ("buttonsMessage", body) if body else None


def _buttons_reply(reply: JsonObject) -> Shown | None:
    body = text(reply, "selectedDisplayText", "selectedButtonId").strip()
    return ("buttonsResponseMessage", body) if body else None


def _template_reply(reply: JsonObject) -> Shown | None:
    body = text(reply, "selectedDisplayText", "selectedId").strip()
    return ("templateButtonReplyMessage", body) if body else None


_HYDRATED = ("hydratedTitleText", "hydratedContentText", "hydratedFooterText")


def _template(template: JsonObject) -> Shown | None:
    for name in ("hydratedTemplate", "hydratedFourRowTemplate"):
        filled = mapping(template, name)
        if body := joined(*(text(filled, part) for part in _HYDRATED)):
            return "template", body
    body = _interactive_words(mapping(template, "interactiveMessageTemplate"))
    return ("template", body) if body else None


def _structured(structured: JsonObject) -> Shown | None:
    return _template(mapping(structured, "hydratedHsm"))


def _interactive(offered: JsonObject) -> Shown:
    return "interactiveMessage", _interactive_words(offered)


def _interactive_words(offered: JsonObject) -> str:
    cards = _objects(mapping(offered, "carouselMessage").get("cards"))
    words = joined(*_parts(offered), *(joined(*_parts(card)) for card in cards))
    return words or joined(*_labels(offered))


def _parts(offered: JsonObject) -> Iterator[str]:
    header = mapping(offered, "header")
    yield text(header, "title")
    yield text(header, "subtitle")
    yield text(mapping(offered, "body"), "text")
    yield text(mapping(offered, "footer"), "text")


def _labels(offered: JsonObject) -> Iterator[str]:
    for button in _objects(mapping(offered, "nativeFlowMessage").get("buttons")):
        yield text(embedded(button, "buttonParamsJson"), "display_text")


_NO_ANSWERS = frozenset({"id", "type", "version", "wa_flow_response_params"})


def _interactive_reply(reply: JsonObject) -> Shown | None:
    flow = mapping(reply, "nativeFlowResponseMessage")
    parameters = embedded(flow, "paramsJson")
    body = text(mapping(reply, "body"), "text").strip()
    if text(flow, "name") == "flow":
        body = joined(body, *_answers(parameters))
    body = body or text(parameters, "display_text", "title", "description", "id").strip()
    return ("interactiveResponseMessage", body) if body else None


def _answers(parameters: JsonObject) -> Iterator[str]:
    """Give what a person filled into a flow's fields; the fields' names are the flow's own."""
    for name, answer in parameters.items():
        if name in _NO_ANSWERS or is_secret(name):
            continue
        for value in answer if isinstance(answer, list) else [answer]:
            if isinstance(value, str):
                yield text({"answer": value}, "answer")
            elif isinstance(value, int | float) and not isinstance(value, bool):
                yield str(value)[:40]


def _order(order: JsonObject) -> Shown:
    products = order.get("product_items")  # as Evolution's Cloud API lines pass it
    items = len(products) if isinstance(products, list) else count(order.get("itemCount"))
    ordered = "" if not items else "1 item" if items == 1 else f"{items} items"
    paid = _price(order, "totalAmount1000", "totalCurrencyCode")
    body = joined(text(order, "orderTitle"), text(order, "message", "text"), ordered, paid)
    return "orderMessage", body


def _product(offered: JsonObject) -> Shown | None:
    product = mapping(offered, "product")
    body = joined(
        text(product, "title"),
        text(product, "description"),
        _price(product, "priceAmount1000", "currencyCode"),
        text(offered, "body"),
        text(offered, "footer"),
        text(mapping(offered, "catalog"), "title"),
    )
    return ("productMessage", body) if body else None


def _price(holder: JsonObject, amount: str, currency: str) -> str:
    thousandths = count(holder.get(amount))
    if not thousandths:
        return ""
    return f"{text(holder, currency)} {thousandths / 1000:.2f}".strip()


def _objects(value: JsonValue) -> Iterator[JsonObject]:
    if isinstance(value, list):
        yield from (part for part in value if isinstance(part, dict))


READERS: dict[str, Callable[[JsonObject], Shown | None]] = {
    "eventMessage": _event,
    "listMessage": _list,
    "listResponseMessage": _list_reply,
    "buttonsMessage": _buttons,
    "buttonsResponseMessage": _buttons_reply,
    "templateMessage": _template,
    "templateButtonReplyMessage": _template_reply,
    "highlyStructuredMessage": _structured,
    "interactiveMessage": _interactive,
    "interactiveResponseMessage": _interactive_reply,
    "orderMessage": _order,
    "productMessage": _product,
}
