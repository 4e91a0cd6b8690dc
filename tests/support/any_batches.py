"""Record batches of any size, built in parts, as attacks need them."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cramjam
import lz4.frame
import zstandard
from aiokafka import AIOKafkaProducer
from aiokafka.codec import snappy_encode
from aiokafka.record import default_records
from aiokafka.record.default_records import DefaultRecordBase
from aiokafka.record.util import calc_crc32c, encode_varint

from tests.support.any_records import LARGEST_BATCH, AnyRecord, name_of

Compress = Callable[[Iterable[bytes]], bytes]
STRUCT = DefaultRecordBase.HEADER_STRUCT
WIDE = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)


def built(records: Sequence[AnyRecord], codec: int, base_offset: int = 0) -> bytes:
    """Build a batch with aiokafka's own builder."""
    builder = default_records._DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, 0, LARGEST_BATCH)  # noqa: SLF001
    for offset, record in enumerate(records):
        headers = [(name_of(name), value) for name, value in record.headers]
        time_ms = record.timestamp_ms
        builder.append(offset, 0 if time_ms is None else time_ms, record.key, record.value, headers)
    batch = builder.build()
    batch[:8] = base_offset.to_bytes(8)
    return bytes(batch)


def record(
    offset: int,
    key: bytes | None,
    body: Iterable[bytes],
    size: int,
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> Iterator[bytes]:
    """Yield the bytes of a record whose body of so many bytes comes in parts."""
    before = b"\0" + number(0) + number(offset) + _string(key) + number(size)
    after = number(len(headers)) + b"".join(_string(n) + _string(v) for n, v in headers)
    yield number(len(before) + size + len(after)) + before
    yield from body
    yield after


def batch(
    records: Iterable[Iterable[bytes]],
    count: int,
    codec: int,
    compress: Compress,
    time_ms: int = 0,
) -> bytes:
    """Build a batch of records that are compressed part by part."""
    body = compress(part for record in records for part in record)
    length = STRUCT.size - DefaultRecordBase.AFTER_LEN_OFFSET + len(body)
    fields = [0, length, -1, 2, 0, codec, count - 1, time_ms, time_ms, -1, -1, -1, count]
    whole = bytearray(STRUCT.pack(*fields) + body)
    crc = calc_crc32c(bytes(whole[DefaultRecordBase.ATTRIBUTES_OFFSET :]))
    at = DefaultRecordBase.CRC_OFFSET
    whole[at : at + 4] = crc.to_bytes(4)
    return bytes(whole)


class _Built:
    """A replacement for aiokafka's batch builder that holds a finished batch."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def size(self) -> int:
        return len(self._content)

    def build(self) -> bytearray:
        return bytearray(self._content)


async def send_built(producer: AIOKafkaProducer, topic: str, partition: int, content: bytes) -> int:
    """Send a finished batch by a producer that is not idempotent; return its first offset."""
    waiting: Any = producer.create_batch()
    waiting._builder = _Built(content)  # noqa: SLF001 - it has no public setter
    waiting._relative_offset = STRUCT.unpack_from(content)[-1]  # noqa: SLF001 - the same
    waiting.close()
    answer = await (await producer.send_batch(waiting, topic, partition=partition))
    return int(answer.offset)


def number(value: int) -> bytes:
    """Encode a number as a varint of Kafka records."""
    encoded = bytearray()
    encode_varint(value, encoded.append)
    return bytes(encoded)


def _string(value: bytes | None) -> bytes:
    return number(-1) if value is None else number(len(value)) + value


def plain(parts: Iterable[bytes]) -> bytes:
    return b"".join(parts)


def gzip(parts: Iterable[bytes]) -> bytes:
    stream = zlib.compressobj(9, wbits=31)
    return b"".join([*map(stream.compress, parts), stream.flush()])


def lz4_frame(parts: Iterable[bytes]) -> bytes:
    """Compress as producers do, without linked blocks."""
    with lz4.frame.LZ4FrameCompressor(block_linked=False) as stream:
        begin = stream.begin()
        return b"".join([begin, *map(stream.compress, parts), stream.flush()])


def lz4_linked(parts: Iterable[bytes]) -> bytes:
    linked = lz4.frame.LZ4FrameCompressor(block_size=lz4.frame.BLOCKSIZE_MAX4MB, block_linked=True)
    with linked as stream:
        begin = stream.begin()
        return b"".join([begin, *map(stream.compress, parts), stream.flush()])


def zstd(parts: Iterable[bytes]) -> bytes:
    stream = zstandard.ZstdCompressor(level=3).compressobj()
    return b"".join([*map(stream.compress, parts), stream.flush()])


def zstd_wide(parts: Iterable[bytes]) -> bytes:
    """Compress with the largest window that a broker accepts, as level 22 does."""
    stream = zstandard.ZstdCompressor(compression_params=WIDE).compressobj()
    return b"".join([*map(stream.compress, parts), stream.flush()])


def snappy_raw(parts: Iterable[bytes]) -> bytes:
    return bytes(cramjam.snappy.compress_raw(b"".join(parts)))


def snappy_xerial(parts: Iterable[bytes]) -> bytes:
    return snappy_encode(b"".join(parts))


def snappy_xerial_large_blocks(parts: Iterable[bytes]) -> bytes:
    return snappy_encode(b"".join(parts), xerial_blocksize=2**25)


CODECS: dict[str, tuple[int, Compress]] = {
    "none": (0, plain),
    "gzip": (1, gzip),
    "snappy raw": (2, snappy_raw),
    "snappy xerial": (2, snappy_xerial),
    "snappy xerial, large blocks": (2, snappy_xerial_large_blocks),
    "lz4": (3, lz4_frame),
    "lz4, linked blocks": (3, lz4_linked),
    "zstd": (4, zstd),
    "zstd, large window": (4, zstd_wide),
}
