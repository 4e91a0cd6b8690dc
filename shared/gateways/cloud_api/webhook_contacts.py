"""Contacts that a change of a webhook lists beside its messages, found by address.

They are parsed once per change, not once per message: both may be thousands.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from shared.contracts.names import find_name
from shared.gateways.normalize.addresses import LONGEST_ADDRESS, parse_address
from shared.gateways.normalize.json_values import JsonObject, clean_text, read_object, read_text
from shared.gateways.normalize.redaction import redact_within

LARGEST_CONTACT = 512  # bytes of a redacted contact, which is stored with each of its messages
IDS = ("wa_id", "user_id", "parent_user_id")
_IDS = frozenset(IDS)

# Mobile numbers of these countries exist with and without this digit: Brazil, Mexico, Argentina.
_MOBILE_DIGIT = re.compile(r"(55[0-9]{2})9(?=[0-9]{8}$)|(52)1(?=[0-9]{10}$)|(54)9(?=[0-9]{10}$)")


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact in `contacts`: its ids, its name, and the redacted object."""

    ids: tuple[str, ...] = ()
    name: str | None = None
    redacted: JsonObject | None = None


NOBODY = Contact()


class People:
    """The contacts of one change."""

    def __init__(self, contacts: Iterable[JsonValue]) -> None:
        self._contacts = [contact for contact in contacts if isinstance(contact, dict)]
        self._read: dict[int, Contact] = {}

    def find(self, aliases: Iterable[str]) -> Contact:
        """Return the first contact with one of the addresses; without addresses, the only one."""
        canonicals = {
            remove_extra_digit(address.canonical)
            for address in map(parse_address, aliases)
            if address is not None
        }
        if not canonicals and len(self._contacts) == 1:
            return self._get(0)
        indexes = [
            self._index_by_address[name] for name in canonicals if name in self._index_by_address
        ]
        return self._get(min(indexes)) if indexes else NOBODY

    @cached_property
    def _index_by_address(self) -> dict[str, int]:
        indexes: dict[str, int] = {}
        for index, contact in enumerate(self._contacts):
            if _IDS.isdisjoint(contact):
                continue
            for address in map(parse_address, _list_ids(contact)):
                if address is not None:
                    indexes.setdefault(remove_extra_digit(address.canonical), index)
        return indexes

    def _get(self, index: int) -> Contact:
        if index not in self._read:
            self._read[index] = _read_contact(self._contacts[index])
        return self._read[index]


def list_addresses(holder: JsonObject, members: Iterable[str]) -> Iterator[str]:
    """Yield those of the named members that are text, stripped."""
    return (name for member in members if (name := read_text(holder, member).strip()))


def remove_extra_digit(canonical: str) -> str:
    """Return a number without the digit that its country added, so that both spellings match."""
    return _MOBILE_DIGIT.sub(lambda found: found[1] or found[2] or found[3], canonical)


def _list_ids(contact: JsonObject) -> Iterator[str]:
    return (name for name in list_addresses(contact, IDS) if len(name) <= LONGEST_ADDRESS)


def _read_contact(contact: JsonObject) -> Contact:
    ids, name = tuple(_list_ids(contact)), _read_name(contact)
    redacted = redact_within(contact, LARGEST_CONTACT)
    if redacted is None:
        ids_alone: JsonObject = {
            member: contact[member] for member in IDS if contact.get(member) in ids
        }
        redacted = {"profile": {"name": name}, **ids_alone}
    return Contact(ids, name, redacted if contact else None)


def _read_name(contact: JsonObject) -> str | None:
    """Return the name of a contact; None if it is only an address."""
    profile = read_object(contact, "profile")
    name = find_name(profile.get("name"), profile.get("username"), contact.get("username"))
    return None if name is None or name in list_addresses(contact, IDS) else clean_text(name)
