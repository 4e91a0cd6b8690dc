"""The people that a change of a Cloud API webhook names beside its messages, found by address.

They are read once for the change, not for each of its messages: both may be thousands.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from shared.contracts.base import LONGEST_NAME
from shared.gateways.identity import LONGEST_ADDRESS, address
from shared.gateways.reading import JsonObject, mapping, text
from shared.gateways.redaction import within

LARGEST_KEPT = 512  # bytes of a contact that are kept with each of its messages
IDS = ("wa_id", "user_id", "parent_user_id")
_IDS = frozenset(IDS)

# One telephone is written with and without this digit: Brazil, Mexico, Argentina.
_MOBILE_DIGIT = re.compile(r"(55[0-9]{2})9(?=[0-9]{8}$)|(52)1(?=[0-9]{10}$)|(54)9(?=[0-9]{10}$)")
_NUMBER_LIKE = re.compile(r"[+(]?[0-9][0-9 ().-]{5,}")


@dataclass(frozen=True, slots=True)
class Contact:
    """A person beside the messages: their ids, their name, and what is kept of the rest."""

    ids: tuple[str, ...] = ()
    name: str | None = None
    kept: JsonObject | None = None


NOBODY = Contact()


class People:
    """The contacts of one change."""

    def __init__(self, contacts: Iterable[JsonValue]) -> None:
        self._contacts = [contact for contact in contacts if isinstance(contact, dict)]
        self._read: dict[int, Contact] = {}

    @cached_property
    def has_number(self) -> bool:
        """Whether the number of anybody is told."""
        return any(text(contact, "wa_id") for contact in self._contacts)

    def of(self, aliases: Iterable[str]) -> Contact:
        """Find the first contact that has one of the addresses; the only one, where none is."""
        wanted = {folded(found.canonical) for found in map(address, aliases) if found is not None}
        if not wanted and len(self._contacts) == 1:
            return self._at(0)
        places = [self._places[name] for name in wanted if name in self._places]
        return self._at(min(places)) if places else NOBODY

    @cached_property
    def _places(self) -> dict[str, int]:
        places: dict[str, int] = {}
        for place, contact in enumerate(self._contacts):
            if _IDS.isdisjoint(contact):
                continue
            for found in map(address, _ids(contact)):
                if found is not None:
                    places.setdefault(folded(found.canonical), place)
        return places

    def _at(self, place: int) -> Contact:
        if place not in self._read:
            self._read[place] = _contact(self._contacts[place])
        return self._read[place]


def names(holder: JsonObject, members: Iterable[str]) -> Iterator[str]:
    """Give those of the named members that are text, without the spaces around."""
    return (name for member in members if (name := text(holder, member).strip()))


def folded(canonical: str) -> str:
    """Write a number as it was before its country added a digit, so that both are one."""
    return _MOBILE_DIGIT.sub(lambda found: found[1] or found[2] or found[3], canonical)


def _ids(contact: JsonObject) -> Iterator[str]:
    return (name for name in names(contact, IDS) if len(name) <= LONGEST_ADDRESS)


def _contact(told: JsonObject) -> Contact:
    ids, name = tuple(_ids(told)), _name(told)
    kept = within(told, LARGEST_KEPT)
    if kept is None:
        known: JsonObject = {member: told[member] for member in IDS if told.get(member) in ids}
        kept = {"profile": {"name": name}, **known}
    return Contact(ids, name, kept if told else None)


def _name(told: JsonObject) -> str | None:
    """Give what they call themselves, unless that is but an address."""
    name = text(mapping(told, "profile"), "name", "username").strip()
    name = name or text(told, "username").strip()
    if _NUMBER_LIKE.fullmatch(name) or name in names(told, IDS):
        return None
    return name[:LONGEST_NAME] or None
