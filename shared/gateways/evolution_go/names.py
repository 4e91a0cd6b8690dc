"""Go's names for members of the protobuf form, respelled as Baileys writes them."""

import re

from pydantic import JsonValue

from shared.gateways.normalize.json_values import JsonObject

_DEEPEST = 24  # levels, as in normalize/redaction.py
# A match starts only where a run of capitals starts: otherwise long runs take quadratic time.
_RUN = re.compile(r"(?<![A-Z])(?:[A-Z]{2,}(?=[A-Z][a-z]|[0-9]|$)|[A-Z]{2,}(?=[a-z]))")
_ONE_OF = re.compile(r"[A-Z][a-z]")


def respell_names(value: JsonValue, levels: int = _DEEPEST) -> JsonValue:
    """Return the value with respelled names at any depth: `stanzaID` becomes `stanzaId`.

    Go wraps a protobuf `oneof` in a member with a capital letter; its members move one level up.
    """
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        return None
    if isinstance(value, dict):
        return _respell_object(value, levels - 1)
    return [respell_names(inner, levels - 1) for inner in value]


def _respell_object(holder: JsonObject, levels: int) -> JsonObject:
    respelled: JsonObject = {}
    for name, value in holder.items():
        if isinstance(value, dict) and _ONE_OF.match(name):
            respelled |= {
                _respell_name(member): respell_names(inner, levels)
                for member, inner in value.items()
            }
        else:
            respelled[_respell_name(name)] = respell_names(value, levels)
    return respelled


def _respell_name(name: str) -> str:
    plain = name if name.islower() else _RUN.sub(lambda run: run[0].capitalize(), name)
    return plain[:1].lower() + plain[1:]
