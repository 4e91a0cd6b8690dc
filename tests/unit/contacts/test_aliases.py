"""The number and the contact that a person has now, from reports in any order."""

from collections.abc import Iterable, Sequence
from itertools import permutations

import pytest

from services.contacts.domain.address_book import AddressBook, Changes, Identity, KnownContact
from services.contacts.domain.aliases import Aliases, NumberChange, UserId, link_identity
from services.contacts.domain.keys import UserIdKey
from tests.support.build import at, contact

OLD, NEW, THIRD = "5511977000001", "5511977000002", "5511977000003"
OLD_SPELLING = "551177000001"
KEY, NEXT_KEY = UserIdKey(1, "A", "BR.1"), UserIdKey(1, "A", "BR.2")


def change(number: str, new_number: str, minutes: float) -> NumberChange:
    return NumberChange(1, number, new_number, at(minutes))


def add(*changes: NumberChange) -> Aliases:
    aliases = Aliases((), ())
    for item in changes:
        aliases.add_change(item)
    return aliases


def list_rows(aliases: Aliases) -> Iterable[tuple[object, ...]]:
    return [(r.user_id, r.contact_id, r.number, r.number_at) for r in aliases.changed.values()]


def test_two_changes_within_one_second_are_followed() -> None:
    aliases = add(change(OLD, NEW, 5), change(NEW, THIRD, 5))
    assert [aliases.follow(1, OLD, at(minutes)) for minutes in (0, 5)] == [THIRD, THIRD]


def test_changes_there_and_back_within_one_second_end() -> None:
    aliases = add(change(OLD, NEW, 5), change(NEW, OLD, 5), change(NEW, OLD_SPELLING, 5))
    assert aliases.follow(1, OLD, at(0)) == NEW


@pytest.mark.parametrize("reports", [*permutations([5, 6, 8])])
def test_the_first_report_of_a_change_is_its_time(reports: Sequence[float]) -> None:
    aliases = add(*(change(OLD, NEW, minutes) for minutes in reports))
    followed = [aliases.follow(1, OLD, at(minutes)) for minutes in (4, 5.5, 7, 9)]
    assert followed == [NEW, OLD, OLD, OLD]


@pytest.mark.parametrize("reports", [*permutations([5, 6, 8])])
def test_of_several_reports_of_a_change_one_is_new(reports: Sequence[float]) -> None:
    aliases = Aliases((), ())
    news = [aliases.add_change(change(OLD, NEW, minutes)) for minutes in reports]
    assert news == [True, False, False]


def test_a_change_is_another_one_after_a_change_back() -> None:
    aliases = add(change(OLD, NEW, 5), change(NEW, OLD, 6))
    assert aliases.add_change(change(OLD, NEW, 7))
    assert [aliases.follow(1, OLD, at(minutes)) for minutes in (4, 6.5, 8)] == [NEW, NEW, OLD]


@pytest.mark.parametrize("reported", [OLD, OLD_SPELLING])
@pytest.mark.parametrize("asked", [OLD, OLD_SPELLING])
def test_both_spellings_of_a_number_have_its_changes(reported: str, asked: str) -> None:
    aliases = add(change(reported, NEW, 5))
    assert aliases.follow(1, asked, at(4)) == NEW
    assert {report.number for report in aliases.new_changes} == {OLD, OLD_SPELLING}
    assert not aliases.add_change(change(asked, NEW, 5))


def test_a_change_back_to_the_other_spelling_is_a_change_back() -> None:
    aliases = add(change(OLD, NEW, 5), change(NEW, OLD_SPELLING, 6))
    assert aliases.add_change(change(OLD, NEW, 7))


def test_a_change_in_another_company_is_not_followed() -> None:
    assert add(change(OLD, NEW, 5)).follow(2, OLD, at(4)) == OLD


def test_only_changes_before_a_time_are_followed_until_then() -> None:
    aliases = add(change(OLD, NEW, 5), change(NEW, THIRD, 8))
    assert aliases.follow(1, OLD, at(4), until=at(8)) == NEW


@pytest.mark.parametrize(
    "observations",
    [*permutations([(OLD, 100, 2), (NEW, 101, 4), (THIRD, 102, 3), (None, 100, 1)])],
)
def test_a_bsuid_has_the_number_and_the_contact_of_its_last_observation(
    observations: Sequence[tuple[str | None, int, float]],
) -> None:
    aliases = Aliases((), ())
    for number, contact_id, minutes in observations:
        aliases.link(KEY, contact_id, number, at(minutes))
    assert list_rows(aliases) == [("BR.1", 101, NEW, at(4))]


@pytest.mark.parametrize("observations", [*permutations([(OLD, 100), (NEW, 101), (None, 100)])])
def test_of_two_numbers_at_the_same_time_the_greater_one_is_the_bsuids(
    observations: Sequence[tuple[str | None, int]],
) -> None:
    aliases = Aliases((), ())
    for number, contact_id in observations:
        aliases.link(KEY, contact_id, number, at(2))
    assert list_rows(aliases) == [("BR.1", 101, NEW, at(2))]


def test_the_later_time_of_the_same_number_counts() -> None:
    aliases = Aliases((), ())
    for number, contact_id, minutes in ((OLD, 100, 1), (OLD, 100, 9), (NEW, 101, 5)):
        aliases.link(KEY, contact_id, number, at(minutes))
    assert list_rows(aliases) == [("BR.1", 100, OLD, at(9))]


def test_a_successor_has_the_number_and_the_contact_of_the_later_observation() -> None:
    known = [UserId(*KEY, 100, None, OLD, at(4)), UserId(*NEXT_KEY, 101, None, NEW, at(2))]
    aliases = Aliases(known, ())
    aliases.succeed(KEY, NEXT_KEY)
    assert aliases.changed[NEXT_KEY] == UserId(*NEXT_KEY, 100, None, OLD, at(4))
    assert aliases.changed[KEY].new_user_id == "BR.2"


def test_the_number_of_a_bsuid_before_a_time_is_not_one_that_came_later() -> None:
    identity = Identity(1, portfolio="A", user_id="BR.1")
    aliases = Aliases([UserId(*KEY, 100, None, OLD, at(4))], [change(OLD, NEW, 6)])
    assert aliases.find_number(identity) == NEW
    assert [aliases.find_number(identity, at(m)) for m in (3, 5, 7)] == [None, OLD, NEW]


def test_a_bsuid_finds_the_contact_of_its_later_number_in_the_same_batch() -> None:
    people = [contact(100, number=OLD, jid=None), contact(101, number=NEW, jid=None)]
    book = AddressBook([KnownContact(Identity(1, c.number), c) for c in people], Changes())
    aliases = Aliases((), ())
    identity = Identity(1, portfolio="A", user_id="BR.1")
    for number, contact_id, minutes in ((OLD, 100, 2), (NEW, 101, 4), (OLD, 100, 3)):
        observed = Identity(1, number, portfolio="A", user_id="BR.1")
        link_identity(aliases, book, observed, contact_id, at(minutes))
    assert book.find(identity) == people[1]
