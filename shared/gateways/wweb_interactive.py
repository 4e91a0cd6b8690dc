"""whatsapp-web's messages with parts to choose from or to buy: polls, lists, buttons, orders."""

from collections.abc import Callable, Iterator

from shared.gateways import baileys_interactive
from shared.gateways.reading import (
    JsonObject,
    choices,
    count,
    embedded,
    joined,
    mapping,
    moment,
    objects,
    text,
)
from shared.gateways.wweb_record import words

Shown = tuple[str, str]  # the media type and the body


def options(holder: JsonObject, member: str, *names: str) -> Iterator[str]:
    """Give the words of each of several options, which are texts or objects."""
    for option in choices(holder.get(member)):
        if isinstance(option, str):
            yield text({"option": option}, "option")
        elif isinstance(option, dict):
            yield text(option, *names)


def _shown(media_type: str, *parts: str) -> Shown | None:
    body = joined(*parts)
    return (media_type, body) if body else None


def _poll(message: JsonObject) -> Shown | None:
    question = words(message, "pollName", "body")
    return _shown("pollCreationMessageV3", question, *options(message, "pollOptions", "name"))


def _event(message: JsonObject) -> Shown | None:
    place = message.get("eventLocation")
    where = words(place, "name", "address") if isinstance(place, dict) else ""
    starts = moment(message.get("eventStartTime"))
    return _shown(
        "eventMessage",
        words(message, "eventName", "body"),
        f"{starts:%Y-%m-%d %H:%M} UTC" if starts else "",
        words(message, "eventDescription"),
        where,
        words(message, "eventJoinLink"),
    )


def _list(message: JsonObject) -> Shown | None:
    offered = mapping(message, "list")
    said = joined(
        words(offered, "title") or words(message, "title"),
        words(offered, "description") or words(message, "description", "body"),
    )
    return _shown("listMessage", said or joined(*_rows(offered), words(offered, "buttonText")))


def _rows(offered: JsonObject) -> Iterator[str]:
    for section in objects(offered.get("sections")):
        yield from options(section, "rows", "title")


def _list_response(message: JsonObject) -> Shown | None:
    chosen = mapping(message, "listResponse")
    row = mapping(chosen, "singleSelectReply")
    body = words(chosen, "title") or words(message, "title", "body", "content")
    row_id = words(row, "selectedRowId") or words(message, "selectedRowId")
    return _shown("listResponseMessage", body or row_id)


def _captioned(media_type: str) -> Callable[[JsonObject], Shown | None]:
    def read(message: JsonObject) -> Shown | None:
        return _shown(media_type, _captions(message))

    return read


def _captions(message: JsonObject) -> str:
    return joined(
        words(message, "title") or words(mapping(message, "interactiveHeader"), "title"),
        words(message, "caption", "body", "content", "description"),
        words(message, "footer"),
    )


def _reply(media_type: str) -> Callable[[JsonObject], Shown | None]:
    def read(message: JsonObject) -> Shown | None:
        names = ("selectedDisplayText", "body", "content", "selectedButtonId", "selectedId")
        body = words(message, *names)
        return None if _is_json(body) else _shown(media_type, body)

    return read


def _interactive(message: JsonObject) -> Shown:
    """Read an offer; a code to pay by has no words at all, and is a message nevertheless."""
    return "interactiveMessage", _captions(message) or joined(*_labels(message))


def _labels(message: JsonObject) -> Iterator[str]:
    for button in objects(mapping(message, "interactivePayload").get("buttons")):
        yield text(embedded(button, "buttonParamsJson"), "display_text")


_FLOWS = frozenset({"flow", "galaxy_message"})  # WhatsApp's name for them outside and inside


def _interactive_reply(message: JsonObject) -> Shown | None:
    payload = mapping(message, "interactivePayload")
    name = text(payload, "name") or text(message, "nativeFlowName")
    body = words(message, "body", "content")
    said, answers = ("", body) if _is_json(body) else (body, "")
    reply: JsonObject = {
        "body": {"text": said},
        "nativeFlowResponseMessage": {
            "name": "flow" if name in _FLOWS or "flow_token" in answers else name,
            "paramsJson": text(payload, "paramsJson", "buttonParamsJson") or answers,
        },
    }
    return baileys_interactive.READERS["interactiveResponseMessage"](reply)


def _is_json(body: str) -> bool:
    return body.lstrip().startswith(("{", "["))


def _order(message: JsonObject) -> Shown:
    items = count(message.get("itemCount"))
    return "orderMessage", joined(
        words(message, "orderTitle", "title"),
        words(message, "message"),
        "" if not items else "1 item" if items == 1 else f"{items} items",
        _price(message, "totalAmount1000", "totalCurrencyCode"),
    )


def _product(message: JsonObject) -> Shown | None:
    return _shown(
        "productMessage",
        words(message, "title"),
        words(message, "description"),
        _price(message, "priceAmount1000", "currencyCode"),
    )


def _price(message: JsonObject, amount: str, currency: str) -> str:
    thousandths = count(message.get(amount))
    if not thousandths:
        return ""
    return f"{words(message, currency)} {thousandths / 1000:.2f}".strip()


_UNANSWERED = frozenset(
    {"missed", "rejected", "canceled", "cancelled", "unavailable", "failed", "busy", "noanswer"}
)


def is_missed_call(message: JsonObject) -> bool:
    """Tell whether nobody took the call; whatsapp-web of old logged only those, and not how."""
    if subtype := text(message, "subtype").strip().lower():
        return subtype.startswith("miss")
    outcome = text(message, "finalCallOutcome", "callOutcome").strip().lower()
    return not outcome or outcome in _UNANSWERED


READERS: dict[str, Callable[[JsonObject], Shown | None]] = {
    "poll_creation": _poll,
    "poll": _poll,
    "event_creation": _event,
    "scheduled_event_creation": _event,
    "list": _list,
    "list_response": _list_response,
    "buttons": _captioned("buttonsMessage"),
    "buttons_response": _reply("buttonsResponseMessage"),
    "template_button_reply": _reply("templateButtonReplyMessage"),
    "hsm": _captioned("template"),
    "template": _captioned("template"),
    "interactive": _interactive,
    "native_flow": _interactive,
    "interactive_response": _interactive_reply,
    "order": _order,
    "product": _product,
    "call_log": lambda _: ("call_log", ""),
}
