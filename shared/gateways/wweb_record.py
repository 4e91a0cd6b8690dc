"""Words and bytes in whatsapp-web's form: thumbnails and files hide under any name.

`body` is a message's words, or a picture's bytes in base64, with nothing to tell them apart by.
"""

import re

from shared.gateways.reading import JsonObject, text
from shared.gateways.redaction import redacted

_SHORTEST_FILE = 160  # characters
_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{_SHORTEST_FILE},}}={{0,2}}")
_STARTS = ("/9j/", "iVBORw0KGgo", "UklGR")  # JPEG, PNG, WebP
# Only so far: "data: 10/12" is how a date is written in Portuguese.
_DATA_URL = re.compile(r"data:[^\s,]*;base64,", re.IGNORECASE)


def is_bytes(said: str) -> bool:
    """Tell whether the text is a file in base64, which a person would not write."""
    stripped = said.strip()
    if stripped.startswith(_STARTS) or _DATA_URL.match(stripped):
        return True
    return len(stripped) >= _SHORTEST_FILE and _BASE64.fullmatch(stripped) is not None


def words(holder: JsonObject, *names: str) -> str:
    """Give the first of the named members that holds words, else ''."""
    return next((said for name in names if not is_bytes(said := text(holder, name)) and said), "")


def recorded(message: JsonObject) -> str:
    """Give the message as JSON text without secrets and bytes."""
    return redacted(message, is_bytes)
