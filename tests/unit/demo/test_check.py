from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from shared.demo.check import Check, all_hold, compare, show
from shared.demo.facts import Facts, LetterFact
from tests.support.demo_stage import NOW, script

INTERVAL = timedelta(milliseconds=20)
LETTERS = [LetterFact("evolution.global.messages.upsert", 3, 17, "unreadable-body")]
PLANNED = {10: [NOW + number * INTERVAL for number in range(5)]}
RIGHT = replace(script(300).expected, letters=LETTERS, planned_at=PLANNED, told_at=PLANNED)


def checks(found: Facts) -> list[Check]:
    return compare(RIGHT, found, INTERVAL)


def failed(found: Facts) -> set[str]:
    return {
        check.name.partition(",")[0].partition(":")[0] for check in checks(found) if not check.ok
    }


def test_what_is_as_expected_passes_in_any_order() -> None:
    mixed = replace(
        RIGHT,
        messages=RIGHT.messages[::-1],
        contacts=RIGHT.contacts[::-1],
        tickets=RIGHT.tickets[::-1],
        sends=RIGHT.sends[::-1],
    )
    assert failed(mixed) == set()
    assert all_hold(checks(mixed))


@pytest.mark.parametrize(
    ("name", "spoilt"),
    [
        ("messages", lambda f: replace(f, messages=f.messages[1:])),
        ("contacts", lambda f: replace(f, contacts=f.contacts[1:])),
        ("tickets", lambda f: replace(f, tickets=f.tickets[1:])),
        ("campaign shippings", lambda f: replace(f, shippings=f.shippings[1:])),
        ("sends", lambda f: replace(f, sends=f.sends[1:])),
        ("dead letters", lambda f: replace(f, letters=[])),
    ],
)
def test_a_missing_row_is_noticed(name: str, spoilt: Callable[[Facts], Facts]) -> None:
    assert failed(spoilt(RIGHT)) == {name}


@pytest.mark.parametrize(
    ("name", "spoilt"),
    [
        ("messages", lambda f: replace(f, messages=[*f.messages, f.messages[0]])),
        ("contacts", lambda f: replace(f, contacts=[*f.contacts, f.contacts[0]])),
        ("tickets", lambda f: replace(f, tickets=[*f.tickets, f.tickets[0]])),
        ("campaign shippings", lambda f: replace(f, shippings=[*f.shippings, f.shippings[0]])),
        ("sends", lambda f: replace(f, sends=[*f.sends, f.sends[0]])),
        ("dead letters", lambda f: replace(f, letters=[*f.letters, *f.letters])),
    ],
)
def test_a_row_too_many_is_noticed(name: str, spoilt: Callable[[Facts], Facts]) -> None:
    assert failed(spoilt(RIGHT)) == {name}


@pytest.mark.parametrize(
    ("name", "spoilt"),
    [
        ("tickets", lambda f: first(f, "tickets", unread=f.tickets[0].unread + 1)),
        ("tickets", lambda f: first(f, "tickets", last_message="?")),
        ("tickets", lambda f: first(f, "tickets", status="open")),
        ("messages", lambda f: first(f, "messages", body="?")),
        ("messages", lambda f: first(f, "messages", at=NOW)),
        ("messages", lambda f: first(f, "messages", contact="5511900000000")),
        ("contacts", lambda f: first(f, "contacts", lid="?")),
        ("campaign shippings", lambda f: first(f, "shippings", message="?")),
        ("sends", lambda f: first(f, "sends", whatsapp_id=-1)),
        ("dead letters", lambda f: first(f, "letters", reason="?")),
    ],
)
def test_an_altered_row_is_noticed(name: str, spoilt: Callable[[Facts], Facts]) -> None:
    assert failed(spoilt(RIGHT)) == {name}


def first(facts: Facts, table: str, **changes: object) -> Facts:
    rows = getattr(facts, table)
    altered: Any = {table: [replace(rows[0], **changes), *rows[1:]]}
    return replace(facts, **altered)


def test_a_name_that_nobody_told_is_not_compared() -> None:
    named = [replace(contact, name=contact.name or contact.identity) for contact in RIGHT.contacts]
    assert any(contact.name is None for contact in RIGHT.contacts)
    assert failed(replace(RIGHT, contacts=named)) == set()


@pytest.mark.parametrize(
    ("times", "held"),
    [
        pytest.param([0, 20, 40], True, id="exactly the interval apart"),
        pytest.param([0, 20, 39], False, id="one comes just too early"),
        pytest.param([0, 500, 500], False, id="an idle line saves nothing up"),
        pytest.param([40, 0, 20], True, id="read in any order"),
        pytest.param([], True, id="nothing to send"),
    ],
)
def test_sends_keep_their_lines_rate(times: list[int], *, held: bool) -> None:
    moments = [after(ms) for ms in times]
    found = replace(RIGHT, planned_at={10: moments})
    assert ("sends" not in failed(found)) is held


def test_sends_are_told_in_bursts_of_a_second_at_most() -> None:
    assert failed(replace(RIGHT, told_at={10: [NOW] * 51})) == set()
    assert failed(replace(RIGHT, told_at={10: [NOW] * 52})) == {"sends"}


def after(ms: int) -> datetime:
    return NOW + timedelta(milliseconds=ms)


def test_the_summary_names_each_promise_and_shows_what_differs() -> None:
    console = Console(file=StringIO(), width=120)
    show(console, checks(replace(RIGHT, messages=RIGHT.messages[1:])))
    assert isinstance(console.file, StringIO)
    written = console.file.getvalue()
    assert "messages, each exactly once" in written
    assert f"missing {RIGHT.messages[0].key}" in written
