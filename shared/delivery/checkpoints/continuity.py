"""Checks that a partition's log is still the one that a checkpoint was written for."""

import zlib
from dataclasses import dataclass

from shared.delivery.kafka.record import Record


@dataclass(frozen=True, slots=True)
class LastRecord:
    """Timestamp and CRC of the last record before a checkpoint, to detect a re-created topic."""

    offset: int
    timestamp_ms: int
    crc: int

    def is_replaced_by(self, record: Record) -> bool:
        """Return whether another record has this one's offset."""
        return record.offset == self.offset and (record.timestamp, compute_crc(record)) != (
            self.timestamp_ms,
            self.crc,
        )


def build_last_record(
    next_offset: int, last_timestamp: int | None, last_crc: int | None
) -> LastRecord | None:
    """Return a checkpoint's last record; None before the first record, or after a reset."""
    if last_timestamp is None or last_crc is None:
        return None
    return LastRecord(next_offset - 1, last_timestamp, last_crc)


def compute_crc(record: Record) -> int:
    """Return the CRC-32 of key, body and header values; Kafka's own covers a whole record batch."""
    parts = (record.key, record.value, *(value for _, value in record.headers))
    crc = 0
    for part in parts:
        crc = zlib.crc32(part or b"", crc)
    return crc


def describe_broken_log(next_offset: int, log_start: int, log_end: int) -> str:
    """Return why a log cannot be read from an offset on; empty if it can."""
    if log_end < next_offset:
        return (
            f"{next_offset} records were read but the log ends at {log_end}: "
            "the topic was re-created or cut off"
        )
    return describe_lost_records(next_offset, log_start)


def describe_lost_records(next_offset: int, log_start: int) -> str:
    """Return how many unread records retention has removed; empty if it removed none."""
    if log_start <= next_offset:
        return ""
    return (
        f"{log_start - next_offset} records from offset {next_offset} on "
        "were removed by retention before they were read"
    )


def describe_replaced_log(next_offset: int) -> str:
    """Return the problem text for a log whose last read record was replaced."""
    return (
        f"the record at offset {next_offset - 1} is not the one that was read: "
        "the topic was re-created"
    )
