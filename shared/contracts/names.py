"""Names that people give themselves, and texts in their place that are none."""

import re
import unicodedata

from shared.contracts.base import LONGEST_NAME

_NUMBER = re.compile(r"[~+(\s]*\d[\d\s().+/-]*")
_ADDRESS = re.compile(r"\S+@(?:s\.whatsapp\.net|c\.us|lid|hosted|hosted\.lid|g\.us)", re.IGNORECASE)
# Letters that fonts show as nothing: the fillers of Hangul, and the empty pattern of Braille.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})  # controls, zero-width, spaces
_COMBINING = frozenset({"Mn", "Me"})  # they need a letter to be seen


def read_name(text: object) -> str | None:
    """Return a person's name without invisible characters around it.

    Return None for a number, an address, and what is blank or not text: it is no name.
    """
    if not isinstance(text, str):
        return None
    name = text[:LONGEST_NAME]
    visible = [place for place, character in enumerate(name) if not _is_invisible(character)]
    if all(unicodedata.category(name[place]) in _COMBINING for place in visible):
        return None
    name = name[visible[0] : visible[-1] + 1]
    return None if _NUMBER.fullmatch(name) or _ADDRESS.fullmatch(name) else name


def find_name(*texts: object) -> str | None:
    """Return the first of these texts that is a name, as `read_name` reads it."""
    return next(filter(None, map(read_name, texts)), None)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE or character in _BLANK_LETTERS
