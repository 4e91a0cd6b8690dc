"""Facts on their way out: encoded once, stored with the checkpoint, published as stored."""

import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from datetime import UTC, datetime

from aiokafka.partitioner import murmur2

from shared.contracts.base import Event
from shared.contracts.cloudevents import headers

LAST_MS = 253_402_300_799_000  # the last second of the year 9999
LARGEST_RECORD = 1_000_000  # bytes; Kafka's own default limit is 1,048,588


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record with its destination partition fixed, so that publishing again changes nothing."""

    topic: str
    partition: int
    key: str
    value: str
    headers: tuple[tuple[str, str], ...]
    timestamp_ms: int

    @property
    def size(self) -> int:
        """Bytes of key and value, and of the headers as far as they count."""
        return len(self.value.encode()) + len(self.key.encode()) + 64 * len(self.headers)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a fact comes from: the same origin and index give the same fact, id and time."""

    source: str
    number: int
    timestamp_ms: int

    def sequence(self, index: int) -> str:
        """Name the fact's place among all facts of its source; text order is their order."""
        return f"{self.number:020d}.{index:06d}"


def moment(timestamp_ms: int) -> datetime:
    """Read a record's time; producers may have written anything, so absurd ones are clamped."""
    return datetime.fromtimestamp(min(max(timestamp_ms, 0), LAST_MS) / 1000, UTC)


def partition_of(key: str, partitions: int) -> int:
    """Choose the partition as Kafka's Java client and aiokafka do (murmur2 of the key)."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


def encode(
    fact: Event, origin: Origin, index: int, topic: str, partitions: Callable[[str], int]
) -> Outgoing:
    """Turn a fact into the record that will be published, CloudEvents headers included."""
    sequence = origin.sequence(index)
    return Outgoing(
        topic=topic,
        partition=partition_of(fact.key, partitions(topic)),
        key=fact.key,
        value=fact.model_dump_json(by_alias=True, exclude_none=True),
        headers=tuple(
            (name, value.decode())
            for name, value in headers(
                fact,
                id=f"{origin.source}/{sequence}",
                source=origin.source,
                time=moment(origin.timestamp_ms),
                sequence=sequence,
            )
        ),
        timestamp_ms=origin.timestamp_ms,
    )


def pack(records: Iterable[Outgoing]) -> bytes | None:
    """Compress facts for the checkpoint's row; nothing to tell is None."""
    rows = [astuple(record) for record in records]
    return zlib.compress(json.dumps(rows).encode(), level=1) if rows else None


def unpack(stored: bytes | None) -> list[Outgoing]:
    """Read back what `pack` stored."""
    if not stored:
        return []
    return [
        Outgoing(topic, partition, key, value, tuple((n, v) for n, v in pairs), timestamp_ms)
        for topic, partition, key, value, pairs, timestamp_ms in json.loads(zlib.decompress(stored))
    ]
