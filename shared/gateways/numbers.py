"""The same telephone written in two ways: with and without the digit that a country added.

Only for finding a contact again; what one sends to is the address as it came (field notes 3.6).
"""

import re

# Brazil put a 9 before mobile numbers; landlines (2 to 5) never had one.
_BRAZIL_LONG = re.compile(r"(55[1-9][0-9])9([6-9][0-9]{7})")
_BRAZIL_SHORT = re.compile(r"(55[1-9][0-9])([6-9][0-9]{7})")
_MEXICO_LONG = re.compile(r"(52)1([0-9]{10})")
_MEXICO_SHORT = re.compile(r"(52)([0-9]{10})")
_ARGENTINA_LONG = re.compile(r"(54)9([0-9]{10})")
_ARGENTINA_SHORT = re.compile(r"(54)([0-9]{10})")

_SPELLINGS = (
    (_BRAZIL_LONG, ""),
    (_BRAZIL_SHORT, "9"),
    (_MEXICO_LONG, ""),
    (_MEXICO_SHORT, "1"),
    (_ARGENTINA_LONG, ""),
    (_ARGENTINA_SHORT, "9"),
)


def other_spelling(number: str) -> str | None:
    """Give the other way in which a gateway may write this number; None where there is one way."""
    for pattern, digit in _SPELLINGS:
        if found := pattern.fullmatch(number):
            return f"{found[1]}{digit}{found[2]}"
    return None
