"""Buttons, lists, forms and templates of the Cloud API: the choices offered and the ones made."""

from collections.abc import Iterator

from shared.gateways.outcome import LONGEST_DETAIL, Ignored
from shared.gateways.reading import JsonObject, embedded, joined, mapping, objects, text
from shared.gateways.redaction import is_secret

_Shown = tuple[str, str]  # the media type and the body

_REPLIES = ("button_reply", "list_reply", "nfm_reply", "call_permission_reply")
_OFFERS = {"button": "buttonsMessage", "list": "listMessage", "product": "productMessage"}


def read(interactive: JsonObject) -> _Shown | Ignored | None:
    """Read a customer's choice, or what we had them choose from."""
    kind = text(interactive, "type").strip().lower()
    kind = kind or next((reply for reply in _REPLIES if reply in interactive), "")
    reply = mapping(interactive, kind)
    match kind:
        case "button_reply":
            return _chosen("buttonsResponseMessage", text(reply, "title", "id"))
        case "list_reply":
            title, more = text(reply, "title", "id"), text(reply, "description")
            return _chosen("listResponseMessage", title, more)
        case "nfm_reply":
            return "interactiveResponseMessage", _form(reply)
        case "call_permission_reply":
            return Ignored("call-permission", text(reply, "response")[:LONGEST_DETAIL])
        case _:
            return _offer(kind, interactive)


def template(sent: JsonObject) -> _Shown:
    """Show the words that were put into a template; its own are only with Meta."""
    components = (part for part in objects(sent.get("components")))
    words = (word for component in components for word in _words(component))
    return "template", "\n".join(words)


def _form(reply: JsonObject) -> str:
    """Show what WhatsApp shows of a form, else what was filled in."""
    answers = embedded(reply, "response_json")
    answers = mapping(answers, "values") or answers
    words = (text(answers, name).strip() for name in answers if not is_secret(name))
    return text(reply, "body") or joined(*words)


def _chosen(media_type: str, *lines: str) -> _Shown | None:
    body = "\n".join(line.strip() for line in lines if line.strip())
    return (media_type, body) if body else None


def _offer(kind: str, interactive: JsonObject) -> _Shown | Ignored:
    texts = (text(mapping(interactive, part), "text") for part in ("header", "body", "footer"))
    words = _chosen("", *texts, *_options(mapping(interactive, "action")))
    product = mapping(interactive, "product") or mapping(interactive, "action")
    words = words or _chosen("", text(product, "name", "title", "product_retailer_id"))
    if words is None:
        return Ignored("unknown-message-type", f"interactive {kind}"[:LONGEST_DETAIL])
    return _OFFERS.get(kind, "interactiveMessage"), words[1]


def _options(action: JsonObject) -> Iterator[str]:
    for button in objects(action.get("buttons")):
        yield text(mapping(button, "reply"), "title")
    for section in objects(action.get("sections")):
        for row in objects(section.get("rows")):
            yield text(row, "title")
    for card in objects(action.get("cards")):
        yield text(mapping(card, "body"), "text")
    yield text(mapping(action, "parameters"), "display_text", "flow_cta")


def _words(component: JsonObject) -> Iterator[str]:
    if own := text(component, "text"):
        yield own
    for parameter in objects(component.get("parameters")):
        if word := text(parameter, "text"):
            yield word
