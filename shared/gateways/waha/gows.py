"""Messages of whatsmeow, WAHA's GOWS engine, respelled as Baileys writes them."""

import re

from pydantic import JsonValue

from shared.gateways.normalize.json_values import JsonObject, read_flag, read_text

_DEEPEST = 24  # levels, as in normalize/redaction.py
# The ID of stanzaID, the JPEG of JPEGThumbnail. A match starts only where a run of capitals starts:
# otherwise long runs take quadratic time.
_CAPITALS = re.compile(r"(?<![A-Z])[A-Z]{2,}(?=[A-Z][a-z]|[0-9]|$)")
_CHOICE = re.compile(r"[A-Z][a-z]")  # Go's wrapper around a protobuf `oneof`


def respell_message(message: JsonObject) -> JsonObject:
    """Return a message with Baileys' member names."""
    return _respell_object(message, _DEEPEST)


def build_gows_key(info: JsonObject) -> JsonObject:
    """Return the key of a message in Baileys' form."""
    from_me = read_flag(info, "IsFromMe")
    return {
        "id": read_text(info, "ID"),
        "fromMe": info.get("IsFromMe"),
        "remoteJid": read_text(info, "Chat"),
        "remoteJidAlt": read_text(info, "RecipientAlt" if from_me else "SenderAlt"),
        "participant": read_text(info, "Sender"),
        "participantAlt": read_text(info, "SenderAlt"),
    }


def build_receipt_chat(receipt: JsonObject) -> JsonObject:
    """Return the chat of a receipt in Baileys' form; the message's author is not in it."""
    key = build_gows_key(receipt)
    return {name: key[name] for name in ("remoteJid", "remoteJidAlt")}


def _respell_object(holder: JsonObject, levels: int) -> JsonObject:
    respelled: JsonObject = {}
    for name, value in holder.items():
        if isinstance(value, dict) and _CHOICE.match(name):
            respelled |= {
                _respell_name(inner): _respell_value(member, levels - 1)
                for inner, member in value.items()
            }
        else:
            respelled[_respell_name(name)] = _respell_value(value, levels - 1)
    return respelled


def _respell_value(value: JsonValue, levels: int) -> JsonValue:
    if not isinstance(value, dict | list):
        return value
    if levels <= 0:
        return None
    if isinstance(value, dict):
        return _respell_object(value, levels)
    return [_respell_value(inner, levels - 1) for inner in value]


def _respell_name(name: str) -> str:
    respelled = name if name.islower() else _CAPITALS.sub(lambda run: run[0].capitalize(), name)
    return respelled[:1].lower() + respelled[1:]
