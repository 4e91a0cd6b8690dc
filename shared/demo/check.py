"""The self-check: what was published against what came of it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from rich.console import Console
from rich.table import Table

from shared.demo.facts import ContactFact, Facts

MOST_EXAMPLES = 3
ROUNDING = 0.01  # of a send
CATCH_UP = timedelta(seconds=1)  # a line may still use the unused slots of the last second


class Fact(Protocol):
    """Whatever has a key of which there may be only one."""

    @property
    def key(self) -> tuple[object, ...]:
        """What there may be only one of."""


FactT = TypeVar("FactT", bound=Fact)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was promised, and whether it holds."""

    name: str
    expected: str
    found: str
    ok: bool
    examples: tuple[str, ...] = ()


def compare(expected: Facts, found: Facts, interval: timedelta) -> list[Check]:
    """Judge every promise of the sample traffic; all must hold."""
    contacts = _named_alike(expected.contacts, found.contacts)
    taken = "sends, each taken by the gateway once"
    return [
        _once("messages, each exactly once", expected.messages, found.messages),
        _alike("messages: words, kind, side, quote, time", expected.messages, found.messages),
        _once("contacts, one for each person and group", expected.contacts, contacts),
        _alike("contacts: number, LID, name", expected.contacts, contacts),
        _once("tickets, one for each contact and line", expected.tickets, found.tickets),
        _alike("tickets: status, unread, last message", expected.tickets, found.tickets),
        _once("dead letters, one for each bad record", expected.letters, found.letters),
        _alike("dead letters: the reason", expected.letters, found.letters),
        _once("campaign shippings, one a recipient", expected.shippings, found.shippings),
        _alike("campaign shippings: the text", expected.shippings, found.shippings),
        _once("sends, each exactly once", expected.sends, found.sends),
        _alike("sends: line and text", expected.sends, found.sends),
        *([_once(taken, expected.taken, found.taken)] if expected.taken else []),
        _paced("sends, due no faster than the rate", found.planned_at, interval, 1),
        _paced(
            "sends, told no faster than the rate", found.told_at, interval, 1 + CATCH_UP / interval
        ),
    ]


def all_hold(checks: Iterable[Check]) -> bool:
    """Tell whether the run may end well."""
    return all(check.ok for check in checks)


def show(console: Console, checks: Sequence[Check]) -> None:
    """Print the summary: a line for each promise, and examples of what differs."""
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


def _once(name: str, expected: Sequence[Fact], found: Sequence[Fact]) -> Check:
    wanted, there = (Counter(fact.key for fact in facts) for facts in (expected, found))
    missing, extra = wanted - there, there - wanted
    examples = [f"missing {key}" for key in list(missing)[:MOST_EXAMPLES]]
    examples += [f"too many {key}" for key in list(extra)[:MOST_EXAMPLES]]
    return Check(name, str(len(expected)), str(len(found)), not missing and not extra, (*examples,))


def _alike(name: str, expected: Sequence[FactT], found: Sequence[FactT]) -> Check:
    """Compare only what is on both sides; what is on one is the other check's matter."""
    there = {fact.key: fact for fact in found}
    pairs = [(fact, there[fact.key]) for fact in expected if fact.key in there]
    different = [(wanted, got) for wanted, got in pairs if wanted != got]
    examples = [f"expected {wanted}, found {got}" for wanted, got in different[:MOST_EXAMPLES]]
    equal = len(pairs) - len(different)
    return Check(name, str(len(pairs)), str(equal), not different, (*examples,))


def _named_alike(
    expected: Collection[ContactFact], found: Iterable[ContactFact]
) -> list[ContactFact]:
    """Leave out the names of those who never wrote, since nobody can have told them."""
    unnamed = {contact.key for contact in expected if contact.name is None}
    return [replace(contact, name=None) if contact.key in unnamed else contact for contact in found]


def _paced(
    name: str, times: Mapping[int, Sequence[datetime]], interval: timedelta, most: float
) -> Check:
    """Hold each line's sends against its rate, over every stretch of time.

    `most` is how many more there may be in a stretch than intervals fit into it.
    """
    found = max((_most_ahead(of_line, interval) for of_line in times.values()), default=0.0)
    return Check(name, f"<= {most:.0f} ahead", f"{found:.1f} ahead", found <= most + ROUNDING)


def _most_ahead(times: Sequence[datetime], interval: timedelta) -> float:
    """Give the most sends that any stretch holds above those that fit into it."""
    most = lowest = 0.0
    ordered = sorted(times)
    for number, at in enumerate(ordered):
        ahead = number - (at - ordered[0]) / interval
        lowest = min(lowest, ahead)
        most = max(most, ahead - lowest + 1)
    return most
