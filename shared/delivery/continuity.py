"""Whether a partition's log is still the one that a checkpoint was written for."""

import zlib
from dataclasses import dataclass

from shared.delivery.decode import Record


@dataclass(frozen=True, slots=True)
class Remembered:
    """The last record before a checkpoint, by which its log is recognised."""

    offset: int
    timestamp_ms: int
    crc: int

    def is_of_another_log(self, first: Record) -> bool:
        """Tell whether there is another record where the remembered one was."""
        return first.offset == self.offset and (first.timestamp, crc_of(first)) != (
            self.timestamp_ms,
            self.crc,
        )


def remembered(
    next_offset: int, last_timestamp: int | None, last_crc: int | None
) -> Remembered | None:
    """Give what a checkpoint remembers; nothing before the first record, or after a reset."""
    if last_timestamp is None or last_crc is None:
        return None
    return Remembered(next_offset - 1, last_timestamp, last_crc)


def crc_of(record: Record) -> int:
    """Give the CRC-32 of key, body and header values; Kafka's own is of a whole record batch."""
    parts = (record.key, record.value, *(value for _, value in record.headers))
    crc = 0
    for part in parts:
        crc = zlib.crc32(part or b"", crc)
    return crc


def broken_log(next_offset: int, log_start: int, log_end: int) -> str:
    """Say in words why reading cannot go on at an offset; empty where it can."""
    if log_end < next_offset:
        return (
            f"{next_offset} records were read but the log ends at {log_end}: "
            "the topic was re-created or cut off"
        )
    return lost_to_retention(next_offset, log_start)


def lost_to_retention(next_offset: int, log_start: int) -> str:
    """Say in words how many records are gone that nobody has read; empty where none are."""
    if log_start <= next_offset:
        return ""
    return (
        f"{log_start - next_offset} records from offset {next_offset} on "
        "were removed by retention before they were read"
    )


def other_log(next_offset: int) -> str:
    """Say in words that another record stands where the last one was read."""
    return (
        f"the record at offset {next_offset - 1} is not the one that was read: "
        "the topic was re-created"
    )
