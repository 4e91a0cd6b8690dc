"""Words and bytes in whatsapp-web's form: thumbnails and files hide under any name.

`body` is a message's words, or a picture's bytes in base64, with nothing to tell them apart by.
"""

import re

from pydantic import JsonValue

from shared.gateways.reading import JsonObject, text
from shared.gateways.redaction import redacted

_DEEPEST = 24  # levels, as far as what is kept goes
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{160,}={0,2}")
_STARTS = ("/9j/", "iVBORw0KGgo", "UklGR")  # JPEG, PNG, WebP
# Only so far: "data: 10/12" is how a date is written in Portuguese.
_DATA_URL = re.compile(r"data:[^\s,]*;base64,", re.IGNORECASE)


def is_bytes(said: str) -> bool:
    """Tell whether the text is a file in base64, which a person would not write."""
    stripped = said.strip()
    is_url = _DATA_URL.match(stripped) is not None
    return is_url or stripped.startswith(_STARTS) or _BASE64.fullmatch(stripped) is not None


def words(holder: JsonObject, *names: str) -> str:
    """Give the first of the named members that holds words, else ''."""
    return next((said for name in names if not is_bytes(said := text(holder, name)) and said), "")


def recorded(message: JsonObject) -> str:
    """Give the message as JSON text without secrets and bytes."""
    return redacted({name: _wordy(value, _DEEPEST) for name, value in message.items()})


def _wordy(value: JsonValue, levels: int) -> JsonValue:
    match value:
        case str():
            return None if is_bytes(value) else value
        case dict() | list() if levels == 0:
            return None
        case dict():
            return {name: _wordy(inner, levels - 1) for name, inner in value.items()}
        case list():
            return [_wordy(inner, levels - 1) for inner in value]
        case _:
            return value
