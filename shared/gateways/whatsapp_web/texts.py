"""Distinguishes texts from base64 files in messages of WhatsApp Web.

A member such as `body` may have the text of a message or a thumbnail in base64; nothing else in
the message distinguishes them.
"""

import re

from shared.gateways.normalize.json_values import JsonObject, read_text
from shared.gateways.normalize.redaction import redact_message

_SHORTEST_FILE = 160  # characters
_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{_SHORTEST_FILE},}}={{0,2}}")
_STARTS = ("/9j/", "iVBORw0KGgo", "UklGR")  # JPEG, PNG, WebP
# With `;base64,`, because "data: 10/12" is a date in Portuguese.
_DATA_URL = re.compile(r"data:[^\s,]*;base64,", re.IGNORECASE)


def is_base64(text: str) -> bool:
    """Return whether a text is a file in base64, which a person would not write."""
    stripped = text.strip()
    if stripped.startswith(_STARTS) or _DATA_URL.match(stripped):
        return True
    return len(stripped) >= _SHORTEST_FILE and _BASE64.fullmatch(stripped) is not None


def read_words(holder: JsonObject, *names: str) -> str:
    """Return the first of the named members that is text and not base64, else ''."""
    return next(
        (text for name in names if not is_base64(text := read_text(holder, name)) and text), ""
    )


def redact_web_message(message: JsonObject) -> str:
    """Return the message as JSON text without secrets and bytes."""
    return redact_message(message, is_base64)
