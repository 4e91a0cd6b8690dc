"""Publishes records in order, each acknowledged."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer

from shared.dev.demo.records import SampleRecord

CHUNK_SIZE = 500  # records in flight
RecordLocation = tuple[str, int, int]  # topic, partition, offset
Item = TypeVar("Item")


async def publish(
    kafka: dict[str, Any], records: Sequence[SampleRecord], *, per_second: float | None = None
) -> list[RecordLocation]:
    """Publish records in their order; return the location of each.

    `per_second` limits the rate. Raises KafkaError when a broker fails.
    """
    producer = AIOKafkaProducer(
        **kafka, acks="all", enable_idempotence=True, compression_type="lz4", linger_ms=5
    )
    try:
        await producer.start()
        locations: list[RecordLocation] = []
        chunk_size = (
            CHUNK_SIZE if per_second is None else max(1, min(CHUNK_SIZE, int(per_second / 10)))
        )
        for chunk in _split(records, chunk_size):
            sent = [await _send(producer, record) for record in chunk]
            acknowledged = await asyncio.gather(*sent)
            locations += [
                (metadata.topic, metadata.partition, metadata.offset) for metadata in acknowledged
            ]
            if per_second is not None:
                await asyncio.sleep(len(chunk) / per_second)
        return locations
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, record: SampleRecord) -> asyncio.Future[Any]:
    sent: asyncio.Future[Any] = await producer.send(
        record.topic,
        key=None if record.key is None else record.key.encode(),
        value=record.value,
        headers=list(record.headers),
    )
    return sent


def _split(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
