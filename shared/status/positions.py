"""From which offsets services read on, and what follows for backlog and lateness.

Pure functions: no clock, no Kafka, no database.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from shared.contracts.catalogue import load_contracts
from shared.contracts.message import MessageSend
from shared.delivery.fairness.deferred_ranges import DeferredRanges, load_ranges
from shared.delivery.fairness.selection import BULK
from shared.schema import SERVICES
from shared.settings import Settings
from shared.status.database import StoredCheckpoint
from shared.status.figures import DeferredCompany, Stage
from shared.topics import build_evolution_topics

Offsets = Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True, eq=False)
class ReadFrom:
    """Where to find the oldest record that a service has not taken: at an offset or after it.

    With `deferred`, it is the next record of these ranges, which are before `end`.
    """

    service: str
    partition: TopicPartition
    offset: int
    end: int
    deferred: DeferredRanges = field(default_factory=dict)


def choose_topics(
    settings: Settings,
    subscribed: Mapping[str, Collection[str]],
    checkpoints: Iterable[StoredCheckpoint],
) -> dict[str, set[str]]:
    """Return the full names of the topics that each service reads.

    They are those of its members, or if it has none, those that it has read before and that its
    contracts name. Only with the sender a worker subscribes to `message.send`.
    """
    read_before = defaultdict(set)
    for row in checkpoints:
        read_before[row.service].add(row.topic)
    return {
        service: set(subscribed.get(service) or ())
        or read_before[service] | _list_declared(settings, service)
        for service in SERVICES
    }


def _list_declared(settings: Settings, service: str) -> set[str]:
    topics = {
        f"{settings.namespace}.{topic}"
        for topic, contracts in load_contracts().items()
        if topic != MessageSend.topic and any(service in each.readers for each in contracts)
    }
    if service == "messages":
        topics |= {topic.name for topic in build_evolution_topics(settings.evolution_prefix)}
    return topics


def find_reads(
    topics: Mapping[str, Collection[str]],
    checkpoints: Iterable[StoredCheckpoint],
    begins: Offsets,
    ends: Offsets,
) -> list[ReadFrom]:
    """Return where each service reads on, for partitions with records that it has not taken."""
    stored = {(row.service, TopicPartition(row.topic, row.partition)): row for row in checkpoints}
    reads = []
    for service, names in topics.items():
        for partition in sorted(p for p in ends if p.topic in names):
            row = stored.get((service, partition))
            start = max(row.next_offset if row else 0, begins[partition])
            if start < ends[partition]:
                reads.append(ReadFrom(service, partition, start, ends[partition]))
            if row and row.aside:
                reads.append(_find_deferred(row, stored.get((service + BULK, partition)), begins))
    return reads


def _find_deferred(
    main: StoredCheckpoint, bulk: StoredCheckpoint | None, begins: Offsets
) -> ReadFrom:
    partition = TopicPartition(main.topic, main.partition)
    ranges = load_ranges(main.aside)
    first = min(each.first for each in ranges.values())
    if bulk and bulk.epoch == main.epoch:
        first = max(first, bulk.next_offset)
    end = min(main.next_offset, 1 + max(each.last for each in ranges.values()))
    return ReadFrom(main.service, partition, max(first, begins[partition]), end, ranges)


def build_stages(
    topics: Mapping[str, Collection[str]],
    namespace: str,
    partitions: Collection[TopicPartition],
    reads: Sequence[ReadFrom] | None,
    ages_s: Mapping[ReadFrom, float] | None,
) -> list[Stage]:
    """Return a stage for each service and existing topic; unknown figures are None."""
    existing = {partition.topic for partition in partitions}
    stages = []
    for service, names in topics.items():
        for topic in sorted(existing & set(names)):
            here = [r for r in reads or () if (r.service, r.partition.topic) == (service, topic)]
            backlog = sum(r.end - r.offset for r in here if not r.deferred)
            lateness = max((ages_s[r] for r in here if r in ages_s), default=0.0) if ages_s else 0.0
            stages.append(
                Stage(
                    service,
                    topic.removeprefix(f"{namespace}."),
                    None if reads is None else backlog,
                    None if ages_s is None else lateness,
                )
            )
    return stages


def list_deferred(checkpoints: Iterable[StoredCheckpoint]) -> list[DeferredCompany]:
    """Return the companies with deferred records; other companies' records may lie between."""
    rows = list(checkpoints)
    bulk = {
        (r.service.removesuffix(BULK), r.topic, r.partition, r.epoch): r.next_offset
        for r in rows
        if r.service.endswith(BULK)
    }
    left: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        done = bulk.get((row.service, row.topic, row.partition, row.epoch), 0)
        for company, deferred in load_ranges(row.aside).items():
            left[row.service, company] += max(deferred.last + 1 - max(deferred.first, done), 0)
    return [DeferredCompany(*key, most) for key, most in sorted(left.items())]
