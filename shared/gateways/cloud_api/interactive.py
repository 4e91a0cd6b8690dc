"""Interactive contents: buttons, lists, forms and templates."""

from collections.abc import Iterator

from shared.gateways.normalize.bodies import build_body
from shared.gateways.normalize.call_permissions import format_permission
from shared.gateways.normalize.form_answers import format_answers
from shared.gateways.normalize.json_values import (
    JsonObject,
    parse_embedded_json,
    read_object,
    read_objects,
    read_text,
)
from shared.gateways.normalize.offered_choices import list_flow_choices, list_rows
from shared.gateways.normalize.outcome import TypeAndBody

_REPLIES = ("button_reply", "list_reply", "nfm_reply", "call_permission_reply")
_OFFERS = {"button": "buttonsMessage", "list": "listMessage", "product": "productMessage"}


def read_interactive(interactive: JsonObject) -> TypeAndBody | None:
    """Return a customer's choice, or what we offered."""
    kind = read_text(interactive, "type").strip().lower()
    kind = kind or next((reply for reply in _REPLIES if reply in interactive), "")
    reply = read_object(interactive, kind)
    match kind:
        case "button_reply":
            return build_body("buttonsResponseMessage", read_text(reply, "title", "id"))
        case "list_reply":
            title, more = read_text(reply, "title", "id"), read_text(reply, "description")
            return build_body("listResponseMessage", title, more)
        case "nfm_reply":
            answers = format_answers(parse_embedded_json(reply, "response_json"))
            return build_body("interactiveResponseMessage", read_text(reply, "body"), answers)
        case "call_permission_reply":
            return build_body("interactiveResponseMessage", format_permission(reply))
        case _:
            return _read_offer(kind, interactive)


def read_template(template: JsonObject) -> TypeAndBody | None:
    """Return the values of a template; its own text is only known to Meta."""
    components = (part for part in read_objects(template.get("components")))
    texts = (part for component in components for part in _list_texts(component))
    body = "\n".join(texts)  # two parameters may be equal
    return ("template", body) if body else None


def _read_offer(kind: str, interactive: JsonObject) -> TypeAndBody | None:
    texts = (
        read_text(read_object(interactive, part), "text") for part in ("header", "body", "footer")
    )
    media_type = _OFFERS.get(kind, "interactiveMessage")
    product = read_object(interactive, "product") or read_object(interactive, "action")
    return build_body(
        media_type, *texts, *_list_options(read_object(interactive, "action"))
    ) or build_body(media_type, read_text(product, "name", "title", "product_retailer_id"))


def _list_options(action: JsonObject) -> Iterator[str]:
    for button in read_objects(action.get("buttons")):
        yield read_text(read_object(button, "reply"), "title")
    yield from list_rows(action)
    for card in read_objects(action.get("cards")):
        yield read_text(read_object(card, "body"), "text")
    yield from list_flow_choices(read_object(action, "parameters"))


def _list_texts(component: JsonObject) -> Iterator[str]:
    if own := read_text(component, "text"):
        yield own
    for button in read_objects(component.get("buttons")):
        if label := read_text(button, "text"):
            yield label
    for parameter in read_objects(component.get("parameters")):
        if word := read_text(parameter, "text"):
            yield word
