"""Go's spelling of WhatsApp's proto form, respelled as Baileys writes it."""

import re

from pydantic import JsonValue

from shared.gateways.reading import JsonObject

_DEEPEST = 24  # levels, as what is kept of a message
# A match begins where a run of capitals does: tried anywhere in it, a long run takes its square.
_RUN = re.compile(r"(?<![A-Z])(?:[A-Z]{2,}(?=[A-Z][a-z]|[0-9]|$)|[A-Z]{2,}(?=[a-z]))")
_ONE_OF = re.compile(r"[A-Z][a-z]")


def respelled(value: JsonValue, levels: int = _DEEPEST) -> JsonValue:
    """Respell the names of members at any depth: `stanzaID` is `stanzaId`, `URL` is `url`.

    Go wraps what a proto calls `oneof` in a member with a capital, which Baileys does not have.
    """
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        return None
    if isinstance(value, dict):
        return _respelled(value, levels - 1)
    return [respelled(inner, levels - 1) for inner in value]


def _respelled(holder: JsonObject, levels: int) -> JsonObject:
    found: JsonObject = {}
    for name, value in holder.items():
        if isinstance(value, dict) and _ONE_OF.match(name):
            found |= {_name(member): respelled(inner, levels) for member, inner in value.items()}
        else:
            found[_name(name)] = respelled(value, levels)
    return found


def _name(name: str) -> str:
    plain = name if name.islower() else _RUN.sub(lambda run: run[0].capitalize(), name)
    return plain[:1].lower() + plain[1:]
