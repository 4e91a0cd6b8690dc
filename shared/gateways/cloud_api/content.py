"""Contents of messages by type: media type and body.

A type that is not known, or a content that cannot be read, is a placeholder: Meta sends only what a
person wrote, but for `NOT_WRITTEN`.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shared.gateways.cloud_api.chat import list_parts
from shared.gateways.cloud_api.file_and_choice import FILES, read_file_and_choice
from shared.gateways.cloud_api.interactive import read_interactive, read_template
from shared.gateways.normalize.contact_cards import format_card, read_card_name
from shared.gateways.normalize.file_and_choice import NOTHING, FileAndChoice
from shared.gateways.normalize.json_values import (
    JsonObject,
    parse_count,
    read_angle,
    read_object,
    read_objects,
    read_text,
)
from shared.gateways.normalize.outcome import Ignored, TypeAndBody
from shared.gateways.normalize.placeholders import UNSUPPORTED, NotWritten, is_placeholder


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a message; `body` is plain text, never member names or JSON.

    A content that cannot be shown has a placeholder's media type and an empty body.
    """

    media_type: str
    body: str
    media_url: str | None = None
    quoted_wid: str | None = None
    file_and_choice: FileAndChoice = NOTHING

    @property
    def is_placeholder(self) -> bool:
        """Whether the content cannot be shown."""
        return is_placeholder(self.media_type)


def find_kind(message: JsonObject) -> str:
    """Return the type of a message; without one, the name of the content that it has."""
    kind = read_text(message, "type").strip().lower()
    return kind or next((kind for kind in KINDS if isinstance(message.get(kind), dict)), "")


def read_content(message: JsonObject) -> Content | Ignored:
    """Return the content that the message's type names, or why there is none."""
    kind = find_kind(message)
    if kind in NOT_WRITTEN:
        return Ignored(NOT_WRITTEN[kind].reason, kind)
    if kind == "contacts":
        return Content(*_read_contacts(message) or UNSUPPORTED)
    read = _READERS.get(kind)
    content = message.get(kind) or message.get(_OLDER_NAMES.get(kind, ""))
    if read is None or not isinstance(content, dict):
        return Content(*UNSUPPORTED)
    visible = read(content)
    if visible is None:
        return Content(*UNSUPPORTED)
    media_url = _find_media_url(content) if kind in FILES else None
    return Content(*visible, media_url, file_and_choice=read_file_and_choice(kind, content))


def _read_text(content: JsonObject) -> TypeAndBody | None:
    body = read_text(content, "body")
    return ("conversation", body) if body else None


def _read_image(content: JsonObject) -> TypeAndBody:
    return "image", read_text(content, "caption")


def _read_video(content: JsonObject) -> TypeAndBody:
    return "video", read_text(content, "caption")


def _read_audio(_: JsonObject) -> TypeAndBody:
    return "audio", ""


def _read_sticker(_: JsonObject) -> TypeAndBody:
    return "stickerMessage", ""


_FAMILIES = frozenset({"application", "audio", "image", "text", "video"})


def _read_document(content: JsonObject) -> TypeAndBody:
    family = read_text(content, "mime_type").strip().lower().partition("/")[0]
    body = read_text(content, "caption", "filename")
    return family if family in _FAMILIES else "application", body


def _read_location(content: JsonObject) -> TypeAndBody | None:
    lines = (read_text(content, "name").strip(), read_text(content, "address").strip())
    body = "\n".join(filter(None, lines)) or _format_coordinates(content)
    return ("locationMessage", body) if body else None


def _format_coordinates(content: JsonObject) -> str:
    angles = [_format_angle(content, "latitude"), _format_angle(content, "longitude")]
    return ", ".join(filter(None, angles)) if all(angles) else ""


def _format_angle(content: JsonObject, name: str) -> str:
    try:  # some bridges send the number as text
        angle = read_angle({name: float(read_text(content, name))}, name)
    except ValueError:
        angle = read_angle(content, name)
    return "" if angle is None else f"{angle:.6f}".rstrip("0").rstrip(".")


def _read_button(content: JsonObject) -> TypeAndBody | None:
    body = read_text(content, "text") or _drop_json(read_text(content, "payload"))
    return ("templateButtonReplyMessage", body) if body else None


