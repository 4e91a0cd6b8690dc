"""The spellings of whatsmeow, WAHA's GOWS engine, turned into Baileys'."""

import re

from pydantic import JsonValue

from shared.gateways.reading import JsonObject, flag, text

_DEEPEST = 24  # levels, as far as what is kept goes
# The ID of stanzaID, the JPEG of …; a match begins where a run of capitals does: tried anywhere in
# it, a long run takes its square.
_CAPITALS = re.compile(r"(?<![A-Z])[A-Z]{2,}(?=[A-Z][a-z]|[0-9]|$)")
_CHOICE = re.compile(r"[A-Z][a-z]")  # Go's wrapper around the one member chosen of several


def baileys_form(message: JsonObject) -> JsonObject:
    """Spell a message's members as Baileys does."""
    return _object(message, _DEEPEST)


def baileys_key(info: JsonObject) -> JsonObject:
    """Write whose message it is as Baileys' key."""
    from_me = flag(info, "IsFromMe")
    return {
        "id": text(info, "ID"),
        "fromMe": info.get("IsFromMe"),
        "remoteJid": text(info, "Chat"),
        "remoteJidAlt": text(info, "RecipientAlt" if from_me else "SenderAlt"),
        "participant": text(info, "Sender"),
        "participantAlt": text(info, "SenderAlt"),
    }


def receipts_chat(receipt: JsonObject) -> JsonObject:
    """Write the chat of a receipt as Baileys' key does; who wrote the message is not told by it."""
    said = baileys_key(receipt)
    return {name: said[name] for name in ("remoteJid", "remoteJidAlt")}


def _object(holder: JsonObject, levels: int) -> JsonObject:
    found: JsonObject = {}
    for name, value in holder.items():
        if isinstance(value, dict) and _CHOICE.match(name):
            found |= {_spelt(inner): _form(chosen, levels - 1) for inner, chosen in value.items()}
        else:
            found[_spelt(name)] = _form(value, levels - 1)
    return found


def _form(value: JsonValue, levels: int) -> JsonValue:
    if not isinstance(value, dict | list):
        return value
    if levels <= 0:
        return None
    if isinstance(value, dict):
        return _object(value, levels)
    return [_form(inner, levels - 1) for inner in value]


def _spelt(name: str) -> str:
    spelt = name if name.islower() else _CAPITALS.sub(lambda found: found[0].capitalize(), name)
    return spelt[:1].lower() + spelt[1:]
