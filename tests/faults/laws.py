"""What must hold of the records on the topics, judged as a reader outside would judge it.

The law of each hop: every record that a service keeps causes exactly one fact that passes it on or
refuses it, and a record that is dropped as told before causes none.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.findings import LOST, TWICE, UNTRUE, Finding
from tests.faults.reading import Heard

PASSED_ON = {
    "message.received": ("contacts", {"message.identified", "message.refused"}),
    "message.identified": ("tickets", {"message.routed"}),
    "message.routed": ("messages", {"message.stored", "message.refused"}),
}
OURS_ALONE = (
    "message.identified",
    "message.routed",
    "message.stored",
    "contact.changed",
    "ticket.changed",
    "message.send",
)
GATEWAYS_TOO = ("message.received", "message.changed")  # so no sequence counts there
OTHERS_ALONE = ("campaign.send", "message.answered", "messages.requests", "tickets.requests")
BULK = ".bulk"  # what noisy companies sent, taken in later; told once all the same
TOLD = (*GATEWAYS_TOO, *OURS_ALONE)

Cause = tuple[str, str, int, int]  # service, topic, partition, offset


@dataclass(frozen=True, slots=True)
class Fact:
    """A record with `ce_source` and `ce_sequence`, read without the product's help."""

    record: Heard
    source: str
    sequence: str

    @property
    def cause(self) -> Cause:
        """Which record of which topic, taken in by which service, it was told for."""
        _, service, topic, partition, _ = self.source.split("/")
        number = int(self.sequence.partition(".")[0])
        return service.removesuffix(BULK), topic, int(partition), number

    @property
    def index(self) -> int:
        """Its place among the facts of its cause."""
        return int(self.sequence.partition(".")[2])

    @property
    def content(self) -> tuple[object, ...]:
        """All that must be the same when it is told again."""
        found = self.record
        return found.topic, found.partition, found.key, found.value, found.headers


def facts_of(records: Iterable[Heard]) -> list[Fact]:
    """Pick the records that our services told."""
    return [
        Fact(record, record.header("ce_source"), record.header("ce_sequence"))
        for record in records
        if record.header("ce_sequence")
    ]


def kept(facts: Iterable[Fact]) -> list[Fact]:
    """Drop what is not above the highest sequence of its source in its partition."""
    highest: dict[tuple[str, int, str], str] = {}
    found = []
    for fact in facts:
        lane = (fact.record.topic, fact.record.partition, fact.source)
        if fact.sequence > highest.get(lane, ""):
            highest[lane] = fact.sequence
            found.append(fact)
    return found


def told_alike(facts: Sequence[Fact]) -> list[Finding]:
    """One source and sequence is one fact: told again, it is the same to the last byte."""
    first: dict[tuple[str, str], Fact] = {}
    findings = []
    for fact in facts:
        known = first.setdefault((fact.source, fact.sequence), fact)
        if known.content != fact.content:
            findings.append(
                Finding(
                    UNTRUE, f"{_name(fact)} was told in two ways: {_what(known)}, {_what(fact)}"
                )
            )
    return findings


def none_overtaken(facts: Sequence[Fact]) -> list[Finding]:
    """A fact that first comes after a later one of its source is lost for every reader."""
    reached = {(fact.source, fact.sequence) for fact in kept(facts)}
    missing = {(f.source, f.sequence): f for f in facts if (f.source, f.sequence) not in reached}
    return [Finding(LOST, f"{_name(fact)} came after a later one") for fact in missing.values()]


def no_holes(facts: Iterable[Fact]) -> list[Finding]:
    """The facts of one cause are numbered from nought without a gap, over all topics."""
    indexes: dict[Cause, set[int]] = defaultdict(set)
    for fact in facts:
        indexes[fact.cause].add(fact.index)
    return [
        Finding(LOST, f"of the facts of {cause} these are missing: {missing}")
        for cause, found in indexes.items()
        if (missing := sorted(set(range(max(found) + 1)) - found))
    ]


@dataclass(frozen=True, slots=True)
class Taken:
    """A record that a service takes in: how many facts it must cause at least and at most."""

    record: Heard
    least: int
    most: int


def each_passed_on(
    service: str, taken: Iterable[Taken], caused: Mapping[Cause, Counter[str]], types: set[str]
) -> list[Finding]:
    """Hold every record that a service took in against the facts that it caused."""
    findings = []
    for each in taken:
        told = caused.get((service, *each.record.place), Counter())
        number = sum(count for name, count in told.items() if name in types)
        if number < each.least:
            findings.append(
                Finding(LOST, f"{service} told nothing of {_stands(each.record)} ({dict(told)})")
            )
        elif number > each.most or (each.most == 0 and told):
            findings.append(
                Finding(TWICE, f"{service} told {dict(told)} of {_stands(each.record)}")
            )
    return findings


def by_cause(facts: Iterable[Fact]) -> dict[Cause, list[Fact]]:
    """Give, for each cause, the different facts that were told of it, in their order."""
    different = {(fact.source, fact.sequence): fact for fact in facts}
    found: dict[Cause, list[Fact]] = defaultdict(list)
    for _, fact in sorted(different.items(), key=lambda pair: pair[0]):
        found[fact.cause].append(fact)
    return found


def caused(facts: Iterable[Fact]) -> dict[Cause, Counter[str]]:
    """Count, for each cause, the different facts that were told of it, by type."""
    return {
        cause: Counter(fact.record.type for fact in found)
        for cause, found in by_cause(facts).items()
    }


def one_each(name: str, wanted: Collection[object], found: Iterable[object]) -> list[Finding]:
    """Hold what was told, already dropped by sequence, against what there must be once."""
    there = Counter(found)
    findings = [Finding(LOST, f"no {name} of {key}") for key in wanted if key not in there]
    findings += [Finding(TWICE, f"{n} {name} of {key}") for key, n in there.items() if n > 1]
    return findings + [
        Finding(UNTRUE, f"{name} of {key}, which is not there")
        for key in there
        if key not in wanted
    ]


def _name(fact: Fact) -> str:
    return f"the fact {fact.source}#{fact.sequence}"


def _what(fact: Fact) -> str:
    return f"{fact.record.type} at {_stands(fact.record)} {(fact.record.value or b'')[:300]!r}"


def _stands(record: Heard) -> str:
    return f"{record.topic}/{record.partition} offset {record.offset}"
