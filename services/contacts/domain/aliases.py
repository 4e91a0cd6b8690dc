"""What is known of BSUIDs and of changed numbers: which address a person has now.

A BSUID that was replaced leads to its successor, and that to a number. A number that changed leads
to the new one only for what is older than the change, for it may get another owner.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from services.contacts.domain.address_book import AddressBook, Identity
from services.contacts.domain.keys import NumberKey, UserIdKey
from shared.contracts.base import BEGINNING, END
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


class NumberChange(NamedTuple):
    """A row of "NumberChanges": a report, of which several may be about one change."""

    company_id: int
    number: str
    new_number: str
    changed_at: datetime


class Aliases:
    """An index of BSUIDs and of changed numbers that plans changes of them."""

    def __init__(self, user_ids: Iterable[UserId], changes: Iterable[NumberChange]) -> None:
        self._user_ids = {UserIdKey(u.company_id, u.portfolio, u.user_id): u for u in user_ids}
        self._reports: dict[NumberKey, dict[str, list[datetime]]] = {}
        for change in changes:
            self._add_report(change)
        self.changed: dict[UserIdKey, UserId] = {}
        self.new_changes: list[NumberChange] = []

    def resolve(self, identity: Identity, at: datetime) -> Identity:
        """Return the identity with the BSUID and the number that its person has now.

        `at` is when the identity was observed.
        """
        if not self._user_ids and not self._reports:
            return identity
        key = identity.user_id_key
        number = identity.number and self.follow(identity.company_id, identity.number, at)
        if key is not None:
            identity = replace(identity, user_id=self.find_head(key).user_id)
            number = number or self.find_number(identity)
        if number == identity.number or number is None:
            return identity
        return replace(identity, number=number, jid=f"{number}{PHONE_SERVER}")

    def get_contact_id(self, identity: Identity) -> int | None:
        """Return the contact of an identity's BSUID, or None."""
        key = identity.user_id_key
        row = self._user_ids.get(key) if key else None
        return row.contact_id if row else None

    def find_head(self, key: UserIdKey) -> UserIdKey:
        """Return the last successor of a BSUID, by default itself."""
        for _ in range(MOST_CHANGES):
            row = self._user_ids.get(key)
            if row is None or row.new_user_id is None:
                break
            key = key._replace(user_id=row.new_user_id)
        return key

    def list_known(self, identity: Identity, at: datetime) -> set[Identity]:
        """Return an identity as it was observed, as it is now, and the numbers in between."""
        company_id = identity.company_id
        numbers = self.list_numbers(company_id, identity.number, at) if identity.number else []
        if (observed := self.find_observed(identity)) is not None:
            numbers += self.list_numbers(company_id, *observed)
        return {identity, self.resolve(identity, at), *(Identity(company_id, n) for n in numbers)}

    def follow(self, company_id: int, number: str, at: datetime, until: datetime = END) -> str:
        """Return the number that a person has just before `until` who had a number at a time."""
        return self.list_numbers(company_id, number, at, until)[-1]

    def list_numbers(
        self, company_id: int, number: str, at: datetime, until: datetime = END
    ) -> list[str]:
        """Return a number that a person had at a time, and all that followed it before `until`."""
        numbers = [number]
        seen: set[str] = set()  # at this time: changes there and back have no end
        for _ in range(MOST_CHANGES):
            changes = (
                (start, new_number)
                for new_number in self._reports.get(NumberKey(company_id, number), ())
                if (start := self._find_start(NumberChange(company_id, number, new_number, at)))
                and start < until
                and (start > at or new_number not in seen)
            )
            start, new_number = min(changes, default=(at, None))
            if new_number is None:
                break
            if start > at:
                seen.clear()
            seen.update(list_spellings(number))
            number, at = new_number, start
            numbers.append(number)
        return numbers

    def find_observed(self, identity: Identity) -> tuple[str, datetime] | None:
        """Return the number of an identity's BSUID as it was observed last, and when; or None."""
        key = identity.user_id_key
        row = self._user_ids.get(self.find_head(key)) if key else None
        if row is None or row.number is None or row.number_at is None:
            return None
        return row.number, row.number_at

    def find_number(self, identity: Identity, until: datetime = END) -> str | None:
        """Return the number of an identity's BSUID until a time; None if it is not known."""
        observed = self.find_observed(identity)
        if observed is None or observed[1] > until:
            return None
        return self.follow(identity.company_id, *observed, until)

    def add_change(self, change: NumberChange) -> bool:
        """Plan to save the report of a change; return False if the change is known.

        It is saved for both spellings of the number, so that each finds it.
        """
        is_known = self._is_known(change)
        for spelling in list_spellings(change.number):
            report = change._replace(number=spelling)
            if self._add_report(report):
                self.new_changes.append(report)
        return not is_known

    def link(
        self, key: UserIdKey, contact_id: int | None, number: str | None, at: datetime
    ) -> bool:
        """Plan to save the contact and the number of a BSUID; the contact's id may be planned.

        Return False if it keeps another contact, because its number was observed later: of all
        observations the last one counts, and of two at the same time the one with the greater
        number, in whatever order they come.
        """
        head = self.find_head(key)
        row = after = self._get(head)
        is_last = row.number_at is None or (at, number or "") >= (row.number_at, row.number or "")
        if number is not None and is_last:
            after = replace(after, number=number, number_at=at)
        if contact_id is not None and (is_last or row.contact_id is None):
            after = replace(after, contact_id=contact_id)
        if after != row:
            self._put(head, after)
        return after.contact_id == contact_id

    def succeed(self, old: UserIdKey, new: UserIdKey) -> None:
        """Plan that a BSUID was replaced by another one, which gets its number and contact."""
        old_head, new_head = self.find_head(old), self.find_head(new)
        if old_head == new_head:
            return
        row = self._get(old_head)
        self._put(old_head, replace(row, new_user_id=new.user_id, number=None, number_at=None))
        self.link(new_head, row.contact_id, row.number, row.number_at or BEGINNING)

    def _find_start(self, change: NumberChange) -> datetime | None:
        """Return when a change first took place at its time or later: its first report.

        The next reports are about the same change, until the person has the old number again.
        """
        reports, backs = self._list_reports(change), self._list_reports(_reverse(change))
        index = bisect_left(reports, change.changed_at)
        if 0 < index < len(reports):
            back = bisect_right(backs, reports[index - 1])
            index = bisect_left(reports, backs[back]) if back < len(backs) else len(reports)
        return reports[index] if index < len(reports) else None

    def _is_known(self, change: NumberChange) -> bool:
        """Return whether a report of a change is known, earlier or later."""
        reports, backs = self._list_reports(change), self._list_reports(_reverse(change))
        index = bisect_left(reports, change.changed_at)
        return any(
            # The person did not have the old number in between.
            bisect_right(backs, min(at, change.changed_at))
            == bisect_right(backs, max(at, change.changed_at))
            for at in reports[max(index - 1, 0) : index + 1]
        )

    def _list_reports(self, change: NumberChange) -> list[datetime]:
        """Return the times of all reports of a change, in order."""
        known = self._reports.get(NumberKey(change.company_id, change.number), {})
        lists = [known[new] for new in list_spellings(change.new_number) if new in known]
        return lists[0] if len(lists) == 1 else sorted(at for times in lists for at in times)

    def _add_report(self, change: NumberChange) -> bool:
        """Add a report to the index; return False if it is there."""
        key = NumberKey(change.company_id, change.number)
        times = self._reports.setdefault(key, {}).setdefault(change.new_number, [])
        index = bisect_left(times, change.changed_at)
        if index < len(times) and times[index] == change.changed_at:
            return False
        times.insert(index, change.changed_at)
        return True

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
    if aliases.link(key, contact_id, identity.number, at):
        for known in (key, aliases.find_head(key)):
            book.add_user_id(known, contact_id)


def list_spellings(number: str) -> tuple[str, ...]:
    """Return a number, and its other spelling if it has one."""
    other = find_other_spelling(number)
    return (number, other) if other else (number,)


def _reverse(change: NumberChange) -> NumberChange:
    return change._replace(number=change.new_number, new_number=change.number)
