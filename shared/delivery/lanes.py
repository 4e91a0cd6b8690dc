"""The two ways through a service: past what stands aside, and through nothing but that.

A noisy company's records stay in Kafka's log. Its checkpoint remembers, for each lane that was set
aside, the first and the last such record of the partition (`aside`), in the transaction that moves
past them. The bulk lane reads the same log again, with a checkpoint of its own, and takes those.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiokafka import TopicPartition

from shared.delivery.decode import Record
from shared.delivery.noise import WINDOW_S, Crowd, Spans, is_aside, lane_of, read, set_aside
from shared.delivery.positions import Aside
from shared.delivery.subscription import Subscription
from shared.topics import TOPICS

REQUESTS = ".requests"
BULK = ".bulk"  # after the service's name, where the bulk lane's checkpoints stand


@dataclass(frozen=True, slots=True)
class Choice:
    """The records of a batch to take now, and what stands aside in each partition after it."""

    taken: Sequence[Record]
    aside: Mapping[TopicPartition, Spans]


class Lane(Protocol):
    """Chooses from a batch what to take."""

    suffix: str

    def choose(self, records: Sequence[Record], aside: Mapping[TopicPartition, Aside]) -> Choice:
        """Judge records that are not before their checkpoint, whose rows say what is aside."""
        ...


class EntryLane:
    """Takes what does not stand aside; while much is on its way, it sets noisy lanes aside.

    `topics` are those where lanes may be set aside; `congested` is told by who watches the way.
    """

    suffix = ""

    def __init__(self, times: float = 0, topics: frozenset[str] = frozenset()) -> None:
        self.congested = False
        self.topics = topics
        self._crowd = Crowd(times)
        self._set_aside_at = -float(WINDOW_S)

    @property
    def noisy(self) -> frozenset[str]:
        """Name the lanes that bring far more than their share."""
        return self._crowd.noisy(time.monotonic())

    @property
    def stirs(self) -> bool:
        """Tell whether some lane is noisy, or stood aside a moment ago."""
        return bool(self.noisy) or time.monotonic() - self._set_aside_at < WINDOW_S

    def choose(self, records: Sequence[Record], aside: Mapping[TopicPartition, Aside]) -> Choice:
        """Set aside what a lane brings that stands aside already, or that is to stand aside."""
        spans = {place: read(stored) for place, stored in aside.items()}
        new: dict[TopicPartition, list[Record]] = defaultdict(list)
        for record in records:
            if record.topic in self.topics:
                new[TopicPartition(record.topic, record.partition)].append(record)
        lanes = Counter(lane_of(record) for found in new.values() for record in found)
        self._crowd.saw(lanes, time.monotonic())
        noisy = self.noisy if self.congested else frozenset[str]()
        for place, found in new.items():
            spans[place] = set_aside(found, spans[place], noisy)
        if any(spans.values()):
            self._set_aside_at = time.monotonic()
        return Choice(_without(records, spans), spans)


class BulkLane:
    """Takes nothing but what stands aside, as it was read from the service's own checkpoints."""

    suffix = BULK

    def __init__(self) -> None:
        self.aside: Mapping[TopicPartition, Spans] = {}

    def choose(
        self,
        records: Sequence[Record],
        aside: Mapping[TopicPartition, Aside],  # noqa: ARG002 - as Lane
    ) -> Choice:
        """Pass over everything else."""
        return Choice([record for record in records if self.takes(record)], {})

    def takes(self, record: Record) -> bool:
        """Tell whether a record stands aside."""
        place = TopicPartition(record.topic, record.partition)
        return is_aside(record, self.aside.get(place, {}))


@dataclass(frozen=True, slots=True)
class Lanes:
    """A service's two lanes; records in `watched` topics that nobody has read are on their way."""

    service: str
    entry: EntryLane
    bulk: BulkLane
    watched: frozenset[str]


def lanes_of(
    service: str, subscriptions: Sequence[Subscription], namespace: str, times: float
) -> Lanes:
    """Make the lanes of a service.

    Lanes are set aside where outsiders write: what our services tell was limited there already,
    and is recognised by a sequence that must not be split. People wait for answers to requests.
    """
    topics = {
        topic: any(getattr(contract, "ours_alone", False) for contract in subscription.contracts)
        for subscription in subscriptions
        for topic in subscription.topics(namespace)
    }
    outside = {t for t, ours in topics.items() if not ours and not t.endswith(REQUESTS)}
    watched = {f"{namespace}.{topic.name}" for topic in TOPICS} | outside
    return Lanes(service, EntryLane(times, frozenset(outside)), BulkLane(), frozenset(watched))


def _without(records: Sequence[Record], spans: Mapping[TopicPartition, Spans]) -> Sequence[Record]:
    if not any(spans.values()):
        return records
    return [
        record
        for record in records
        if not is_aside(record, spans[TopicPartition(record.topic, record.partition)])
    ]
