"""What is kept of a gateway's message beside its meaning: no secrets, no bytes, a bounded size."""

import json
import math
import re
from collections.abc import Iterable
from functools import lru_cache

from pydantic import JsonValue

from shared.gateways.reading import JsonObject, cleaned, embedded, mapping

LARGEST = 16 * 1024  # bytes of UTF-8
_DEEPEST = 24  # levels: a quoted message in a wrapped message has about ten
_LARGEST_INTEGER = 2**63
_LONGEST_ESSENTIAL = 255  # characters

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
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_NOT_LETTERS = re.compile(r"[^a-z0-9]")
_ESSENTIAL = ("remoteJid", "remoteJidAlt", "fromMe", "id", "participant", "participantAlt")


def redacted(message: JsonObject) -> str:
    """Give the message as JSON text; one that stays too large is cut to its key and its type."""
    whole = _dumped(_stripped(message, _DEEPEST))
    if len(whole.encode()) <= LARGEST:
        return whole
    return _dumped(
        {
            "key": _scalars(mapping(message, "key"), _ESSENTIAL),
            **_scalars(message, ("messageType", "messageTimestamp")),
        }
    )


@lru_cache(maxsize=1024)  # every message repeats the same few names
def is_secret(name: str) -> bool:
    """Tell whether a member or header of this name holds a secret, or bytes that nobody reads."""
    plain = _NOT_LETTERS.sub("", name.lower())
    return plain in _SECRET_NAMES or plain.endswith(_SECRET_ENDINGS)


def _dumped(value: JsonValue) -> str:
    return _ENCODER.encode(value)


def _stripped(value: JsonValue, levels: int) -> JsonValue:
    match value:
        case dict() | list() if levels == 0:
            return None
        case dict():
            return {
                cleaned(name): _stripped(_opened(value, name), levels - 1)
                for name, inner in value.items()
                if not is_secret(name) and not _is_bytes(inner)
            }
        case list():
            return [_stripped(inner, levels - 1) for inner in value if not _is_bytes(inner)]
        case _:
            return _scalar(value)


def _opened(holder: JsonObject, name: str) -> JsonValue:
    """Open what is JSON text by its name, such as a flow's `paramsJson`: it may hold tokens."""
    value = holder[name]
    is_json = isinstance(value, str) and name.lower().endswith("json")
    return embedded(holder, name) if is_json else value


def _scalar(value: JsonValue) -> JsonValue:
    match value:
        case str():
            return None if value.startswith("data:") and ";base64," in value else cleaned(value)
        case bool():
            return value
        case int():
            return value if abs(value) < _LARGEST_INTEGER else None
        case float():
            return value if math.isfinite(value) else None
        case _:
            return None


def _is_bytes(value: JsonValue) -> bool:
    """Recognise bytes that went through JSON: `{"0": 12, …}` or Node's `{"type": "Buffer", …}`."""
    if not isinstance(value, dict) or not value:
        return False
    if value.get("type") == "Buffer":
        return True
    return all(name.isdecimal() and isinstance(byte, int) for name, byte in value.items())


def _scalars(holder: JsonObject, names: Iterable[str]) -> JsonObject:
    found = {name: _scalar(holder.get(name)) for name in names}
    return {
        name: value[:_LONGEST_ESSENTIAL] if isinstance(value, str) else value
        for name, value in found.items()
        if value is not None
    }
