"""A worker's positions in its partitions, and checks that fetched records continue them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from aiokafka import TopicPartition

from shared.delivery.checkpoints.continuity import LastRecord
from shared.delivery.kafka.record import Record

StoredRanges = Mapping[str, Sequence[int]]  # as "Checkpoints".aside: first and last offset


class Fit(Enum):
    """How fetched records relate to the position of their partition."""

    FOLLOWS = auto()
    AFTER_A_GAP = auto()
    SKIPPED_SOME = auto()
    BEHIND = auto()
    OTHER_LOG = auto()


@dataclass(slots=True)
class Position:
    """A worker's in-memory copy of one partition's checkpoint.

    `after_seek`: no record was read since the last seek. `last_record` is compared with the first
    record that is read after a claim. `gap_end` is the first offset after the last gap that was
    found. `unpublished`: Kafka has not acknowledged the last batch's facts. `has_outbox`: the
    checkpoint's outbox is not empty. `deferred`, `skipped` and `epoch` are those of the checkpoint.
    """

    next_offset: int
    last_record: LastRecord | None = None
    after_seek: bool = True
    gap_end: int | None = None
    unpublished: bool = False
    has_outbox: bool = False
    deferred: StoredRanges = field(default_factory=dict)
    skipped: Sequence[int] = ()
    epoch: int = 0

    @property
    def seek_offset(self) -> int:
        """The offset to seek to: that of the last record, which is read again to compare it."""
        return self.last_record.offset if self.last_record else self.next_offset

    def check_fit(self, first: Record) -> Fit:
        """Return how fetched records relate to the position, by the first of them.

        Logs have gaps after compaction and transactions, but a gap can also mean that records were
        lost in this process. So a gap is accepted only if it is found again after a seek back.
        A lower offset without a seek can mean that the topic was re-created.
        """
        last_record, self.last_record = self.last_record, None
        after_seek, self.after_seek = self.after_seek, False
        gap_end, self.gap_end = self.gap_end, first.offset
        if last_record and last_record.is_replaced_by(first):
            return Fit.OTHER_LOG
        if first.offset > self.next_offset:
            return Fit.AFTER_A_GAP if after_seek and gap_end == first.offset else Fit.SKIPPED_SOME
        if first.offset < self.next_offset and not after_seek:
            return Fit.BEHIND
        return Fit.FOLLOWS


class Positions:
    """The partitions that a worker has claimed, each with its position."""

    def __init__(self) -> None:
        self._positions: dict[TopicPartition, Position] = {}

    def __getitem__(self, partition: TopicPartition) -> Position:
        return self._positions[partition]

    def __setitem__(self, partition: TopicPartition, position: Position) -> None:
        self._positions[partition] = position

    def __iter__(self) -> Iterator[TopicPartition]:
        return iter(list(self._positions))

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop positions, so that their partitions have to be claimed again."""
        for partition in set(partitions):
            self._positions.pop(partition, None)

    def find_unclaimed(self, partitions: Iterable[TopicPartition]) -> set[TopicPartition]:
        """Return the partitions without a position, which have to be claimed."""
        return {p for p in partitions if p not in self._positions or self._positions[p].unpublished}

    def take_snapshot(self) -> dict[TopicPartition, Position]:
        """Return the current positions, for `find_changed`."""
        return dict(self._positions)

    def find_changed(self, snapshot: Mapping[TopicPartition, Position]) -> set[TopicPartition]:
        """Return the partitions that were claimed or released since a snapshot."""
        partitions = snapshot.keys() | self._positions.keys()
        return {p for p in partitions if snapshot.get(p) is not self._positions.get(p)}

    def limit_offset(self, partition: TopicPartition, offset: int) -> int:
        """Return the smaller one of an offset and the partition's position."""
        if partition not in self._positions:
            return offset
        return min(offset, self._positions[partition].next_offset)

    def mark_committed(
        self,
        next_offsets: Mapping[TopicPartition, int],
        deferred: Mapping[TopicPartition, StoredRanges],
    ) -> None:
        """Note what a batch transaction saved; its facts are still to be published."""
        for partition, next_offset in next_offsets.items():
            position = self._positions[partition]
            position.next_offset = next_offset
            position.unpublished = position.has_outbox = True
            position.deferred = deferred.get(partition, {})

    def set_deferred(self, deferred: Mapping[TopicPartition, StoredRanges]) -> None:
        """Note the deferred records that the checkpoints name."""
        for partition, ranges in deferred.items():
            self._positions[partition].deferred = ranges

    def mark_retried(self, partitions: Iterable[TopicPartition]) -> None:
        """Note that the same records will be processed again, as after a seek."""
        for partition in partitions:
            if partition in self._positions:
                self._positions[partition].after_seek = True

    def mark_published(self, partitions: Iterable[TopicPartition]) -> None:
        """Note that Kafka has acknowledged the facts of these partitions."""
        for partition in partitions:
            self._positions[partition].unpublished = False

    def find_published_outboxes(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return the next offsets of checkpoints whose outboxes hold only acknowledged facts."""
        return {
            partition: self._positions[partition].next_offset
            for partition in partitions
            if partition in self._positions
            and self._positions[partition].has_outbox
            and not self._positions[partition].unpublished
        }

    def mark_cleared(self, partitions: Iterable[TopicPartition]) -> None:
        """Note that the outboxes of these partitions are empty."""
        for partition in partitions:
            if partition in self._positions:
                self._positions[partition].has_outbox = False


def group_by_partition(records: Iterable[Record]) -> dict[TopicPartition, list[Record]]:
    """Return the records of each partition, in their order."""
    groups: defaultdict[TopicPartition, list[Record]] = defaultdict(list)
    for record in records:
        groups[TopicPartition(record.topic, record.partition)].append(record)
    return {**groups}


def find_first_offsets(records: Iterable[Record]) -> dict[TopicPartition, int]:
    """Return the offset of each partition's first record."""
    first: dict[TopicPartition, int] = {}
    for record in records:
        first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
    return first


def drop_partitions(
    portions: Iterable[Sequence[Record]], partitions: Iterable[TopicPartition]
) -> list[Sequence[Record]]:
    """Return portions without the records of some partitions, and without empty portions."""
    dropped = set(partitions)
    kept = [[r for r in p if TopicPartition(r.topic, r.partition) not in dropped] for p in portions]
    return [portion for portion in kept if portion]
