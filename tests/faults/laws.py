"""Checks of the records on the topics, read as by any other consumer.

Each hop: a record that a service accepts causes exactly one fact that passes it on or refuses it;
a repeated record causes none.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.findings import LOST, TWICE, WRONG, Finding
from tests.faults.reading import TopicRecord

SHOWN = "message.updated with a content"  # the content of a placeholder, passed on
HOPS = {
    "message.received": ("contacts", {"message.identified", "message.refused"}),
    "message.identified": ("tickets", {"message.routed"}),
    "message.routed": ("messages", {"message.stored", "message.refused", SHOWN}),
}
ONLY_OUR_TOPICS = (
    "message.identified",
    "message.routed",
    "message.stored",
    "contact.changed",
    "ticket.changed",
    "message.send",
)
SHARED_TOPICS = (
    "message.received",
    "message.changed",
)  # gateways publish there too, so sequences are not compared
REQUEST_TOPICS = ("campaign.send", "message.answered", "messages.requests", "tickets.requests")
BULK = ".bulk"  # the suffix of checkpoints of deferred records
PUBLISHED_TOPICS = (*SHARED_TOPICS, *ONLY_OUR_TOPICS)

Cause = tuple[str, str, int, int]  # service, topic, partition, offset


@dataclass(frozen=True, slots=True)
class Fact:
    """A record with `ce_source` and `ce_sequence`, parsed without the product's code."""

    record: TopicRecord
    source: str
    sequence: str

    @property
    def cause(self) -> Cause:
        """The service that published it and the record that it was published for."""
        _, service, topic, partition, _ = self.source.split("/")
        number = int(self.sequence.partition(".")[0])
        return service.removesuffix(BULK), topic, int(partition), number

    @property
    def index(self) -> int:
        """Its number among the facts of its cause."""
        return int(self.sequence.partition(".")[2])

    @property
    def content(self) -> tuple[object, ...]:
        """All that must be equal when it is published again."""
        result = self.record
        return result.topic, result.partition, result.key, result.value, result.headers


def select_facts(records: Iterable[TopicRecord]) -> list[Fact]:
    """Select the records that our services published."""
    return [
        Fact(record, record.header("ce_source"), record.header("ce_sequence"))
        for record in records
        if record.header("ce_sequence")
    ]


def drop_repeated(facts: Iterable[Fact]) -> list[Fact]:
    """Drop facts that are not above the highest sequence of their source in their partition."""
    highest: dict[tuple[str, int, str], str] = {}
    result = []
    for fact in facts:
        partition = (fact.record.topic, fact.record.partition, fact.source)
        if fact.sequence > highest.get(partition, ""):
            highest[partition] = fact.sequence
            result.append(fact)
    return result


def check_repeats(facts: Sequence[Fact]) -> list[Finding]:
    """Check that facts with the same source and sequence are equal to the last byte."""
    first: dict[tuple[str, str], Fact] = {}
    findings = []
    for fact in facts:
        known = first.setdefault((fact.source, fact.sequence), fact)
        if known.content != fact.content:
            findings.append(
                Finding(
                    WRONG,
                    f"{_describe_fact(fact)} has two contents: "
                    f"{_describe_content(known)}, {_describe_content(fact)}",
                )
            )
    return findings


def check_order(facts: Sequence[Fact]) -> list[Finding]:
    """Check that no fact first comes after a later one of its source, where consumers drop it."""
    reached = {(fact.source, fact.sequence) for fact in drop_repeated(facts)}
    missing = {(f.source, f.sequence): f for f in facts if (f.source, f.sequence) not in reached}
    return [
        Finding(LOST, f"{_describe_fact(fact)} came after a later one") for fact in missing.values()
    ]


def check_no_gaps(facts: Iterable[Fact]) -> list[Finding]:
    """Check that the facts of each cause, over all topics, are numbered from 0 without a gap."""
    indexes: dict[Cause, set[int]] = defaultdict(set)
    for fact in facts:
        indexes[fact.cause].add(fact.index)
    return [
        Finding(LOST, f"of the facts of {cause} these are missing: {missing}")
        for cause, result in indexes.items()
        if (missing := sorted(set(range(max(result) + 1)) - result))
    ]


@dataclass(frozen=True, slots=True)
class ConsumedRecord:
    """A record that a service consumes, and how many facts it must cause at least and at most."""

    record: TopicRecord
    least: int
    most: int


def check_passed_on(
    service: str,
    consumed: Iterable[ConsumedRecord],
    count_by_cause: Mapping[Cause, Counter[str]],
    types: set[str],
) -> list[Finding]:
    """Check that every record of a service caused as many facts as it must."""
    findings = []
    for each in consumed:
        counts = count_by_cause.get((service, *each.record.record_id), Counter())
        number = sum(count for name, count in counts.items() if name in types)
        if number < each.least:
            findings.append(
                Finding(
                    LOST,
                    f"{service} published nothing for {_describe_record(each.record)} "
                    f"({dict(counts)})",
                )
            )
        elif number > each.most or (each.most == 0 and counts):
            findings.append(
                Finding(
                    TWICE, f"{service} published {dict(counts)} for {_describe_record(each.record)}"
                )
            )
    return findings


def group_by_cause(facts: Iterable[Fact]) -> dict[Cause, list[Fact]]:
    """Return the different facts of each cause, in their order."""
    different = {(fact.source, fact.sequence): fact for fact in facts}
    result: dict[Cause, list[Fact]] = defaultdict(list)
    for _, fact in sorted(different.items(), key=lambda pair: pair[0]):
        result[fact.cause].append(fact)
    return result


def count_by_cause(facts: Iterable[Fact]) -> dict[Cause, Counter[str]]:
    """Count the different facts of each cause by type; a content of a placeholder is its own."""
    return {
        cause: Counter(SHOWN if _is_content(fact) else fact.record.type for fact in result)
        for cause, result in group_by_cause(facts).items()
    }


def _is_content(fact: Fact) -> bool:
    if fact.record.type != "message.updated":
        return False
    return "content" in json.loads(fact.record.value or b"{}")["changes"]


def check_one_each(
    name: str, wanted: Collection[object], result: Iterable[object]
) -> list[Finding]:
    """Check that each wanted key was published once, after repetitions are dropped."""
    there = Counter(result)
    findings = [Finding(LOST, f"no {name} of {key}") for key in wanted if key not in there]
    findings += [Finding(TWICE, f"{n} {name} of {key}") for key, n in there.items() if n > 1]
    return findings + [
        Finding(WRONG, f"{name} of {key}, which is not there") for key in there if key not in wanted
    ]


def _describe_fact(fact: Fact) -> str:
    return f"the fact {fact.source}#{fact.sequence}"


def _describe_content(fact: Fact) -> str:
    value = (fact.record.value or b"")[:300]
    return f"{fact.record.type} at {_describe_record(fact.record)} {value!r}"


def _describe_record(record: TopicRecord) -> str:
    return f"{record.topic}/{record.partition} offset {record.offset}"
