"""Compares the expected with the actual rows of a run, and prints the result."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from rich.console import Console
from rich.table import Table

from shared.dev.demo.comparison import ComparedContact, Snapshot

MAX_EXAMPLES = 3
ROUNDING = 0.01  # of a send
CATCH_UP = timedelta(seconds=1)  # a line may use the free slots of the last second


class Compared(Protocol):
    """A value with a unique key."""

    @property
    def key(self) -> tuple[object, ...]:
        """The unique key."""


ComparedT = TypeVar("ComparedT", bound=Compared)


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one comparison."""

    name: str
    expected: str
    found: str
    ok: bool
    examples: tuple[str, ...] = ()


def compare_snapshots(expected: Snapshot, found: Snapshot, interval: timedelta) -> list[Check]:
    """Compare expected and actual values; `interval` is the minimum time between sends."""
    contacts = _hide_unknown_names(expected.contacts, found.contacts)
    gateway_check = "sends, each taken by the gateway once"
    return [
        _check_once("messages, each exactly once", expected.messages, found.messages),
        _check_equal("messages: words, kind, side, quote, time", expected.messages, found.messages),
        _check_once("contacts, one for each person and group", expected.contacts, contacts),
        _check_equal("contacts: number, LID, name", expected.contacts, contacts),
        _check_once("tickets, one for each contact and line", expected.tickets, found.tickets),
        _check_equal("tickets: status, unread, last message", expected.tickets, found.tickets),
        _check_once(
            "dead letters, one for each bad record", expected.dead_letters, found.dead_letters
        ),
        _check_equal("dead letters: the reason", expected.dead_letters, found.dead_letters),
        _check_once("campaign shippings, one a recipient", expected.shippings, found.shippings),
        _check_equal("campaign shippings: the text", expected.shippings, found.shippings),
        _check_once("sends, each exactly once", expected.sends, found.sends),
        _check_equal("sends: line and text", expected.sends, found.sends),
        *(
            [_check_once(gateway_check, expected.gateway_sends, found.gateway_sends)]
            if expected.gateway_sends
            else []
        ),
        _check_rate("sends, due no faster than the rate", found.due_at, interval, 1),
        _check_rate(
            "sends, published no faster than the rate",
            found.published_at,
            interval,
            1 + CATCH_UP / interval,
        ),
    ]


def have_passed(checks: Iterable[Check]) -> bool:
    """Return whether every check passed."""
    return all(check.ok for check in checks)


def print_checks(console: Console, checks: Sequence[Check]) -> None:
    """Print a line for each check, and examples of what differs."""
    table = Table(title="Self-check", title_justify="left", box=None)
    table.add_column("promise")
    table.add_column("expected", justify="right")
    table.add_column("found", justify="right")
    table.add_column("")
    for check in checks:
        verdict = "[green]ok[/]" if check.ok else "[red]differs[/]"
        table.add_row(check.name, check.expected, check.found, verdict)
    console.print(table)
    for check in checks:
        for example in check.examples:
            console.print(f"  {check.name}: {example}", markup=False, soft_wrap=True)


def _check_once(name: str, expected: Sequence[Compared], found: Sequence[Compared]) -> Check:
    expected_keys, found_keys = (Counter(item.key for item in items) for items in (expected, found))
    missing, extra = expected_keys - found_keys, found_keys - expected_keys
    examples = [f"missing {key}" for key in list(missing)[:MAX_EXAMPLES]]
    examples += [f"too many {key}" for key in list(extra)[:MAX_EXAMPLES]]
    return Check(name, str(len(expected)), str(len(found)), not missing and not extra, (*examples,))


def _check_equal(name: str, expected: Sequence[ComparedT], found: Sequence[ComparedT]) -> Check:
    """Compare values whose key is on both sides; `_check_once` reports the others."""
    found_by_key = {item.key: item for item in found}
    pairs = [(item, found_by_key[item.key]) for item in expected if item.key in found_by_key]
    different = [(wanted, actual) for wanted, actual in pairs if wanted != actual]
    examples = [f"expected {wanted}, found {actual}" for wanted, actual in different[:MAX_EXAMPLES]]
    equal = len(pairs) - len(different)
    return Check(name, str(len(pairs)), str(equal), not different, (*examples,))


def _hide_unknown_names(
    expected: Collection[ComparedContact], found: Iterable[ComparedContact]
) -> list[ComparedContact]:
    """Remove the names of contacts who never wrote, which no event held."""
    unnamed = {contact.key for contact in expected if contact.name is None}
    return [replace(contact, name=None) if contact.key in unnamed else contact for contact in found]


def _check_rate(
    name: str, times: Mapping[int, Sequence[datetime]], interval: timedelta, limit: float
) -> Check:
    """Check each line's send times against its rate.

    A period of n intervals may have at most n + `limit` sends.
    """
    found = max((_compute_burst(of_line, interval) for of_line in times.values()), default=0.0)
    return Check(name, f"<= {limit:.0f} ahead", f"{found:.1f} ahead", found <= limit + ROUNDING)


def _compute_burst(times: Sequence[datetime], interval: timedelta) -> float:
    """Return the smallest limit, as in `_check_rate`, that all periods meet."""
    burst = lowest = 0.0
    ordered = sorted(times)
    for number, at in enumerate(ordered):
        ahead = number - (at - ordered[0]) / interval
        lowest = min(lowest, ahead)
        burst = max(burst, ahead - lowest + 1)
    return burst
