"""Replacements of aiokafka's fetcher classes that limit polls and buffered records by bytes.

`aiokafka_patches` installs them and describes the reasons.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from hashlib import sha256
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher
from typing_extensions import override

from shared.delivery.kafka.fetch_sizes import HEADER_OBJECT_BYTES, compute_poll_bytes
from shared.delivery.kafka.poll_budget import LargeBatchSlot, PollBudget
from shared.delivery.kafka.record_batches import RecordBatches
from shared.delivery.kafka.too_large import MAX_HEADERS, TooLarge, build_header_count_marker

# Bytes of large batches that are decompressed in a poll: a tenth of a second.
POLL_WORK_BYTES = 32 * 2**20

FEW_HEADERS = 20  # records below this size are not counted

_BUDGET: ContextVar[PollBudget | None] = ContextVar("budget", default=None)  # None: unlimited

FetchedRecord = ConsumerRecord[Any, Any]  # deserializers of any type, though we use none
Records = list[FetchedRecord]


@contextmanager
def use_budget(budget: PollBudget) -> Iterator[None]:
    """Set the budget for what is read inside the `with` block."""
    token = _BUDGET.set(budget)
    try:
        yield
    finally:
        _BUDGET.reset(token)


class BoundedPartitionRecords(fetcher.PartitionRecords):
    """The fetched records of a partition; the position is kept in the batches, not in a generator.

    So reading can stop and continue, and dropped batches are freed immediately.
    """

    def __init__(
        self,
        partition: TopicPartition,
        batches: RecordBatches,
        *rest: Any,  # noqa: ANN401 - as aiokafka's own
    ) -> None:
        super().__init__(partition, batches, *rest)  # type: ignore[no-untyped-call]  # aiokafka's
        self._records_iterator = None
        self.batches = batches
        self.batches.reads_from = self.next_fetch_offset

    @override
    def __iter__(self) -> Iterator[FetchedRecord]:
        self.batches.begin(_BUDGET.get() or PollBudget())
        records: Iterator[FetchedRecord] = self._unpack_records()
        return records

    @override
    def __next__(self) -> FetchedRecord:
        while True:
            try:
                return next(iter(self))
            except UnicodeDecodeError:
                self.batches.accept_any_header_names()


class BoundedFetchResult(fetcher.FetchResult):
    """The buffered records of a partition; a poll returns as many as its budget allows."""

    @override
    def getall(self, max_records: int | None = None) -> Records:
        """Return the next records, until their number or their bytes reach the limit."""
        if not self.has_more() or not self.check_assignment(self._topic_partition):
            return []
        budget = _BUDGET.get() or PollBudget()
        records: Records = []
        if budget.record_bytes <= 0:
            return records
        try:
            has_more = self._read(records, budget, max_records)
        except BaseException:
            self._partition_records = None  # fetched again, as in aiokafka
            raise
        self._update_position()
        if not has_more:
            self._partition_records = None
        return records

    def _read(self, records: Records, budget: PollBudget, max_records: int | None) -> bool:
        """Append to records; return whether some may be left."""
        while True:
            try:
                return self._read_on(records, budget, max_records)
            except UnicodeDecodeError:
                self._partition_records.batches.accept_any_header_names()

    def _read_on(self, records: Records, budget: PollBudget, max_records: int | None) -> bool:
        for record in self._partition_records:
            if len(record.headers) <= FEW_HEADERS:
                records.append(record)
            else:  # record objects take several times the bytes of the batch
                records.append(_limit_headers(record))
                budget.record_bytes -= HEADER_OBJECT_BYTES * len(record.headers)
                if budget.record_bytes <= 0:
                    return True
            if len(records) == max_records:
                return True
        return bool(self._partition_records.batches.is_out_of_budget)

    @property
    def size(self) -> int:
        """The buffered bytes, compressed as they were fetched."""
        records = self._partition_records
        return 0 if records is None else int(records.batches.size_in_bytes())


class BoundedFetcher(fetcher.Fetcher):
    """A fetcher: polls have at most a quarter of the bytes in flight; so has its buffer."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as aiokafka's own
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]  # aiokafka's
        self._large_batch_slot = LargeBatchSlot()

    @override
    async def fetched_records(
        self,
        partitions: Iterable[TopicPartition],
        timeout: float = 0,
        max_records: int | None = None,
    ) -> dict[TopicPartition, Records]:
        """Return buffered records; partitions with remaining records are last in the next poll."""
        if partitions and self._keeps_enough:
            for partition in self._records.keys() - set(partitions):
                del self._records[partition]  # otherwise a partition could starve
        poll_bytes = compute_poll_bytes(self._fetch_max_bytes)
        with use_budget(PollBudget(poll_bytes, POLL_WORK_BYTES, self._large_batch_slot)):
            fetched: dict[TopicPartition, Records] = await super().fetched_records(  # type: ignore[no-untyped-call]  # aiokafka's
                partitions, timeout, max_records
            )
        for partition in fetched.keys() & self._records.keys():
            self._records.move_to_end(partition)
        return fetched

    @property
    def _keeps_enough(self) -> bool:
        # A response in transfer is in memory twice (raw and parsed), in addition to the buffer.
        kept = sum(getattr(result, "size", 0) for result in self._records.values())
        return bool(kept >= self._fetch_max_bytes // 2)

    @override
    def _get_actions_per_node(self, assignment: Any) -> Any:  # both as aiokafka's own
        requests, *others = super()._get_actions_per_node(assignment)  # type: ignore[no-untyped-call]  # aiokafka's
        return ([] if self._keeps_enough else requests), *others


def _limit_headers(record: FetchedRecord) -> FetchedRecord:
    """Return a record, with a marker for its body and fewer headers if it has too many."""
    count, body = len(record.headers), record.value or b""
    if count <= MAX_HEADERS or isinstance(body, TooLarge):
        return record
    marker = build_header_count_marker(count, len(body), sha256(body).hexdigest())
    return replace(record, value=marker, headers=record.headers[:MAX_HEADERS])
