"""Record batches of which a header's name is not UTF-8: aiokafka would never read past them.

Its parser decodes the names and raises; the partition is then fetched again and again, for ever.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecord, DefaultRecordBase
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

BEFORE_LENGTH, BEFORE_BATCH = 8, 12  # bytes: base offset; base offset and length
UNCOMPRESS = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}
UNREADABLE = "surrogateescape"  # how such a name is text and gives its bytes back


def as_bytes(name: str) -> bytes:
    """Give the bytes of a name, decodable or not."""
    return name.encode("utf-8", UNREADABLE)


def is_readable(name: str) -> bool:
    """Tell whether a name was UTF-8."""
    return name.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in name)


def tolerate_any() -> None:
    """Let all consumers of this process read such batches; there is no setting for it."""
    vars(fetcher)["MemoryRecords"] = TolerantRecords


class TolerantRecords:
    """The answer to a fetch, as aiokafka's `MemoryRecords`, batch by batch."""

    def __init__(self, answer: bytes) -> None:
        self._answer = memoryview(answer)
        self._known: Any = MemoryRecords(answer)
        self._at = 0
        self.has_next = self._known.has_next
        self.size_in_bytes = self._known.size_in_bytes

    def next_batch(self) -> "TolerantBatch":
        """Give the next batch, as aiokafka understands it, with its bytes."""
        start = self._at
        length = self._answer[start + BEFORE_LENGTH : start + BEFORE_BATCH]
        self._at = start + BEFORE_BATCH + int.from_bytes(length)
        return TolerantBatch(self._known.next_batch(), self._answer[start : self._at])


class TolerantBatch:
    """A batch that is read by aiokafka as far as it goes, and then by `_records`."""

    def __init__(self, batch: Any, content: memoryview) -> None:  # noqa: ANN401 - of two formats
        self._batch = batch
        self._content = content

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the batch's own
        return getattr(self._batch, name)

    def __next__(self) -> Any:  # noqa: ANN401 - a control record
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        done = 0
        try:
            for record in self._batch:
                yield record
                done += 1
        except UnicodeDecodeError:
            yield from islice(_records(self._content), done, None)


class _Cursor:
    """Reads numbers and byte strings of a batch, one after another."""

    def __init__(self, content: bytes) -> None:
        self._content: Any = content  # decode_varint reads bytes as well as a bytearray
        self._at = 0

    def number(self) -> int:
        value, self._at = decode_varint(self._content, self._at)
        return value

    def string(self) -> bytes | None:
        size = self.number()
        if size < 0:
            return None
        start, self._at = self._at, self._at + size
        return cast("bytes", self._content[start : self._at])


def _records(content: memoryview) -> Iterator[DefaultRecord]:  # type: ignore[valid-type]
    """Read a batch of format 2 (KIP-98), whatever its headers are called."""
    header = DefaultRecordBase.HEADER_STRUCT.unpack_from(content)
    base_offset, attributes, first_ms, max_ms, count = (header[i] for i in (0, 5, 7, 8, 12))
    body = bytes(content[DefaultRecordBase.HEADER_STRUCT.size :])
    codec = attributes & DefaultRecordBase.CODEC_MASK
    cursor = _Cursor(UNCOMPRESS[codec](body) if codec else body)
    by_broker = bool(attributes & DefaultRecordBase.TIMESTAMP_TYPE_MASK)
    for _ in range(count):
        _length, _attributes = cursor.number(), cursor.number()
        timestamp = first_ms + cursor.number()
        offset = base_offset + cursor.number()
        key, value = cursor.string(), cursor.string()
        names_and_values = [(cursor.string(), cursor.string()) for _ in range(cursor.number())]
        headers = [((n or b"").decode("utf-8", UNREADABLE), v) for n, v in names_and_values]
        yield DefaultRecord(
            offset, max_ms if by_broker else timestamp, int(by_broker), key, value, headers
        )
