"""What is kept of a gateway's message beside its meaning: no secrets, no bytes, a bounded size."""

import json
import math
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from pydantic import JsonValue

from shared.contracts.base import LONGEST_NAME
from shared.gateways.reading import JsonObject, cleaned, embedded, mapping

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
# A name of a secret holds one of these once its capitals are small and all but letters and digits
# are left out.
SECRET_WORDS = (*_SECRET_NAMES, *_SECRET_ENDINGS)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_ESSENTIAL = ("remoteJid", "remoteJidAlt", "fromMe", "id", "participant", "participantAlt")


class _TooLargeError(Exception):
    """More would be kept than there is room for."""


class _Room:
    """How many more characters may be kept, and which texts nobody reads.

    The work ends with the room: of a message of megabytes no more is read than may be kept.
    """

    def __init__(self, left: int, is_noise: IsNoise | None) -> None:
        self.left = left
        self.is_noise = is_noise

    def take(self, characters: int) -> None:
        self.left -= characters
        if self.left < 0:
            raise _TooLargeError


def redacted(message: JsonObject, is_noise: IsNoise | None = None) -> str:
    """Give the message as JSON text; one that stays too large is cut to its key and its type.

    Texts that are noise become null.
    """
    if kept := _kept(message, LARGEST, is_noise):
        return kept[1]
    return _dumped(
        {
            "key": _scalars(mapping(message, "key"), _ESSENTIAL),
            **_scalars(message, ("messageType", "messageTimestamp")),
        }
    )


def within(message: JsonObject, largest: int) -> JsonObject | None:
    """Give what is kept of a message; None where its JSON text has more than `largest` bytes."""
    kept = _kept(message, largest, None)
    return kept[0] if kept else None


def is_secret(name: str) -> bool:
    """Tell whether a member or header of this name holds a secret, or bytes that nobody reads.

    A name longer than any that a gateway has is nobody's to read either.
    """
    return len(name) > LONGEST_NAME or _is_secret(name)


@lru_cache(maxsize=1024)  # every message repeats the same few names
def _is_secret(name: str) -> bool:
    plain = name.lower()
    if not (plain.isascii() and plain.isalnum()):
        plain = _NOT_LETTERS.sub("", plain)
    return plain in _SECRET_NAMES or plain.endswith(_SECRET_ENDINGS)


def _kept(
    message: JsonObject, largest: int, is_noise: IsNoise | None
) -> tuple[JsonObject, str] | None:
    try:
        kept = _members(message, _DEEPEST, _Room(largest, is_noise))
    except _TooLargeError:
        return None
    written = _dumped(kept)
    return (kept, written) if len(written.encode()) <= largest else None


def _dumped(value: JsonValue) -> str:
    return _ENCODER.encode(value)


def _stripped(value: JsonValue, levels: int, room: _Room) -> JsonValue:
    match value:
        case dict() | list() if levels == 0:
            kept = None
        case dict():
            return _members(value, levels, room)
        case list():
            room.take(len("[]"))
            return [_stripped(inner, levels - 1, room) for inner in value if not _is_bytes(inner)]
        case str() if room.is_noise and room.is_noise(value):
            kept = None
        case _:
            kept = _scalar(value)
    room.take(len(kept) + len('""') if isinstance(kept, str) else 1)  # at least
    return kept


def _members(holder: JsonObject, levels: int, room: _Room) -> JsonObject:
    room.take(len("{}"))
    kept: JsonObject = {}
    for name, value in holder.items():
        if is_secret(name) or (isinstance(value, dict) and _is_bytes(value)):
            continue
        clean = cleaned(name)
        room.take(len(clean) + len('"":'))
        if isinstance(value, str) and _is_json(name, value, room):
            kept[clean] = _opened(holder, name, levels - 1, room)
        else:
            kept[clean] = _stripped(value, levels - 1, room)
    return kept


def _is_json(name: str, value: str, room: _Room) -> bool:
    return name.lower().endswith("json") and not (room.is_noise and room.is_noise(value))


def _opened(holder: JsonObject, name: str, levels: int, room: _Room) -> JsonValue:
    """Open what is JSON text by its name, such as a flow's `paramsJson`: it may hold tokens."""
    inside = _Room(room.left, None)
    kept = _stripped(embedded(holder, name), levels, inside)
    room.left = inside.left
    return kept


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
