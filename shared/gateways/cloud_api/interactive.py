"""Interactive contents: buttons, lists, forms and templates."""

from collections.abc import Iterator

from shared.gateways.normalize.form_answers import format_answers
from shared.gateways.normalize.json_values import (
    JsonObject,
    join_lines,
    parse_embedded_json,
    read_flag,
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
            return _build_body("buttonsResponseMessage", read_text(reply, "title", "id"))
        case "list_reply":
            title, more = read_text(reply, "title", "id"), read_text(reply, "description")
            return _build_body("listResponseMessage", title, more)
        case "nfm_reply":
            return "interactiveResponseMessage", _read_form(reply)
        case "call_permission_reply":
            return _build_body("interactiveResponseMessage", _read_permission(reply))
        case _:
            return _read_offer(kind, interactive)


_PERMISSIONS = {"accept": "accepted", "reject": "rejected"}


def _read_permission(reply: JsonObject) -> str:
    """Return whether the customer lets the business call them."""
    answer = _PERMISSIONS.get(read_text(reply, "response").strip().lower())
    if answer is None:
        return ""
    suffix = " (permanent)" if read_flag(reply, "is_permanent") else ""
    return f"Call permission: {answer}{suffix}"


def read_template(template: JsonObject) -> TypeAndBody:
    """Return the values of a template; its own text is only known to Meta."""
    components = (part for part in read_objects(template.get("components")))
    texts = (part for component in components for part in _list_texts(component))
    return "template", "\n".join(texts)


def _read_form(reply: JsonObject) -> str:
    """Return what WhatsApp shows of a form, and its answers."""
    answers = format_answers(parse_embedded_json(reply, "response_json"))
    return join_lines(read_text(reply, "body"), answers)


def _build_body(media_type: str, *lines: str) -> TypeAndBody | None:
    body = "\n".join(line.strip() for line in lines if line.strip())
    return (media_type, body) if body else None


def _read_offer(kind: str, interactive: JsonObject) -> TypeAndBody | None:
    texts = (
        read_text(read_object(interactive, part), "text") for part in ("header", "body", "footer")
    )
    visible = _build_body("", *texts, *_list_options(read_object(interactive, "action")))
    product = read_object(interactive, "product") or read_object(interactive, "action")
    visible = visible or _build_body("", read_text(product, "name", "title", "product_retailer_id"))
    return (_OFFERS.get(kind, "interactiveMessage"), visible[1]) if visible else None


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
