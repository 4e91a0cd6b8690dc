"""The two spellings of one telephone number: with and without the digit that a country added.

Used to find contacts; messages are sent to the address as received (docs/gateways.md).
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


def find_other_spelling(number: str) -> str | None:
    """Return the other spelling of a number; None if it has only one."""
    for pattern, digit in _SPELLINGS:
        if match := pattern.fullmatch(number):
            return f"{match[1]}{digit}{match[2]}"
    return None
