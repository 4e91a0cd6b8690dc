"""Reads a record batch of any size in slices of bounded size, and too large records without a body.

A slice is an uncompressed batch of complete records, which aiokafka's own parser can read.
"""

import hashlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import CorruptRecordException

from shared.delivery.kafka.batch_header import BatchHeader, read_varint
from shared.delivery.kafka.decompression import Content, WindowTooLargeError
from shared.delivery.kafka.header_names import decode_name
from shared.delivery.kafka.poll_budget import PollBudget
from shared.delivery.kafka.too_large import (
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_KEPT_BYTES,
    MAX_RECORD_BYTES,
    TooLarge,
    TooLargeRecord,
    build_header_bytes_marker,
    build_size_marker,
    build_unreadable_marker,
)

SLICE_BYTES = 3 * 2**19  # bytes of a slice; a slice with a single record may be larger
CHUNK_BYTES = 2**18  # bytes that are decompressed at a time
LONGEST_VARINT = 10  # bytes

# Generators that yield None when the budget is used up, and return an integer.
NumberReader = Generator[None, None, int]


@dataclass(frozen=True, slots=True)
class BatchSlice:
    """A part of a batch up to `last_offset`: either a small batch, or one too large record."""

    last_offset: int
    batch: bytes = b""
    too_large: TooLargeRecord | None = None


