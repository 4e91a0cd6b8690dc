"""The header of record batches of format 2 (KIP-98)."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBase

STRUCT = DefaultRecordBase.HEADER_STRUCT
BEFORE_BATCH = DefaultRecordBase.AFTER_LEN_OFFSET  # bytes: base offset and length
MORE, MOST_BITS = 0x80, 70  # continuation bit; a varint has at most ten bytes of seven bits


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """The fields of a batch header that are needed to read its records."""

    base_offset: int
    attributes: int
    last_offset_delta: int
    first_ms: int
    max_ms: int
    count: int

    @classmethod
    def parse(cls, content: memoryview) -> "BatchHeader":
        """Read the header that a batch begins with."""
        fields = STRUCT.unpack_from(content)
        return cls(*(fields[index] for index in (0, 5, 6, 7, 8, 12)))

    @property
    def codec(self) -> int:
        """The number of the codec; 0 is none."""
        return self.attributes & DefaultRecordBase.CODEC_MASK

    @property
    def has_broker_time(self) -> bool:
        """Whether the batch has LogAppendTime: all records have the broker's time."""
        return bool(self.attributes & DefaultRecordBase.TIMESTAMP_TYPE_MASK)

    def build_slice(self, records: Sequence[bytes | bytearray], count: int) -> bytes:
        """Build a batch of `count` of the records, uncompressed, without a checksum."""
        length = STRUCT.size - BEFORE_BATCH + sum(map(len, records))
        attributes = self.attributes & ~DefaultRecordBase.CODEC_MASK
        times = (self.first_ms, self.max_ms)
        header = (self.base_offset, length, -1, 2, 0, attributes, self.last_offset_delta, *times)
        return b"".join((STRUCT.pack(*header, -1, -1, -1, count), *records))


def read_varint(content: bytes | bytearray, at: int) -> tuple[int, int]:
    """Return the zigzag varint at an index, and the index after it.

    aiokafka's own reader reads past the end of its buffer, which can kill the process. Raises
    CorruptRecordException if there is no complete number.
    """
    value = shift = 0
    while 0 <= at < len(content) and shift < MOST_BITS:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < MORE:
            return (value >> 1) ^ -(value & 1), at
    raise CorruptRecordException("a number of a record is broken off or too large")
