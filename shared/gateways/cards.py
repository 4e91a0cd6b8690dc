"""Contact cards: the name and the telephones a person would read on them."""

import re

from shared.gateways.reading import JsonObject, objects, text

_FOLD = re.compile(r"\r?\n[ \t]")
_NAME = re.compile(r"^FN(?:;[^:\n]*)?:(.*)$", re.IGNORECASE | re.MULTILINE)
_PHONE = re.compile(r"^(?:item[0-9]+\.)?TEL([^:\n]*):(.*)$", re.IGNORECASE | re.MULTILINE)
_ESCAPE = re.compile(r"\\([,;:\\])")
_WHATSAPP_ID = re.compile(r";waid=([0-9]+)", re.IGNORECASE)


def line(card: JsonObject) -> str:
    """Write a card as `name: telephone, telephone`, leaving out what it does not say."""
    phones = ", ".join(dict.fromkeys(_phones(_vcard(card))))
    return ": ".join(part for part in (name(card), phones) if part)


def name(card: JsonObject) -> str:
    """Give the name that a card is shown under."""
    return text(card, "displayName").strip() or _name(_vcard(card))


def _vcard(card: JsonObject) -> str:
    return _FOLD.sub("", text(card, "vcard"))


def lines(several: JsonObject) -> str:
    """Write several cards, one a line."""
    return "\n".join(filter(None, map(line, objects(several.get("contacts")))))


def _name(vcard: str) -> str:
    found = _NAME.search(vcard)
    return _ESCAPE.sub(r"\1", found[1]).strip() if found else ""


def _phones(vcard: str) -> list[str]:
    found = []
    for parameters, value in _PHONE.findall(vcard):
        whatsapp_id = _WHATSAPP_ID.search(parameters)
        if phone := value.strip() or (f"+{whatsapp_id[1]}" if whatsapp_id else ""):
            found.append(phone)
    return found