class BatchSlicer:
    """Splits one batch into slices; its memory is limited to one slice or record, and one chunk.

    `_buffer` is decompressed content that is not yet in a slice; indexes refer to it.
    """

    def __init__(self, header: BatchHeader, content: Content, beginning: list[bytes]) -> None:
        self.budget = PollBudget()
        self._header = header
        self._content = content
        self._buffer = bytearray().join(beginning)
        self._dropped_bytes = 0  # bytes of content before the buffer
        self._next_offset = header.base_offset

    def read_slices(self) -> Iterator[BatchSlice | None]:
        """Yield the slices in their order, and None each time the budget is used up."""
        try:
            yield from self._read_slices()
        except WindowTooLargeError as error:
            last = self._header.base_offset + self._header.last_offset_delta
            marker = build_unreadable_marker(str(error))
            for offset in range(self._next_offset, last + 1):
                record = self._build_too_large(offset, self._header.max_ms, None, marker)
                yield BatchSlice(offset, too_large=record)

    def _read_slices(self) -> Iterator[BatchSlice | None]:
        at = last_at = count = 0
        for _ in range(self._header.count):
            yield from self._fill(at + LONGEST_VARINT)
            length, start = self._peek_varint(at)
            end = start + length
            if length < 0:
                raise CorruptRecordException(f"Found invalid record size {length}")
            if count and end > SLICE_BYTES:
                yield self._cut_slice(at, last_at, count)
                start, end, at, count = start - at, end - at, 0, 0
            if length > MAX_RECORD_BYTES:
                yield from self._read_too_large(start, length)
                continue
            yield from self._fill(end)
            if length > SLICE_BYTES and self._measure_headers(start, end) > MAX_HEADER_BYTES:
                yield from self._read_too_large(start, length)
                continue
            at, last_at, count = end, at, count + 1
        if count:
            yield self._cut_slice(at, last_at, count)
        yield from self._fill(1)
        if self._buffer:
            raise CorruptRecordException("unconsumed bytes after all records consumed")

    def _cut_slice(self, end: int, last_at: int, count: int) -> BatchSlice:
        """Take the records before an end from the buffer; the last of them begins at `last_at`."""
        at = last_at
        for _ in range(3):  # length, attributes, timestamp
            _, at = self._peek_varint(at)
        offset_delta, _ = self._peek_varint(at)
        batch = self._header.build_slice([self._buffer[:end]], count)
        self._drop(end)
        last_offset = self._header.base_offset + offset_delta
        self._next_offset = last_offset + 1
        return BatchSlice(last_offset, batch)

    def _measure_headers(self, start: int, end: int) -> int:
        """Return the bytes of the headers of a record that is in the buffer."""
        at = start
        for _ in range(3):  # attributes, timestamp, offset
            _, at = self._peek_varint(at)
        for _ in range(2):  # key, body
            size, at = self._peek_varint(at)
            at += max(size, 0)
        return end - at

    def _read_too_large(self, start: int, length: int) -> Iterator[BatchSlice | None]:
        """Read a record that is too large chunk by chunk, and yield it without its body."""
        self._drop(start)
        end = self._dropped_bytes + length
        yield from self._read_varint()  # attributes
        timestamp_ms = self._header.first_ms + (yield from self._read_varint())
        offset = self._header.base_offset + (yield from self._read_varint())
        key_size = yield from self._read_varint()
        key = yield from self._read_bytes(key_size)
        digest = hashlib.sha256()
        body_size = yield from self._read_varint()
        yield from self._skip(body_size, digest)
        header_bytes = end - self._dropped_bytes
        headers = yield from self._read_headers()
        yield from self._skip(end - self._dropped_bytes)
        body = (max(body_size, 0), digest.hexdigest())
        if length > MAX_RECORD_BYTES:
            marker = build_size_marker(length, *body)
        else:
            marker = build_header_bytes_marker(header_bytes, *body)
        self._next_offset = offset + 1
        record = self._build_too_large(offset, timestamp_ms, key, marker, headers)
        yield BatchSlice(offset, too_large=record)

    def _build_too_large(
        self,
        offset: int,
        timestamp_ms: int,
        key: bytes | None,
        marker: TooLarge,
        headers: tuple[tuple[str, bytes | None], ...] = (),
    ) -> TooLargeRecord:
        has_broker_time = self._header.has_broker_time
        time_ms = self._header.max_ms if has_broker_time else timestamp_ms
        return TooLargeRecord(offset, time_ms, int(has_broker_time), key, marker, headers)

    def _read_headers(self) -> Generator[None, None, tuple[tuple[str, bytes | None], ...]]:
        """Read the first headers, as many as are kept."""
        headers, left = [], MAX_KEPT_BYTES
        count = yield from self._read_varint()
        for _ in range(min(count, MAX_HEADERS)):
            name_size = yield from self._read_varint()
            if name_size > left:
                break
            name = yield from self._read_bytes(name_size)
            size = yield from self._read_varint()
            left -= max(name_size, 0) + max(size, 0)
            if left < 0:
                break
            value = yield from self._read_bytes(size)
            headers.append((decode_name(name or b""), value))
        return tuple(headers)

    def _read_varint(self) -> NumberReader:
        yield from self._fill(LONGEST_VARINT)
        value, at = self._peek_varint(0)
        self._drop(at)
        return value

    def _read_bytes(self, size: int) -> Generator[None, None, bytes | None]:
        """Read bytes; None if their size is negative, or larger than what is kept."""
        if size > MAX_KEPT_BYTES:
            yield from self._skip(size)
        if not 0 <= size <= MAX_KEPT_BYTES:
            return None
        yield from self._fill(size)
        if len(self._buffer) < size:
            raise CorruptRecordException("Compressed content ends within a record")
        value = bytes(self._buffer[:size])
        self._drop(size)
        return value

    def _skip(
        self,
        size: int,
        digest: Any = None,  # noqa: ANN401 - hashlib names no public type
    ) -> Iterator[None]:
        while size > 0:
            if not self._buffer:
                yield from self._fill(1)
            if not self._buffer:
                raise CorruptRecordException("Compressed content ends within a record")
            part = bytes(self._buffer[:size])
            if digest is not None:
                digest.update(part)
            self._drop(len(part))
            size -= len(part)

    def _fill(self, size: int) -> Iterator[None]:
        """Decompress until the buffer has `size` bytes, or the content ends."""
        while len(self._buffer) < size:
            while self.budget.work_bytes <= 0:
                yield
            chunk = self._content.read(CHUNK_BYTES)
            if not chunk:
                return
            self.budget.work_bytes -= len(chunk)
            self._buffer += chunk

    def _peek_varint(self, at: int) -> tuple[int, int]:
        return read_varint(self._buffer, at)

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._dropped_bytes += size
