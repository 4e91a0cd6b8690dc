"""Encodes facts as Kafka records with a fixed destination partition."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka.partitioner import murmur2

from shared.contracts.base import Event
from shared.contracts.cloudevents import build_headers

LAST_MS = 253_402_300_799_000  # the last second of the year 9999
LARGEST_RECORD = 1_000_000  # bytes; Kafka's own default limit is 1,048,588


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """A record whose destination partition is fixed, so that it can be published again."""

    topic: str
    partition: int
    key: str
    value: str
    headers: tuple[tuple[str, str], ...]
    timestamp_ms: int

    @property
    def size(self) -> int:
        """Bytes of key and value, and 64 for each header."""
        return len(self.value.encode()) + len(self.key.encode()) + 64 * len(self.headers)


@dataclass(frozen=True, slots=True)
class Origin:
    """The source and offset of the causing record; with an index they determine id and time."""

    source: str
    number: int
    timestamp_ms: int

    def build_sequence(self, index: int) -> str:
        """Return a fact's `ce_sequence`: fixed-width text, so that text order is the order."""
        return f"{self.number:020d}.{index:06d}"


def convert_timestamp(timestamp_ms: int) -> datetime:
    """Return a record's time, clamped to a valid range, because producers may set any value."""
    return datetime.fromtimestamp(min(max(timestamp_ms, 0), LAST_MS) / 1000, UTC)


def choose_partition(key: str, partitions: int) -> int:
    """Return the default partition of a key (murmur2), as Kafka's Java client and aiokafka do."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


def encode_fact(
    fact: Event, origin: Origin, index: int, topic: str, count_partitions: Callable[[str], int]
) -> OutgoingRecord:
    """Return the record of a fact, CloudEvents headers included."""
    sequence = origin.build_sequence(index)
    return OutgoingRecord(
        topic=topic,
        partition=choose_partition(fact.key, count_partitions(topic)),
        key=fact.key,
        value=fact.model_dump_json(by_alias=True, exclude_none=True),
        headers=tuple(
            (name, value.decode())
            for name, value in build_headers(
                fact,
                id=f"{origin.source}/{sequence}",
                source=origin.source,
                time=convert_timestamp(origin.timestamp_ms),
                sequence=sequence,
            )
        ),
        timestamp_ms=origin.timestamp_ms,
    )
