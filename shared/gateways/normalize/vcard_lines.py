"""The lines of a vCard, unfolded and decoded.

Version 2.1 writes letters beyond ASCII as quoted-printable, such as `=C3=A9`.
"""

import quopri
from collections.abc import Iterator

from shared.gateways.normalize.json_values import clean_text

_LATIN = {"ISO-8859-1": "cp1252", "WINDOWS-1252": "cp1252"}  # all others are read as UTF-8


def decode_lines(vcard: str) -> Iterator[str]:
    """Yield the lines of a vCard, each property on one line, without quoted-printable."""
    for parts in _unfold(vcard):
        line = "".join(parts)
        yield _decode(line) if _is_quoted_printable(parts[0]) else line


def _unfold(vcard: str) -> Iterator[list[str]]:
    """Yield the parts of each property, which a space or a soft line break continues."""
    parts: list[str] = []
    is_quoted = is_soft = False
    for line in vcard.replace("\r\n", "\n").split("\n"):
        is_folded = not is_soft and line.startswith((" ", "\t"))
        if parts and not is_soft and not is_folded:
            yield parts
            parts = []
        is_quoted = is_quoted if parts else _is_quoted_printable(line)
        is_soft = is_quoted and line.endswith("=")
        parts.append(line[1 if is_folded and parts else 0 : -1 if is_soft else None])
    yield parts


def _is_quoted_printable(line: str) -> bool:
    return "QUOTED-PRINTABLE" in line.partition(":")[0].upper()


def _decode(line: str) -> str:
    head, _, value = line.partition(":")
    parameters = (part.upper().partition("=") for part in head.split(";"))
    charset = next((value for name, _, value in parameters if name == "CHARSET"), "")
    encoding = _LATIN.get(charset, "utf-8")
    decoded = quopri.decodestring(value.encode(encoding, "replace")).decode(encoding, "replace")
    return f"{head}:{' '.join(clean_text(decoded).split())}"
