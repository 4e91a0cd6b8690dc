"""The header of record batches of format 2 (KIP-98)."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBase

STRUCT = DefaultRecordBase.HEADER_STRUCT
BEFORE_BATCH = DefaultRecordBase.AFTER_LEN_OFFSET  # bytes: base offset and length
MORE, MOST_BITS = 0x80, 70  # the bit that says that a byte follows; ten bytes of seven bits


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """What the header says of the records after it."""

    base_offset: int
    attributes: int
    last_offset_delta: int
    first_ms: int
    max_ms: int
    count: int

    @classmethod
    def of(cls, content: memoryview) -> "BatchHeader":
        """Read the header that a batch begins with."""
        fields = STRUCT.unpack_from(content)
        return cls(*(fields[place] for place in (0, 5, 6, 7, 8, 12)))

    @property
    def codec(self) -> int:
        """Return the number of the codec."""
        return self.attributes & DefaultRecordBase.CODEC_MASK

    @property
    def is_time_of_broker(self) -> bool:
        """Return whether all records have the time at which the broker took the batch."""
        return bool(self.attributes & DefaultRecordBase.TIMESTAMP_TYPE_MASK)

    def piece(self, records: Sequence[bytes | bytearray], count: int) -> bytes:
        """Return a batch of some of the records, uncompressed, without a checksum."""
        length = STRUCT.size - BEFORE_BATCH + sum(map(len, records))
        attributes = self.attributes & ~DefaultRecordBase.CODEC_MASK
        times = (self.first_ms, self.max_ms)
        header = (self.base_offset, length, -1, 2, 0, attributes, self.last_offset_delta, *times)
        return b"".join((STRUCT.pack(*header, -1, -1, -1, count), *records))


def number_at(content: bytes | bytearray, at: int) -> tuple[int, int]:
    """Return the number that stands at a byte (a zigzag varint), and where the next byte is.

    aiokafka's own reader looks past the end of what it is given, at which a process may die.
    Raises CorruptRecordException where no number stands there.
    """
    value = shift = 0
    while 0 <= at < len(content) and shift < MOST_BITS:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < MORE:
            return (value >> 1) ^ -(value & 1), at
    raise CorruptRecordException("a number of a record is broken off or too large")
