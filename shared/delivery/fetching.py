"""aiokafka's fetching within bounds of memory: what a poll hands over, and what is kept fetched.

aiokafka counts records, not bytes, and has no setting for it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from hashlib import sha256
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import consumer, fetcher
from typing_extensions import override

from shared.delivery.in_flight import OF_A_HEADER, of_a_poll
from shared.delivery.record_batches import RecordBatches
from shared.delivery.too_large import MOST_HEADERS, TooLarge, too_many_headers
from shared.delivery.turns import Room, Turn

WORK = 32 * 2**20  # bytes of large batches that are uncompressed in a poll: a tenth of a second

FEW_HEADERS = 20  # that need not be counted

_TURN: ContextVar[Turn | None] = ContextVar("turn", default=None)  # none: without bounds

Found = list[ConsumerRecord[Any, Any]]


def bound_memory() -> None:
    """Let all consumers that this process makes from now on read within bounds."""
    vars(fetcher).update(
        MemoryRecords=RecordBatches, PartitionRecords=Unpacked, FetchResult=BoundedResult
    )
    vars(consumer).update(Fetcher=BoundedFetcher)


@contextmanager
def polling(turn: Turn) -> Iterator[None]:
    """Let what is read in the block be read within a turn."""
    token = _TURN.set(turn)
    try:
        yield
    finally:
        _TURN.reset(token)


class Unpacked(fetcher.PartitionRecords):
    """Records of a partition; where reading stands is kept in the batches, not in a generator.

    So reading can stop and go on, and what is dropped is freed at once.
    """

    def __init__(self, tp: TopicPartition, records: RecordBatches, *rest: Any) -> None:  # noqa: ANN401
        super().__init__(tp, records, *rest)  # type: ignore[no-untyped-call]
        self._records_iterator = None
        self.batches = records
        self.batches.reads_from = self.next_fetch_offset

    @override
    def __iter__(self) -> Iterator[ConsumerRecord[Any, Any]]:
        self.batches.begin(_TURN.get() or Turn())
        unpacked: Iterator[ConsumerRecord[Any, Any]] = self._unpack_records()
        return unpacked

    @override
    def __next__(self) -> ConsumerRecord[Any, Any]:
        while True:
            try:
                return next(iter(self))
            except UnicodeDecodeError:
                self.batches.take_any_name()


class BoundedResult(fetcher.FetchResult):
    """What was fetched of a partition; it is handed over as far as the poll's turn goes."""

    @override
    def getall(self, max_records: int | None = None) -> Found:
        """Return the next records: until there are enough, or their bytes are."""
        if not self.has_more() or not self.check_assignment(self._topic_partition):
            return []
        turn = _TURN.get() or Turn()
        found: Found = []
        if turn.records <= 0:
            return found
        try:
            is_left = self._take(found, turn, max_records)
        except BaseException:
            self._partition_records = None  # fetched again, as after aiokafka's own errors
            raise
        self._update_position()
        if not is_left:
            self._partition_records = None
        return found

    def _take(self, found: Found, turn: Turn, max_records: int | None) -> bool:
        """Take records; returns whether some may be left."""
        while True:
            try:
                return self._take_on(found, turn, max_records)
            except UnicodeDecodeError:
                self._partition_records.batches.take_any_name()

    def _take_on(self, found: Found, turn: Turn, max_records: int | None) -> bool:
        for record in self._partition_records:
            if len(record.headers) <= FEW_HEADERS:
                found.append(record)
            else:  # as objects they take many times their bytes
                found.append(_weighed(record))
                turn.records -= OF_A_HEADER * len(record.headers)
                if turn.records <= 0:
                    return True
            if len(found) == max_records:
                return True
        return bool(self._partition_records.batches.waits)

    @property
    def size(self) -> int:
        """Return the bytes that are kept, as they were fetched."""
        records = self._partition_records
        return 0 if records is None else int(records.batches.size_in_bytes())


class BoundedFetcher(fetcher.Fetcher):
    """Hands a quarter of the bytes in flight to a poll; fetches while less than that is kept."""

    def __init__(self, *given: Any, **options: Any) -> None:  # noqa: ANN401 - as aiokafka's own
        super().__init__(*given, **options)  # type: ignore[no-untyped-call]
        self._room = Room()

    @override
    async def fetched_records(
        self,
        partitions: Iterable[TopicPartition],
        timeout: float = 0,
        max_records: int | None = None,
    ) -> dict[TopicPartition, Found]:
        """Return what was fetched; partitions of which something is left come last next time."""
        if partitions and self._keeps_enough:
            for place in self._records.keys() - set(partitions):
                del self._records[place]  # else what is asked for could never be fetched
        with polling(Turn(of_a_poll(self._fetch_max_bytes), WORK, self._room)):
            found: dict[TopicPartition, Found] = await super().fetched_records(  # type: ignore[no-untyped-call]
                partitions, timeout, max_records
            )
        for place in found.keys() & self._records.keys():
            self._records.move_to_end(place)
        return found

    @property
    def _keeps_enough(self) -> bool:
        # While an answer comes it is in memory twice, as sent and cut, beside what is kept.
        kept = sum(getattr(result, "size", 0) for result in self._records.values())
        return bool(kept >= self._fetch_max_bytes // 2)

    @override
    def _get_actions_per_node(self, assignment: Any) -> Any:
        requests, *others = super()._get_actions_per_node(assignment)  # type: ignore[no-untyped-call]
        return ([] if self._keeps_enough else requests), *others


def _weighed(record: ConsumerRecord[Any, Any]) -> ConsumerRecord[Any, Any]:
    """Return a record with no more headers than may be; one with more is given up."""
    count, body = len(record.headers), record.value or b""
    if count <= MOST_HEADERS or isinstance(body, TooLarge):
        return record
    marker = too_many_headers(count, len(body), sha256(body).hexdigest())
    return replace(record, value=marker, headers=record.headers[:MOST_HEADERS])
