"""A record batch of any size, cut into batches of bounded size; of too large records, what stays.

A piece has whole records, uncompressed, so that aiokafka's own parser reads it.
"""

import hashlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import CorruptRecordException

from shared.delivery.batch_header import BatchHeader, number_at
from shared.delivery.header_names import as_text
from shared.delivery.too_large import (
    LARGEST,
    LONGEST_KEPT,
    MOST_HEADER_BYTES,
    MOST_HEADERS,
    GivenUp,
    TooLarge,
    out_of_reach,
    too_many_bytes,
    too_many_header_bytes,
)
from shared.delivery.turns import Turn
from shared.delivery.uncompressing import Content, OutOfReachError

PIECE = 3 * 2**19  # bytes of a piece; of one with a single record, those of the record
CHUNK = 2**18  # bytes that are uncompressed at a time
LONGEST_NUMBER = 10  # bytes of a varint
Steps = Generator[None, None, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some records of a batch, the last of which has an offset: a batch, or one without a body."""

    last_offset: int
    batch: bytes = b""
    given_up: GivenUp | None = None


class Cutter:
    """Cuts one batch; of its content it holds a piece, or the largest record, and a chunk."""

    def __init__(self, head: BatchHeader, content: Content, beginning: list[bytes]) -> None:
        self.turn = Turn()
        self._head = head
        self._content = content
        self._held = bytearray().join(beginning)
        self._gone = 0  # bytes of the content before those that are held
        self._next_offset = head.base_offset

    def pieces(self) -> Iterator[Piece | None]:
        """Yield the pieces in their order, and None wherever the turn is over."""
        try:
            yield from self._pieces()
        except OutOfReachError as error:
            last = self._head.base_offset + self._head.last_offset_delta
            marker = out_of_reach(str(error))
            for offset in range(self._next_offset, last + 1):
                yield Piece(
                    offset, given_up=self._given_up(offset, self._head.max_ms, None, marker)
                )

    def _pieces(self) -> Iterator[Piece | None]:
        at = last_at = count = 0
        for _ in range(self._head.count):
            yield from self._fill(at + LONGEST_NUMBER)
            length, start = self._number_at(at)
            end = start + length
            if length < 0:
                raise CorruptRecordException(f"Found invalid record size {length}")
            if count and end > PIECE:
                yield self._cut(at, last_at, count)
                start, end, at, count = start - at, end - at, 0, 0
            if length > LARGEST:
                yield from self._without_body(start, length)
                continue
            yield from self._fill(end)
            if length > PIECE and self._header_bytes(start, end) > MOST_HEADER_BYTES:
                yield from self._without_body(start, length)
                continue
            at, last_at, count = end, at, count + 1
        if count:
            yield self._cut(at, last_at, count)
        yield from self._fill(1)
        if self._held:
            raise CorruptRecordException("unconsumed bytes after all records consumed")

    def _cut(self, at: int, last_at: int, count: int) -> Piece:
        cursor = last_at
        for _ in range(3):  # length, attributes, timestamp
            _, cursor = self._number_at(cursor)
        delta, _ = self._number_at(cursor)
        piece = Piece(self._head.base_offset + delta, self._head.piece([self._held[:at]], count))
        self._drop(at)
        self._next_offset = piece.last_offset + 1
        return piece

    def _header_bytes(self, start: int, end: int) -> int:
        """Return the bytes that the headers of a record have which is held whole."""
        at = start
        for _ in range(3):  # attributes, timestamp, offset
            _, at = self._number_at(at)
        for _ in range(2):  # key, body
            size, at = self._number_at(at)
            at += max(size, 0)
        return end - at

    def _without_body(self, start: int, length: int) -> Iterator[Piece | None]:
        """Read a record that is too large, chunk by chunk, and yield what is kept of it."""
        self._drop(start)
        end = self._gone + length
        yield from self._number()
        timestamp_ms = self._head.first_ms + (yield from self._number())
        offset = self._head.base_offset + (yield from self._number())
        key_size = yield from self._number()
        key = yield from self._string(key_size)
        digest = hashlib.sha256()
        body_size = yield from self._number()
        yield from self._skip(body_size, digest)
        left = end - self._gone
        headers = yield from self._headers()
        yield from self._skip(end - self._gone)
        sizes = (max(body_size, 0), digest.hexdigest())
        if length > LARGEST:
            marker = too_many_bytes(length, *sizes)
        else:
            marker = too_many_header_bytes(left, *sizes)
        self._next_offset = offset + 1
        given_up = self._given_up(offset, timestamp_ms, key, marker, headers)
        yield Piece(offset, given_up=given_up)

    def _given_up(
        self,
        offset: int,
        timestamp_ms: int,
        key: bytes | None,
        marker: TooLarge,
        headers: tuple[tuple[str, bytes | None], ...] = (),
    ) -> GivenUp:
        by_broker = self._head.is_time_of_broker
        time_ms = self._head.max_ms if by_broker else timestamp_ms
        return GivenUp(offset, time_ms, int(by_broker), key, marker, headers)

    def _headers(self) -> Generator[None, None, tuple[tuple[str, bytes | None], ...]]:
        """Read the first headers, as many as are kept."""
        found, left = [], LONGEST_KEPT
        count = yield from self._number()
        for _ in range(min(count, MOST_HEADERS)):
            name_size = yield from self._number()
            if name_size > left:
                break
            name = yield from self._string(name_size)
            size = yield from self._number()
            left -= max(name_size, 0) + max(size, 0)
            if left < 0:
                break
            value = yield from self._string(size)
            found.append((as_text(name or b""), value))
        return tuple(found)

    def _number(self) -> Steps:
        yield from self._fill(LONGEST_NUMBER)
        value, at = self._number_at(0)
        self._drop(at)
        return value

    def _string(self, size: int) -> Generator[None, None, bytes | None]:
        """Read bytes; none where there are none, or more than are kept."""
        if size > LONGEST_KEPT:
            yield from self._skip(size)
        if not 0 <= size <= LONGEST_KEPT:
            return None
        yield from self._fill(size)
        if len(self._held) < size:
            raise CorruptRecordException("Compressed content ends within a record")
        found = bytes(self._held[:size])
        self._drop(size)
        return found

    def _skip(self, size: int, digest: Any = None) -> Iterator[None]:  # noqa: ANN401 - of hashlib
        while size > 0:
            if not self._held:
                yield from self._fill(1)
            if not self._held:
                raise CorruptRecordException("Compressed content ends within a record")
            part = bytes(self._held[:size])
            if digest is not None:
                digest.update(part)
            self._drop(len(part))
            size -= len(part)

    def _fill(self, size: int) -> Iterator[None]:
        """Hold so many bytes, fewer only where the content ends; waits where the turn is over."""
        while len(self._held) < size:
            while self.turn.work <= 0:
                yield
            chunk = self._content.read(CHUNK)
            if not chunk:
                return
            self.turn.work -= len(chunk)
            self._held += chunk

    def _number_at(self, at: int) -> tuple[int, int]:
        return number_at(self._held, at)

    def _drop(self, size: int) -> None:
        del self._held[:size]
        self._gone += size
