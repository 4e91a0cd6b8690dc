"""The content of a Cloud API message: what a person would see of it."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shared.gateways import cards, cloud_api_interactive
from shared.gateways.cloud_api_party import parts
from shared.gateways.outcome import LONGEST_DETAIL, Ignored, Unreadable
from shared.gateways.reading import JsonObject, count, degrees, mapping, objects, text


@dataclass(frozen=True, slots=True)
class Content:
    """What is shown; `body` holds words, never member names or JSON."""

    media_type: str
    body: str
    media_url: str | None = None


def kind_of(message: JsonObject) -> str:
    """Name the type of a message: in the few without one, the content that it has."""
    kind = text(message, "type").strip().lower()
    return kind or next((kind for kind in KINDS if isinstance(message.get(kind), dict)), "")


def read(message: JsonObject) -> Content | Ignored | Unreadable:
    """Read the content that the message's type names."""
    kind = kind_of(message)
    if kind == "contacts":
        return _contacts(message)
    reader = _READERS.get(kind)
    if reader is None:
        return _unknown(kind, message)
    content = message.get(kind) or message.get(_OLDER_NAMES.get(kind, ""))
    if not isinstance(content, dict):
        return Unreadable(f"{kind} is not an object")
    shown = reader(content) or Ignored("empty-message", kind)
    if isinstance(shown, Ignored):
        return shown
    return Content(*shown, _media_url(content) if kind in _MEDIA else None)


_Shown = tuple[str, str]  # the media type and the body


def _text(content: JsonObject) -> _Shown | None:
    body = text(content, "body")
    return ("conversation", body) if body else None


def _image(content: JsonObject) -> _Shown:
    return "image", text(content, "caption")


def _video(content: JsonObject) -> _Shown:
    return "video", text(content, "caption")


def _audio(_: JsonObject) -> _Shown:
    return "audio", ""


def _sticker(_: JsonObject) -> _Shown:
    return "stickerMessage", ""


_FAMILIES = frozenset({"application", "audio", "image", "text", "video"})


def _document(content: JsonObject) -> _Shown:
    family = text(content, "mime_type").strip().lower().partition("/")[0]
    body = text(content, "caption", "filename")
    return family if family in _FAMILIES else "application", body


def _location(content: JsonObject) -> _Shown | None:
    lines = (text(content, "name").strip(), text(content, "address").strip())
    body = "\n".join(filter(None, lines)) or _coordinates(content)
    return ("locationMessage", body) if body else None


def _coordinates(content: JsonObject) -> str:
    angles = [_degrees(content, "latitude"), _degrees(content, "longitude")]
    return ", ".join(filter(None, angles)) if all(angles) else ""


def _degrees(content: JsonObject, name: str) -> str:
    try:  # some bridges quote the number
        angle = degrees({name: float(text(content, name))}, name)
    except ValueError:
        angle = degrees(content, name)
    return "" if angle is None else f"{angle:.6f}".rstrip("0").rstrip(".")


def _button(content: JsonObject) -> _Shown | None:
    body = text(content, "text") or _readable(text(content, "payload"))
    return ("templateButtonReplyMessage", body) if body else None


def _readable(payload: str) -> str:
    """Give what a button without words was named by, unless it is for programs alone."""
    return "" if payload.lstrip().startswith(("{", "[")) else payload


def _order(content: JsonObject) -> _Shown | None:
    items = list(objects(parts(content, "product_items")))
    lines = [text(content, "text").strip(), *map(_item, items), _total(items)]
    body = "\n".join(filter(None, lines))
    return ("orderMessage", body) if body else None


def _item(item: JsonObject) -> str:
    name = text(item, "name", "title", "product_retailer_id").strip()
    return f"{_quantity(item)} x {name}" if name else ""


def _total(items: list[JsonObject]) -> str:
    if not items:
        return ""
    quantity = sum(map(_quantity, items))
    number = f"{quantity} item" if quantity == 1 else f"{quantity} items"
    prices = [_price(item) for item in items]
    currencies = {text(item, "currency").strip() for item in items}
    if len(currencies) != 1 or not all(prices):
        return number
    total = f"{math.fsum(price or 0 for price in prices):.2f}".removesuffix(".00")
    return f"{number}: {total} {currencies.pop()}".rstrip()


def _quantity(item: JsonObject) -> int:
    return count(item.get("quantity")) or 1


_DEAREST = 10**15


def _price(item: JsonObject) -> float | None:
    try:
        price = float(str(item.get("item_price")))
    except ValueError:
        return None
    return price * _quantity(item) if 0 <= price < _DEAREST else None  # NaN is not


def _contacts(message: JsonObject) -> Content | Ignored | Unreadable:
    several = message.get("contacts")
    if not isinstance(several, list):
        return Unreadable("contacts is not a list")
    people = [_card(card) for card in objects(several)]
    body = "\n".join(filter(None, people))
    if not body:
        return Ignored("empty-message", "contacts")
    return Content("contactMessage" if len(people) == 1 else "contactsArrayMessage", body)


def _card(card: JsonObject) -> str:
    name = mapping(card, "name")
    lines = (text(name, "formatted_name").strip(), _full_name(name), _company(card))
    title = next(filter(None, lines), "") or cards.name(card)
    reached = ", ".join(dict.fromkeys([*_phones(card)])) or ", ".join(_emails(card))
    if not reached:
        return cards.line(card | {"displayName": title})
    return ": ".join(filter(None, (title, reached)))


def _full_name(name: JsonObject) -> str:
    return " ".join(filter(None, (text(name, "first_name"), text(name, "last_name")))).strip()


def _company(card: JsonObject) -> str:
    return text(mapping(card, "org"), "company").strip()


def _phones(card: JsonObject) -> Iterator[str]:
    for phone in objects(parts(card, "phones")):
        if number := text(phone, "phone", "wa_id").strip():
            yield number if text(phone, "phone") else f"+{number}"


def _emails(card: JsonObject) -> Iterator[str]:
    for email in objects(parts(card, "emails")):
        if mail := text(email, "email").strip():
            yield mail


_MEDIA = frozenset({"image", "video", "audio", "voice", "document", "sticker"})
_OLDER_NAMES = {"voice": "audio"}
_READERS: dict[str, Callable[[JsonObject], _Shown | Ignored | None]] = {
    "text": _text,
    "image": _image,
    "video": _video,
    "audio": _audio,
    "voice": _audio,
    "document": _document,
    "sticker": _sticker,
    "location": _location,
    "button": _button,
    "interactive": cloud_api_interactive.read,
    "template": cloud_api_interactive.template,
    "order": _order,
}
KINDS = (*_READERS, "reaction", "edit", "revoke", "system")
_REASONS = {
    "unsupported": "unsupported",
    "unknown": "unsupported",
    "errors": "unsupported",
    "ephemeral": "unsupported",
    "request_welcome": "request-welcome",
    "media_placeholder": "media-placeholder",  # the media itself comes later, under the same id
    "pin": "pin",
}


def _unknown(kind: str, message: JsonObject) -> Ignored | Unreadable:
    if not kind:
        return Unreadable("the message has no type")
    detail = text(mapping(message, "unsupported"), "type") or kind
    return Ignored(_REASONS.get(kind, "unknown-message-type"), detail[:LONGEST_DETAIL])


def _media_url(content: JsonObject) -> str | None:
    """Give the file's address where it is given; it is read with the business' token."""
    urls = (text(content, name).strip() for name in ("url", "link"))
    return next((url for url in urls if url.startswith(("https://", "http://"))), None)
