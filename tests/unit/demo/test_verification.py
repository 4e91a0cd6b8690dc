from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from shared.dev.demo.comparison import ComparedDeadLetter, Snapshot
from shared.dev.demo.verification import Check, compare_snapshots, have_passed, print_checks
from tests.support.demo_rows import NOW, build_traffic

INTERVAL = timedelta(milliseconds=20)
DEAD_LETTERS = [ComparedDeadLetter("evolution.global.messages.upsert", 3, 17, "unreadable-body")]
DUE = {10: [NOW + number * INTERVAL for number in range(5)]}
EXPECTED = replace(
    build_traffic(300).expected, dead_letters=DEAD_LETTERS, due_at=DUE, published_at=DUE
)


def compare_with(found: Snapshot) -> list[Check]:
    return compare_snapshots(EXPECTED, found, INTERVAL)


def find_failed(found: Snapshot) -> set[str]:
    return {
        check.name.partition(",")[0].partition(":")[0]
        for check in compare_with(found)
        if not check.ok
    }


def test_what_is_as_expected_passes_in_any_order() -> None:
    reversed_rows = replace(
        EXPECTED,
        messages=EXPECTED.messages[::-1],
        contacts=EXPECTED.contacts[::-1],
        tickets=EXPECTED.tickets[::-1],
        sends=EXPECTED.sends[::-1],
    )
    assert find_failed(reversed_rows) == set()
    assert have_passed(compare_with(reversed_rows))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("messages", lambda f: replace(f, messages=f.messages[1:])),
        ("contacts", lambda f: replace(f, contacts=f.contacts[1:])),
        ("tickets", lambda f: replace(f, tickets=f.tickets[1:])),
        ("campaign shippings", lambda f: replace(f, shippings=f.shippings[1:])),
        ("sends", lambda f: replace(f, sends=f.sends[1:])),
        ("dead letters", lambda f: replace(f, dead_letters=[])),
    ],
)
def test_a_missing_row_is_noticed(name: str, change: Callable[[Snapshot], Snapshot]) -> None:
    assert find_failed(change(EXPECTED)) == {name}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("messages", lambda f: replace(f, messages=[*f.messages, f.messages[0]])),
        ("contacts", lambda f: replace(f, contacts=[*f.contacts, f.contacts[0]])),
        ("tickets", lambda f: replace(f, tickets=[*f.tickets, f.tickets[0]])),
        ("campaign shippings", lambda f: replace(f, shippings=[*f.shippings, f.shippings[0]])),
        ("sends", lambda f: replace(f, sends=[*f.sends, f.sends[0]])),
        ("dead letters", lambda f: replace(f, dead_letters=[*f.dead_letters, *f.dead_letters])),
    ],
)
def test_a_row_too_many_is_noticed(name: str, change: Callable[[Snapshot], Snapshot]) -> None:
    assert find_failed(change(EXPECTED)) == {name}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("tickets", lambda f: change_first(f, "tickets", unread=f.tickets[0].unread + 1)),
        ("tickets", lambda f: change_first(f, "tickets", last_message="?")),
        ("tickets", lambda f: change_first(f, "tickets", status="open")),
        ("messages", lambda f: change_first(f, "messages", body="?")),
        ("messages", lambda f: change_first(f, "messages", at=NOW)),
        ("messages", lambda f: change_first(f, "messages", contact="5511900000000")),
        ("contacts", lambda f: change_first(f, "contacts", lid="?")),
        ("campaign shippings", lambda f: change_first(f, "shippings", message="?")),
        ("sends", lambda f: change_first(f, "sends", whatsapp_id=-1)),
        ("dead letters", lambda f: change_first(f, "dead_letters", reason="?")),
    ],
)
def test_an_altered_row_is_noticed(name: str, change: Callable[[Snapshot], Snapshot]) -> None:
    assert find_failed(change(EXPECTED)) == {name}


def change_first(snapshot: Snapshot, table: str, **changes: object) -> Snapshot:
    rows = getattr(snapshot, table)
    altered: Any = {table: [replace(rows[0], **changes), *rows[1:]]}
    return replace(snapshot, **altered)


def test_a_name_that_no_event_held_is_not_compared() -> None:
    named = [
        replace(contact, name=contact.name or contact.identity) for contact in EXPECTED.contacts
    ]
    assert any(contact.name is None for contact in EXPECTED.contacts)
    assert find_failed(replace(EXPECTED, contacts=named)) == set()


@pytest.mark.parametrize(
    ("times", "is_kept"),
    [
        pytest.param([0, 20, 40], True, id="exactly the interval apart"),
        pytest.param([0, 20, 39], False, id="one comes just too early"),
        pytest.param([0, 500, 500], False, id="an idle line saves no slots"),
        pytest.param([40, 0, 20], True, id="read in any order"),
        pytest.param([], True, id="nothing to send"),
    ],
)
def test_sends_keep_their_lines_rate(times: list[int], *, is_kept: bool) -> None:
    times_of_sends = [add_ms(ms) for ms in times]
    found = replace(EXPECTED, due_at={10: times_of_sends})
    assert ("sends" not in find_failed(found)) is is_kept


def test_sends_are_published_in_bursts_of_at_most_a_second() -> None:
    assert find_failed(replace(EXPECTED, published_at={10: [NOW] * 51})) == set()
    assert find_failed(replace(EXPECTED, published_at={10: [NOW] * 52})) == {"sends"}


def add_ms(ms: int) -> datetime:
    return NOW + timedelta(milliseconds=ms)


def test_the_summary_names_each_check_and_shows_differences() -> None:
    console = Console(file=StringIO(), width=120)
    print_checks(console, compare_with(replace(EXPECTED, messages=EXPECTED.messages[1:])))
    assert isinstance(console.file, StringIO)
    written = console.file.getvalue()
    assert "messages, each exactly once" in written
    assert f"missing {EXPECTED.messages[0].key}" in written
