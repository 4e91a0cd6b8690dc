"""Reads the record batches of a fetch response; a bad record does not block the others.

aiokafka decompresses a batch completely, whatever its size, and raises on a header name that is not
UTF-8, so that the partition is fetched again forever. Here aiokafka's parser reads batches that fit
into a slice, and our own code reads larger batches and other header names.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any, cast

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecord, DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from typing_extensions import override

from shared.delivery.kafka.batch_header import BEFORE_BATCH, STRUCT, BatchHeader, read_varint
from shared.delivery.kafka.batch_slices import SLICE_BYTES, BatchSlice, BatchSlicer
from shared.delivery.kafka.decompression import open_content, read_up_to
from shared.delivery.kafka.header_names import decode_name
from shared.delivery.kafka.legacy_batches import read_legacy_records
from shared.delivery.kafka.poll_budget import PollBudget
from shared.delivery.kafka.too_large import MAX_KEPT_BYTES, MAX_RECORD_BYTES

BEFORE_LENGTH = 8  # bytes: the base offset
MAGIC_AT = 16  # index of the magic byte (format version)
FORMAT_2 = 2

Records = Iterator[Any]  # records of aiokafka, or `TooLargeRecord`, which have no common type


class RecordBatches:
    """A fetch response with the interface of aiokafka's `MemoryRecords`; large batches are sliced.

    Reading can stop after any record and continue with the budget of the next poll.
    `is_out_of_budget` is True when it has stopped for this poll.
    """

    def __init__(self, response: bytes) -> None:
        self._response = memoryview(response)
        self._aiokafka_batches: Any = MemoryRecords(response)  # annotated in part
        self._at = 0
        self._batch: FetchedBatch | None = None
        self._continues_batch = False
        self._slices: Iterator[BatchSlice | None] | None = None
        self._sliced_batch: FetchedBatch | None = None
        self.size_in_bytes = self._aiokafka_batches.size_in_bytes
        self.reads_from = 0
        self.budget = PollBudget()
        self.is_out_of_budget = False

    def begin(self, budget: PollBudget) -> None:
        """Continue reading with the budget of a new poll."""
        self.budget, self.is_out_of_budget = budget, False
        self._continues_batch = self._batch is not None
        if self._batch is not None:
            self._batch.is_out_of_budget = False

    def accept_any_header_names(self) -> None:
        """Read the current batch again with any header names."""
        if self._batch is not None:
            self._batch.accept_any_header_names()

    def has_next(self) -> bool:
        """Return whether there is a batch, or a slice of one, to read within the budget."""
        batch, continues_batch = self._batch, self._continues_batch
        self._continues_batch = False
        if continues_batch:
            return True
        self.is_out_of_budget = (
            self.is_out_of_budget
            or self.budget.record_bytes <= 0
            or (batch is not None and batch.is_out_of_budget)
        )
        if self.is_out_of_budget:
            return False
        self._batch = None
        if batch is not None and batch.slicer is not None and batch is not self._sliced_batch:
            self._sliced_batch, self._slices = batch, batch.slicer.read_slices()
        return self._has_slice() if self._slices else bool(self._aiokafka_batches.has_next())

    def next_batch(self) -> "FetchedBatch":
        """Return the current batch or slice."""
        self._batch = self._batch or self._build_next()
        self._batch.budget = self.budget
        return self._batch

    def _has_slice(self) -> bool:
        whole = cast("FetchedBatch", self._sliced_batch)
        cast("BatchSlicer", whole.slicer).budget = self.budget
        for batch_slice in self._slices or ():
            if batch_slice is None:
                self.is_out_of_budget = True
                return False
            if batch_slice.last_offset >= self.reads_from:
                self._batch = SlicedBatch(whole, batch_slice)
                return True
        whole.slicer = self._sliced_batch = self._slices = None
        self._batch = whole  # for its last offset, which may belong to a compacted record
        return True

    def _build_next(self) -> "FetchedBatch":
        start = self._at
        length = self._response[start + BEFORE_LENGTH : start + BEFORE_BATCH]
        self._at = start + BEFORE_BATCH + int.from_bytes(length)
        content = self._response[start : self._at]
        return FetchedBatch(self._aiokafka_batches.next_batch(), content, self.reads_from)


class FetchedBatch:
    """A batch that is decompressed when read: completely if it fits a slice, else in slices."""

    def __init__(
        self,
        batch: Any,  # noqa: ANN401 - aiokafka's batches have no common type
        content: memoryview,
        reads_from: int,
    ) -> None:
        self._batch = batch
        self._content = content
        self._reads_from = reads_from
        self._records: Records | None = None
        self._uncompressed = b""
        self._size = 0  # bytes of its records, decompressed
        self._is_valid: bool | None = None
        self._is_large = False
        self.is_out_of_budget = False
        self.slicer: BatchSlicer | None = None
        self.budget = PollBudget()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - an attribute of aiokafka's batch
        return getattr(self._batch, name)

    def __next__(self) -> Any:  # noqa: ANN401 - a control record of aiokafka's
        return next(self._batch)

    def __iter__(self) -> Records:
        if self._records is None:
            self._records = self._open()
        return self._count_bytes(self._records or iter(()))

    @property
    def next_offset(self) -> int:
        """The offset after this batch or, until all its slices are read, the next one to read."""
        if self.is_out_of_budget or self.slicer is not None:
            return max(self._reads_from, int(self._batch.base_offset))
        return int(self._batch.next_offset)

    def validate_crc(self) -> bool:
        """Return whether the batch, as it was sent, has the checksum in its header."""
        if self._is_valid is None:
            self._is_valid = bool(self._batch.validate_crc())
        return self._is_valid

    def accept_any_header_names(self) -> None:
        """Read again, with any header names; aiokafka skips what was read already."""
        self._records = _read_with_any_names(self._uncompressed)

    def _count_bytes(self, records: Records) -> Records:
        # The batch counts for each poll that reads from it. A batch without remaining records does
        # not count; otherwise a large one would use up the budget of every poll.
        for record in records:
            self.budget.record_bytes -= self._size
            yield record
            break
        yield from records

    def _open(self) -> Records | None:
        """Return the records; None while another large batch is read in slices."""
        magic = self._content[MAGIC_AT]
        if magic < FORMAT_2:
            self._size = MAX_RECORD_BYTES
            return read_legacy_records(self._batch, self._content, magic)
        header = BatchHeader.parse(self._content)
        if not header.codec and len(self._content) <= SLICE_BYTES:
            return self._parse(self._content)
        self.is_out_of_budget = self._is_large and not self.budget.large_batch_slot.is_free
        if self.is_out_of_budget:
            return None
        content = open_content(header.codec, self._content[STRUCT.size :])
        beginning, size = read_up_to(content, SLICE_BYTES + 1)
        if size <= SLICE_BYTES:
            return self._parse(header.build_slice(beginning, header.count))
        self._is_large = True
        slicer = BatchSlicer(header, content, beginning)
        self.is_out_of_budget = not self.budget.large_batch_slot.take(slicer)
        if self.is_out_of_budget:
            return None
        self.slicer = slicer
        return iter(())

    def _parse(self, uncompressed: bytes | memoryview) -> Records:
        self._uncompressed = cast("bytes", uncompressed)  # aiokafka's parser reads any buffer
        self._size = len(uncompressed)
        # chain(): aiokafka's batch iterator would start again at its end.
        return chain(DefaultRecordBatch(self._uncompressed))


class SlicedBatch(FetchedBatch):
    """A slice of a batch, with the interface of a batch."""

    def __init__(self, whole: FetchedBatch, batch_slice: BatchSlice) -> None:
        super().__init__(whole, memoryview(b""), 0)
        self._slice = batch_slice
        self._is_valid = True

    @property
    @override
    def next_offset(self) -> int:
        """The offset after the last record of the slice."""
        return self._slice.last_offset + 1

    @override
    def _open(self) -> Records:
        if self._slice.too_large is not None:
            self._size = 2 * MAX_KEPT_BYTES
            return iter((self._slice.too_large,))
        return self._parse(self._slice.batch)


class _Cursor:
    """Reads numbers and byte strings of an uncompressed batch, one after another."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def read_varint(self) -> int:
        value, self._at = read_varint(self._content, self._at)
        return value

    def read_bytes(self) -> bytes | None:
        size = self.read_varint()
        if size < 0:
            return None
        start, self._at = self._at, self._at + size
        if self._at > len(self._content):
            raise CorruptRecordException("a record is longer than its batch")
        return self._content[start : self._at]


def _read_with_any_names(content: bytes) -> Records:
    """Yield the records of an uncompressed batch of format 2 (KIP-98), whatever headers it has."""
    header = BatchHeader.parse(memoryview(content))
    cursor = _Cursor(bytes(content[STRUCT.size :]))
    has_broker_time = header.has_broker_time
    for _ in range(header.count):
        _length, _attributes = cursor.read_varint(), cursor.read_varint()
        timestamp_ms = header.first_ms + cursor.read_varint()
        offset = header.base_offset + cursor.read_varint()
        key, value = cursor.read_bytes(), cursor.read_bytes()
        pairs = [(cursor.read_bytes(), cursor.read_bytes()) for _ in range(cursor.read_varint())]
        headers = [(decode_name(name or b""), value) for name, value in pairs]
        time_ms = header.max_ms if has_broker_time else timestamp_ms
        yield DefaultRecord(offset, time_ms, int(has_broker_time), key, value, headers)
