"""Kafka records that ordinary clients cannot send: header names of any bytes, any compression."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record import default_records
from typing_extensions import override

COMPRESSIONS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
LARGEST_BATCH = 64 * 2**20  # bytes; topics have limits of their own


@dataclass(frozen=True, slots=True)
class AnyRecord:
    """A record as bytes."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[bytes, bytes | None], ...] = ()
    timestamp_ms: int | None = None


class _Name(str):
    """A header name that encodes to the bytes it was made of."""

    __slots__ = ("raw",)
    raw: bytes

    @override
    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        del encoding, errors
        return self.raw


def name_of(raw: bytes) -> str:
    """Build a header name of any bytes for aiokafka's builder."""
    name = _Name()
    name.raw = raw
    return name


async def send(
    producer: AIOKafkaProducer,
    topic: str,
    partition: int,
    records: Sequence[AnyRecord],
    compression: str = "none",
) -> int:
    """Send records as one batch and return the first offset; the producer is not idempotent."""
    batch: Any = producer.create_batch()
    # aiokafka's own builder in C accepts only str; the one in Python calls `encode` of the name.
    batch._builder = default_records._DefaultRecordBatchBuilderPy(  # noqa: SLF001
        2, COMPRESSIONS[compression], 0, -1, -1, 0, LARGEST_BATCH
    )
    for record in records:
        headers = [(name_of(name), value) for name, value in record.headers]
        batch.append(
            key=record.key, value=record.value, timestamp=record.timestamp_ms, headers=headers
        )
    answer = await (await producer.send_batch(batch, topic, partition=partition))
    return int(answer.offset)
