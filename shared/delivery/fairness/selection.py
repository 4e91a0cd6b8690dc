"""Selectors of the two paths: the main path skips deferred records, the bulk path reads them.

A noisy tenant's records stay in Kafka's log. The transaction that skips them saves their first and
last offset in the partition's checkpoint (column `aside`). The bulk path reads the same log again,
with its own checkpoints.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiokafka import TopicPartition

from shared.delivery.checkpoints.positions import StoredRanges
from shared.delivery.fairness.deferred_ranges import (
    DeferredRanges,
    extend_ranges,
    is_deferred,
    load_ranges,
    read_tenant_key,
)
from shared.delivery.fairness.noisy_tenants import WINDOW_S, NoisyTenantDetector
from shared.delivery.kafka.record import Record
from shared.delivery.subscription import Subscription
from shared.topics import TOPICS

REQUESTS = ".requests"
BULK = ".bulk"  # after the service's name, in the bulk path's checkpoints


@dataclass(frozen=True, slots=True)
class Selection:
    """The records of a batch to take now, and each partition's deferred ranges after it."""

    records: Sequence[Record]
    deferred: Mapping[TopicPartition, DeferredRanges]


class RecordSelector(Protocol):
    """Selects the records of a batch that one path processes."""

    suffix: str

    def select(
        self, records: Sequence[Record], deferred: Mapping[TopicPartition, StoredRanges]
    ) -> Selection:
        """Select from records at or after their checkpoints; `deferred` are the stored ranges."""
        ...


class MainSelector:
    """Selects what is not deferred; while a service is congested, it defers noisy tenants.

    Only records of `topics` are ever deferred. `DeferredConsumer` sets `congested`.
    """

    suffix = ""

    def __init__(self, times: float = 0, topics: frozenset[str] = frozenset()) -> None:
        self.congested = False
        self.topics = topics
        self._detector = NoisyTenantDetector(times)
        self._deferred_at = -float(WINDOW_S)

    @property
    def noisy_tenants(self) -> frozenset[str]:
        """The keys of tenants that send far more than their share."""
        return self._detector.find_noisy(time.monotonic())

    @property
    def is_active(self) -> bool:
        """Whether a tenant is noisy, or records were deferred in the last seconds."""
        return bool(self.noisy_tenants) or time.monotonic() - self._deferred_at < WINDOW_S

    def select(
        self, records: Sequence[Record], deferred: Mapping[TopicPartition, StoredRanges]
    ) -> Selection:
        """Select the records of tenants that are neither deferred nor to be deferred now."""
        ranges = {partition: load_ranges(stored) for partition, stored in deferred.items()}
        deferrable: dict[TopicPartition, list[Record]] = defaultdict(list)
        for record in records:
            if record.topic in self.topics:
                deferrable[TopicPartition(record.topic, record.partition)].append(record)
        tenant_keys = (read_tenant_key(r) for group in deferrable.values() for r in group)
        self._detector.count(Counter(tenant_keys), time.monotonic())
        noisy = self.noisy_tenants if self.congested else frozenset[str]()
        for partition, group in deferrable.items():
            ranges[partition] = extend_ranges(group, ranges[partition], noisy)
        if any(ranges.values()):
            self._deferred_at = time.monotonic()
        return Selection(_drop_deferred(records, ranges), ranges)


class BulkSelector:
    """Selects only what is deferred in the main path's checkpoints."""

    suffix = BULK

    def __init__(self) -> None:
        self.deferred: Mapping[TopicPartition, DeferredRanges] = {}

    def select(
        self,
        records: Sequence[Record],
        deferred: Mapping[TopicPartition, StoredRanges],  # noqa: ARG002 - as in RecordSelector
    ) -> Selection:
        """Select the deferred records."""
        return Selection([record for record in records if self.is_deferred(record)], {})

    def is_deferred(self, record: Record) -> bool:
        """Return whether a record is deferred."""
        partition = TopicPartition(record.topic, record.partition)
        return is_deferred(record, self.deferred.get(partition, {}))


@dataclass(frozen=True, slots=True)
class Selectors:
    """A service's two selectors; unread records of `watched_topics` are its backlog."""

    service: str
    main: MainSelector
    bulk: BulkSelector
    watched_topics: frozenset[str]


def build_selectors(
    service: str, subscriptions: Sequence[Subscription], namespace: str, times: float
) -> Selectors:
    """Build the selectors of a service.

    Only records of topics with external producers are deferred. Facts of our services are thereby
    limited, too, and their sequences must be seen in order by one consumer. Requests are never
    deferred, because users wait for the answers.
    """
    topics = {
        topic: any(getattr(contract, "ours_alone", False) for contract in subscription.contracts)
        for subscription in subscriptions
        for topic in subscription.list_topics(namespace)
    }
    outside = {t for t, is_ours in topics.items() if not is_ours and not t.endswith(REQUESTS)}
    watched = {f"{namespace}.{topic.name}" for topic in TOPICS} | outside
    return Selectors(
        service, MainSelector(times, frozenset(outside)), BulkSelector(), frozenset(watched)
    )


def _drop_deferred(
    records: Sequence[Record], ranges: Mapping[TopicPartition, DeferredRanges]
) -> Sequence[Record]:
    if not any(ranges.values()):
        return records
    return [
        record
        for record in records
        if not is_deferred(record, ranges[TopicPartition(record.topic, record.partition)])
    ]
