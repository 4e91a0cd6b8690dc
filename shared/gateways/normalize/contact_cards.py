"""Formats contact cards (vCards) as text: name and telephone numbers."""

import re

from shared.gateways.normalize.json_values import JsonObject, read_objects, read_text
from shared.gateways.normalize.vcard_lines import decode_lines

_NAME = re.compile(r"^FN(?:;[^:\n]*)?:(.*)$", re.IGNORECASE | re.MULTILINE)
_PARTS = re.compile(r"^N(?:;[^:\n]*)?:(.*)$", re.IGNORECASE | re.MULTILINE)
_PHONE = re.compile(r"^(?:item[0-9]+\.)?TEL([^:\n]*):(.*)$", re.IGNORECASE | re.MULTILINE)
_ESCAPE = re.compile(r"\\([,;:\\])")
_WHATSAPP_ID = re.compile(r";waid=([0-9]+)", re.IGNORECASE)


def format_card(card: JsonObject) -> str:
    """Return a card as `name: number, number`, without the parts that it lacks."""
    phones = ", ".join(dict.fromkeys(_list_phones(_read_vcard(card))))
    return ": ".join(part for part in (read_card_name(card), phones) if part)


def read_card_name(card: JsonObject) -> str:
    """Return the name that WhatsApp shows for a card, else the name in its vCard."""
    return read_text(card, "displayName").strip() or _read_vcard_name(_read_vcard(card))


def _read_vcard(card: JsonObject) -> str:
    return "\n".join(decode_lines(read_text(card, "vcard")))


def format_cards(holder: JsonObject) -> str:
    """Return the cards in `contacts`, one per line."""
    return "\n".join(filter(None, map(format_card, read_objects(holder.get("contacts")))))


def _read_vcard_name(vcard: str) -> str:
    match = _NAME.search(vcard)
    name = _ESCAPE.sub(r"\1", match[1]).strip() if match else ""
    return name or _join_name(vcard)


def _join_name(vcard: str) -> str:
    """Return the name from its parts (`family;given`); version 2.1 needs no other."""
    match = _PARTS.search(vcard)
    family, _, others = match[1].partition(";") if match else ("", "", "")
    given = others.partition(";")[0]
    return _ESCAPE.sub(r"\1", f"{given.strip()} {family.strip()}").strip()


def _list_phones(vcard: str) -> list[str]:
    phones = []
    for parameters, value in _PHONE.findall(vcard):
        whatsapp_id = _WHATSAPP_ID.search(parameters)
        if phone := value.strip() or (f"+{whatsapp_id[1]}" if whatsapp_id else ""):
            phones.append(phone)
    return phones
