"""The redacted copy of a message that is stored with it.

Secrets and bytes are left out, and the size is bounded.
"""

import json
import math
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from pydantic import JsonValue

from shared.contracts.base import LONGEST_NAME
from shared.gateways.normalize.json_values import (
    JsonObject,
    clean_text,
    parse_embedded_json,
    read_object,
)

LARGEST = 16 * 1024  # bytes of UTF-8
_DEEPEST = 24  # levels: a quoted message in a wrapped message has about ten
_LARGEST_INTEGER = 2**63
_LONGEST_ESSENTIAL = 255  # characters

IsNoise = Callable[[str], bool]

_SECRET_NAMES = frozenset(
    {
        "apikey",
        "authorization",
        "base64",
        "waveform",
        "conversiondata",
        "ctwapayload",
        "pairingcode",
        "qr",
        "qrcode",
        "qrdataurl",
        "encpayload",
        "enciv",
        "messagecontextinfo",
        "reportingtokeninfo",
        "devicelistmetadata",
        "devicelistmetadataversion",
        "initialhistbootstrapinlinepayload",
    }
)
_SECRET_ENDINGS = (
    "apikey",
    "mediakey",
    "secret",
    "password",
    "token",
    "sha256",
    "sidecar",
    "thumbnail",
    "keydistributionmessage",
)
# Names of secrets contain one of these words, in lower case and without other characters.
SECRET_WORDS = (*_SECRET_NAMES, *_SECRET_ENDINGS)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_ESSENTIAL = ("remoteJid", "remoteJidAlt", "fromMe", "id", "participant", "participantAlt")


class _TooLargeError(Exception):
    """The redacted message exceeds its budget."""


class _Budget:
    """The number of characters that may still be kept, and which texts to leave out.

    The budget also limits the CPU time for a message of several megabytes.
    """

    def __init__(self, largest: int, is_noise: IsNoise | None) -> None:
        self.left = largest
        self.is_noise = is_noise

    def take(self, characters: int) -> None:
        self.left -= characters
        if self.left < 0:
            raise _TooLargeError


def redact_message(message: JsonObject, is_noise: IsNoise | None = None) -> str:
    """Return the message as JSON text without secrets and bytes; `is_noise` texts become null.

    A message of more than `LARGEST` bytes is reduced to its key, type and time.
    """
    if redacted := _redact(message, LARGEST, is_noise):
        return redacted[1]
    return _write_json(
        {
            "key": _pick_scalars(read_object(message, "key"), _ESSENTIAL),
            **_pick_scalars(message, ("messageType", "messageTimestamp")),
        }
    )


def redact_within(message: JsonObject, largest: int) -> JsonObject | None:
    """Return the redacted message; None if its JSON text exceeds `largest` bytes."""
    redacted = _redact(message, largest, None)
    return redacted[0] if redacted else None


def is_secret(name: str) -> bool:
    """Return whether a member or header with this name has a secret or bytes as value.

    Names that are longer than those of any gateway count as secrets, too.
    """
    return len(name) > LONGEST_NAME or _is_secret(name)


@lru_cache(maxsize=1024)  # every message repeats the same few names
def _is_secret(name: str) -> bool:
    plain = name.lower()
    if not (plain.isascii() and plain.isalnum()):
        plain = _NOT_LETTERS.sub("", plain)
    return plain in _SECRET_NAMES or plain.endswith(_SECRET_ENDINGS)


def _redact(
    message: JsonObject, largest: int, is_noise: IsNoise | None
) -> tuple[JsonObject, str] | None:
    try:
        redacted = _redact_members(message, _DEEPEST, _Budget(largest, is_noise))
    except _TooLargeError:
        return None
    json_text = _write_json(redacted)
    return (redacted, json_text) if len(json_text.encode()) <= largest else None


def _write_json(value: JsonValue) -> str:
    return _ENCODER.encode(value)


def _redact_value(value: JsonValue, levels: int, budget: _Budget) -> JsonValue:
    match value:
        case dict() | list() if levels == 0:
            scalar = None
        case dict():
            return _redact_members(value, levels, budget)
        case list():
            budget.take(len("[]"))
            return [
                _redact_value(inner, levels - 1, budget) for inner in value if not _is_bytes(inner)
            ]
        case str() if budget.is_noise and budget.is_noise(value):
            scalar = None
        case _:
            scalar = _clean_scalar(value)
    budget.take(len(scalar) + len('""') if isinstance(scalar, str) else 1)  # at least
    return scalar


def _redact_members(holder: JsonObject, levels: int, budget: _Budget) -> JsonObject:
    budget.take(len("{}"))
    redacted: JsonObject = {}
    for name, value in holder.items():
        if is_secret(name) or (isinstance(value, dict) and _is_bytes(value)):
            continue
        clean_name = clean_text(name)
        budget.take(len(clean_name) + len('"":'))
        if isinstance(value, str) and _is_json_text(name, value, budget):
            redacted[clean_name] = _redact_json_text(holder, name, levels - 1, budget)
        else:
            redacted[clean_name] = _redact_value(value, levels - 1, budget)
    return redacted


def _is_json_text(name: str, value: str, budget: _Budget) -> bool:
    return name.lower().endswith("json") and not (budget.is_noise and budget.is_noise(value))


def _redact_json_text(holder: JsonObject, name: str, levels: int, budget: _Budget) -> JsonValue:
    """Parse a member that holds JSON, such as `paramsJson` of a flow: it may hold tokens."""
    inner_budget = _Budget(budget.left, None)
    redacted = _redact_value(parse_embedded_json(holder, name), levels, inner_budget)
    budget.left = inner_budget.left
    return redacted


def _clean_scalar(value: JsonValue) -> JsonValue:
    match value:
        case str():
            return None if value.startswith("data:") and ";base64," in value else clean_text(value)
        case bool():
            return value
        case int():
            return value if abs(value) < _LARGEST_INTEGER else None
        case float():
            return value if math.isfinite(value) else None
        case _:
            return None


def _is_bytes(value: JsonValue) -> bool:
    """Return whether a value is bytes in JSON: `{"0": 12, …}` or Node's `{"type": "Buffer", …}`."""
    if not isinstance(value, dict) or not value:
        return False
    if value.get("type") == "Buffer":
        return True
    return all(name.isdecimal() and isinstance(byte, int) for name, byte in value.items())


def _pick_scalars(holder: JsonObject, names: Iterable[str]) -> JsonObject:
    scalars = {name: _clean_scalar(holder.get(name)) for name in names}
    return {
        name: value[:_LONGEST_ESSENTIAL] if isinstance(value, str) else value
        for name, value in scalars.items()
        if value is not None
    }
