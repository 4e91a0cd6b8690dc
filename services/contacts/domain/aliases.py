"""What is known of BSUIDs and of changed numbers: which address a person has now.

A BSUID that was replaced leads to its successor, and that to a number. A number that changed leads
to the new one only for what is older than the change, for it may get another owner.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from services.contacts.domain.address_book import AddressBook, Identity
from services.contacts.domain.keys import NumberKey, UserIdKey
from shared.gateways.normalize.numbers import find_other_spelling

PHONE_SERVER = "@s.whatsapp.net"
MOST_CHANGES = 50  # of one person that are followed


@dataclass(frozen=True, slots=True)
class UserId:
    """A row of "BusinessUserIds"; `updated_at` is None for a new one."""

    company_id: int
    portfolio: str
    user_id: str
    contact_id: int | None = None
    new_user_id: str | None = None
    number: str | None = None
    number_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NumberChange:
    """A row of "NumberChanges"."""

    company_id: int
    number: str
    new_number: str
    changed_at: datetime


class Aliases:
    """An index of BSUIDs and of changed numbers that plans changes of them."""

    def __init__(self, user_ids: Iterable[UserId], changes: Iterable[NumberChange]) -> None:
        self._user_ids = {UserIdKey(u.company_id, u.portfolio, u.user_id): u for u in user_ids}
        self._changes: dict[NumberKey, dict[str, NumberChange]] = defaultdict(dict)
        for change in changes:
            self._changes[NumberKey(change.company_id, change.number)][change.new_number] = change
        self.changed: dict[UserIdKey, UserId] = {}
        self.new_changes: dict[tuple[NumberKey, str], NumberChange] = {}

    def resolve(self, identity: Identity, at: datetime) -> Identity:
        """Return the identity with the BSUID and the number that its person has now.

        `at` is when the identity was observed.
        """
        key = identity.user_id_key
        number = identity.number and self.follow(identity.company_id, identity.number, at)
        if key is not None:
            head = self.find_head(key)
            identity = replace(identity, user_id=head.user_id)
            number = number or self._find_number(head)
        if number == identity.number or number is None:
            return identity
        return replace(identity, number=number, jid=f"{number}{PHONE_SERVER}")

    def find_head(self, key: UserIdKey) -> UserIdKey:
        """Return the last successor of a BSUID, by default itself."""
        for _ in range(MOST_CHANGES):
            row = self._user_ids.get(key)
            if row is None or row.new_user_id is None:
                break
            key = key._replace(user_id=row.new_user_id)
        return key

    def follow(self, company_id: int, number: str, at: datetime) -> str:
        """Return the number that the person has now who had a number at a time."""
        for _ in range(MOST_CHANGES):
            next_change = min(
                (
                    change
                    for spelling in (number, find_other_spelling(number) or number)
                    for change in self._changes.get(NumberKey(company_id, spelling), {}).values()
                    if change.changed_at > at
                ),
                key=lambda change: (change.changed_at, change.new_number),
                default=None,
            )
            if next_change is None:
                break
            number, at = next_change.new_number, next_change.changed_at
        return number

    def add_change(self, change: NumberChange) -> bool:
        """Plan to save a change of a number; return False for the repetition of a known one."""
        key = NumberKey(change.company_id, change.number)
        known = self._changes[key].get(change.new_number)
        if known is not None and not self._came_back(known, change.changed_at):
            return False
        self._changes[key][change.new_number] = change
        self.new_changes[key, change.new_number] = change
        return True

    def link_number(self, key: UserIdKey, number: str, at: datetime) -> None:
        """Plan to save the number of a BSUID, unless a later one is known."""
        head = self.find_head(key)
        row = self._get(head)
        is_newer = row.number_at is None or (at, number) > (row.number_at, row.number or "")
        if row.number != number and is_newer:
            self._put(head, replace(row, number=number, number_at=at))

    def link_contact(self, key: UserIdKey, contact_id: int) -> None:
        """Plan to save the contact of a BSUID; the id may be a planned one."""
        head = self.find_head(key)
        row = self._get(head)
        if row.contact_id != contact_id:
            self._put(head, replace(row, contact_id=contact_id))

    def succeed(self, old: UserIdKey, new: UserIdKey) -> None:
        """Plan that a BSUID was replaced by another one, which gets its number and contact."""
        old_head, new_head = self.find_head(old), self.find_head(new)
        if old_head == new_head:
            return
        row = self._get(old_head)
        self._put(old_head, replace(row, new_user_id=new.user_id, number=None, number_at=None))
        if row.contact_id is not None and self._get(new_head).contact_id is None:
            self.link_contact(new_head, row.contact_id)
        if row.number is not None and row.number_at is not None:
            self.link_number(new_head, row.number, row.number_at)

    def _find_number(self, key: UserIdKey) -> str | None:
        row = self._user_ids.get(key)
        if row is None or row.number is None or row.number_at is None:
            return None
        return self.follow(key.company_id, row.number, row.number_at)

    def _came_back(self, known: NumberChange, at: datetime) -> bool:
        """Return whether the person had the old number again between two equal changes."""
        back = self._changes.get(NumberKey(known.company_id, known.new_number), {})
        change = back.get(known.number)
        return change is not None and known.changed_at < change.changed_at < at

    def _get(self, key: UserIdKey) -> UserId:
        return self._user_ids.get(key) or UserId(*key)

    def _put(self, key: UserIdKey, row: UserId) -> None:
        self._user_ids[key] = row
        self.changed[key] = row


def link_identity(
    aliases: Aliases, book: AddressBook, identity: Identity, contact_id: int, at: datetime
) -> None:
    """Plan to save the number and the contact of an identity's BSUID, if it has one."""
    key = identity.user_id_key
    if key is None:
        return
    aliases.link_contact(key, contact_id)
    if identity.number is not None:
        aliases.link_number(key, identity.number, at)
    for known in (key, aliases.find_head(key)):
        book.add_user_id(known, contact_id)
