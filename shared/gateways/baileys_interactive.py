"""Contents that are more than words: polls, lists, buttons, templates, flows, orders, products."""

from collections.abc import Callable, Iterator

from shared.gateways.reading import (
    JsonObject,
    choices,
    count,
    embedded,
    items,
    joined,
    mapping,
    moment,
    objects,
    text,
)
from shared.gateways.redaction import is_secret

Shown = tuple[str, str]  # the media type and the body


def poll(asked: JsonObject) -> Shown | None:
    """Show a poll's question and, one a line, its options."""
    options = (text(option, "optionName") for option in objects(asked.get("options")))
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
    sections = list(objects(offered.get("sections")))
    rows = (text(row, "title") for part in sections for row in objects(part.get("rows")))
    words = joined(text(offered, "title"), text(offered, "description"))
    body = words or joined(*rows) or text(offered, "buttonText", "footerText").strip()
    return ("listMessage", body) if body else None


def _list_reply(reply: JsonObject) -> Shown | None:
    row = mapping(reply, "singleSelectReply")
    body = text(reply, "title", "description") or text(row, "selectedRowId")
    return ("listResponseMessage", body.strip()) if body else None


def _buttons(offered: JsonObject) -> Shown | None:
    buttons = objects(offered.get("buttons"))
    labels = (text(mapping(button, "buttonText"), "displayText") for button in buttons)
    parts = (text(offered, name) for name in ("text", "contentText", "footerText"))
    words = joined(_caption(offered), *parts)
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
        words = joined(_caption(filled), *(text(filled, part) for part in _HYDRATED))
        if body := words or joined(*_button_labels(filled)):
            return "template", body
    filling = mapping(template, "fourRowTemplate")
    rows = (mapping(filling, row) for row in ("highlyStructuredMessage", "content", "footer"))
    body = _interactive_words(mapping(template, "interactiveMessageTemplate"))
    body = body or joined(*(_filled_in(row) for row in rows))
    return ("template", body) if body else None


def _button_labels(filled: JsonObject) -> Iterator[str]:
    for button in objects(filled.get("hydratedButtons")):
        for kind in ("quickReplyButton", "urlButton", "callButton"):
            yield text(mapping(button, kind), "displayText")


def _structured(structured: JsonObject) -> Shown | None:
    body = _filled_in(structured)
    return _template(mapping(structured, "hydratedHsm")) or (("template", body) if body else None)


def _filled_in(structured: JsonObject) -> str:
    """Give what was filled into a template whose own words only the telephone knows."""
    several = choices(structured.get("params"))
    return joined(*(text({"given": part}, "given") for part in several))


def _interactive(offered: JsonObject) -> Shown:
    return "interactiveMessage", _interactive_words(offered)


def _interactive_words(offered: JsonObject) -> str:
    cards = list(objects(mapping(offered, "carouselMessage").get("cards")))
    words = joined(*_parts(offered), *(joined(*_parts(card)) for card in cards))
    return words or joined(*(joined(*_labels(part)) for part in (offered, *cards)))


def _parts(offered: JsonObject) -> Iterator[str]:
    header = mapping(offered, "header")
    yield text(header, "title")
    yield text(header, "subtitle")
    yield _caption(header)
    yield text(mapping(offered, "body"), "text")
    yield text(mapping(offered, "footer"), "text")


def _caption(holder: JsonObject) -> str:
    files = (mapping(holder, f"{kind}Message") for kind in ("image", "video", "document"))
    return joined(*(text(file, "caption") for file in files))


def _labels(offered: JsonObject) -> Iterator[str]:
    for button in objects(mapping(offered, "nativeFlowMessage").get("buttons")):
        parameters = embedded(button, "buttonParamsJson")
        yield text(parameters, "display_text")
        for way in objects(parameters.get("payment_settings")):
            pix = mapping(way, "pix_static_code")
            yield joined(text(pix, "merchant_name"), text(pix, "key"))


_FLOWS = frozenset({"flow", "galaxy_message"})
_NO_ANSWERS = frozenset(
    {"id", "type", "version", "flow_message_version", "wa_flow_response_params"}
)


def _interactive_reply(reply: JsonObject) -> Shown | None:
    flow = mapping(reply, "nativeFlowResponseMessage")
    parameters = embedded(flow, "paramsJson")
    body = text(mapping(reply, "body"), "text").strip()
    if text(flow, "name") in _FLOWS:
        body = joined(body, *_answers(parameters))
    body = body or text(parameters, "display_text", "title", "description", "id").strip()
    return ("interactiveResponseMessage", body) if body else None


def _answers(parameters: JsonObject) -> Iterator[str]:
    """Give what a person filled into a flow's fields; the fields' names are the flow's own."""
    for name, answer in parameters.items():
        if name in _NO_ANSWERS or is_secret(name):
            continue
        for value in items(answer):
            if isinstance(value, str):
                yield text({"answer": value}, "answer")
            elif isinstance(value, int | float) and not isinstance(value, bool):
                yield str(value)[:40]


def _order(order: JsonObject) -> Shown:
    products = order.get("product_items")  # as Evolution's Cloud API lines pass it
    number = len(products) if isinstance(products, list) else count(order.get("itemCount"))
    ordered = "" if not number else "1 item" if number == 1 else f"{number} items"
    paid = price(order, "totalAmount1000", "totalCurrencyCode")
    body = joined(text(order, "orderTitle"), text(order, "message", "text"), ordered, paid)
    return "orderMessage", body


def _product(offered: JsonObject) -> Shown | None:
    product = mapping(offered, "product")
    body = joined(
        text(product, "title"),
        text(product, "description"),
        price(product, "priceAmount1000", "currencyCode"),
        text(offered, "body"),
        text(offered, "footer"),
        text(mapping(offered, "catalog"), "title"),
    )
    return ("productMessage", body) if body else None


def price(holder: JsonObject, amount: str, currency: str) -> str:
    """Write an amount that WhatsApp counts in thousandths."""
    thousandths = count(holder.get(amount))
    if not thousandths:
        return ""
    return f"{text(holder, currency)} {thousandths / 1000:.2f}".strip()


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
