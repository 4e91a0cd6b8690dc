"""The customers of a company: each follows from its place in the company's list and the seed.

So nothing about a customer has to be kept in memory but its id.
"""

from dataclasses import dataclass
from typing import Final

from shared.generate.words import build_name

MASK: Final = 2**64 - 1
AREA_CODES: Final = (11, 11, 11, 19, 21, 21, 27, 31, 41, 48, 51, 61, 62, 67, 71, 81, 85, 91, 92, 98)
FIRST_AREA_WITH_SHORT_NUMBERS: Final = 31  # WhatsApp knows older ones there without the ninth digit
SUBSCRIBERS: Final = 40_000_000  # mobile numbers begin with 6 to 9
LANDLINES: Final = 10_000_000  # those that begin with 3
STEP: Final = 7_368_787  # has no factor in common with either, so that no number comes twice
FIRST_LID: Final = 10**14

SHORT_SHARE: Final = 0.6
LANDLINE_SHARE: Final = 0.03
LID_SHARE: Final = 0.3
ONLY_LID_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Person:
    """A customer's name and addresses; `number` is None if only the LID is known.

    `line` is between 0 and 1, for the line of the company to which the customer writes.
    """

    name: str
    number: str | None
    lid: str | None
    line: float

    @property
    def jid(self) -> str | None:
        """Return the address with the number."""
        return f"{self.number}@s.whatsapp.net" if self.number else None

    @property
    def remote_jid(self) -> str:
        """Return the address for replies."""
        return self.jid or self.lid or ""

    @property
    def chat(self) -> str:
        """Return the number, or the LID if that is all."""
        return self.number or self.lid or ""


def describe_person(seed: int, company: int, place: int) -> Person:
    """Return the customer at a place of the list of a company, both counted from 0."""
    bits = _mix(seed * 1_000_003 + company * SUBSCRIBERS + place)
    kind, line = (bits & 0xFFFF) / 0x10000, (bits >> 16 & 0xFFFF) / 0x10000
    lid = f"{FIRST_LID + (company * SUBSCRIBERS + place * STEP % SUBSCRIBERS) * 211 + 17}@lid"
    name = build_name(bits >> 32)
    if kind < ONLY_LID_SHARE:
        return Person(name, None, lid, line)
    number = _build_number(bits >> 24, place)
    return Person(name, number, lid if kind < LID_SHARE else None, line)


def _build_number(bits: int, place: int) -> str:
    area = AREA_CODES[bits % len(AREA_CODES)]
    share = (bits >> 8 & 0xFFFF) / 0x10000
    if share < LANDLINE_SHARE:
        return f"55{area}3{place * STEP % LANDLINES:07}"
    subscriber = 60_000_000 + place * STEP % SUBSCRIBERS
    is_short = area >= FIRST_AREA_WITH_SHORT_NUMBERS and share < SHORT_SHARE
    return f"55{area}{'' if is_short else '9'}{subscriber}"


def _mix(value: int) -> int:
    """Return 64 bits that look random and depend on the value only (SplitMix64)."""
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31