def _drop_json(payload: str) -> str:
    """Return a button's payload, '' if it is JSON."""
    return "" if payload.lstrip().startswith(("{", "[")) else payload


def _read_order(content: JsonObject) -> TypeAndBody | None:
    items = list(read_objects(list_parts(content, "product_items")))
    lines = [read_text(content, "text").strip(), *map(_format_item, items), _format_total(items)]
    body = "\n".join(filter(None, lines))
    return ("orderMessage", body) if body else None


def _format_item(item: JsonObject) -> str:
    name = read_text(item, "name", "title", "product_retailer_id").strip()
    return f"{_read_quantity(item)} x {name}" if name else ""


def _format_total(items: list[JsonObject]) -> str:
    if not items:
        return ""
    quantity = sum(map(_read_quantity, items))
    number = f"{quantity} item" if quantity == 1 else f"{quantity} items"
    prices = [_read_price(item) for item in items]
    currencies = {read_text(item, "currency").strip() for item in items}
    if len(currencies) != 1 or not all(prices):
        return number
    total = f"{math.fsum(price or 0 for price in prices):.2f}".removesuffix(".00")
    return f"{number}: {total} {currencies.pop()}".rstrip()


def _read_quantity(item: JsonObject) -> int:
    return parse_count(item.get("quantity")) or 1


_DEAREST = 10**15


def _read_price(item: JsonObject) -> float | None:
    try:
        price = float(str(item.get("item_price")))
    except ValueError:
        return None
    return price * _read_quantity(item) if 0 <= price < _DEAREST else None  # NaN is not


def _read_contacts(message: JsonObject) -> TypeAndBody | None:
    lines = [_format_card(card) for card in read_objects(message.get("contacts"))]
    body = "\n".join(filter(None, lines))
    media_type = "contactMessage" if len(lines) == 1 else "contactsArrayMessage"
    return (media_type, body) if body else None


def _format_card(card: JsonObject) -> str:
    name = read_object(card, "name")
    lines = (read_text(name, "formatted_name").strip(), _read_full_name(name), _read_company(card))
    title = next(filter(None, lines), "") or read_card_name(card)
    reached = ", ".join(dict.fromkeys([*_list_phones(card)])) or ", ".join(_list_emails(card))
    if not reached:
        return format_card(card | {"displayName": title})
    return ": ".join(filter(None, (title, reached)))


def _read_full_name(name: JsonObject) -> str:
    return " ".join(
        filter(None, (read_text(name, "first_name"), read_text(name, "last_name")))
    ).strip()


def _read_company(card: JsonObject) -> str:
    return read_text(read_object(card, "org"), "company").strip()


def _list_phones(card: JsonObject) -> Iterator[str]:
    for phone in read_objects(list_parts(card, "phones")):
        if number := read_text(phone, "phone", "wa_id").strip():
            yield number if read_text(phone, "phone") else f"+{number}"


def _list_emails(card: JsonObject) -> Iterator[str]:
    for email in read_objects(list_parts(card, "emails")):
        if mail := read_text(email, "email").strip():
            yield mail


_OLDER_NAMES = {"voice": "audio"}
_READERS: dict[str, Callable[[JsonObject], TypeAndBody | None]] = {
    "text": _read_text,
    "image": _read_image,
    "video": _read_video,
    "audio": _read_audio,
    "voice": _read_audio,
    "document": _read_document,
    "sticker": _read_sticker,
    "location": _read_location,
    "button": _read_button,
    "interactive": read_interactive,
    "template": read_template,
    "order": _read_order,
}
KINDS = (*_READERS, "reaction", "edit", "revoke", "system")
# By type; `reaction`, `edit` and `revoke` are changes.
NOT_WRITTEN = {
    "system": NotWritten("system-notice", "a new number or id of the contact, which is linked"),
    "request_welcome": NotWritten("request-welcome", "the chat was opened, nothing is written yet"),
    "pin": NotWritten("pin", "marks a message for all members of the chat"),
}


def _find_media_url(content: JsonObject) -> str | None:
    """Return the file's URL, if given; reading it needs the business' token."""
    urls = (read_text(content, name).strip() for name in ("url", "link"))
    return next((url for url in urls if url.startswith(("https://", "http://"))), None)
