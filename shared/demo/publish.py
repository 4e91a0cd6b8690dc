"""Puts the script on Kafka as gateways and schedulers would: in order, acknowledged, once."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer

from shared.demo.records import Raw

CHUNK = 500  # records on their way at once
Place = tuple[str, int, int]  # topic, partition, offset
Item = TypeVar("Item")


async def publish(
    connection: dict[str, Any], records: Sequence[Raw], *, per_second: float | None = None
) -> list[Place]:
    """Publish records in their order; gives, for each one, where it stands.

    `per_second` slows it down to the pace of a real day. Raises KafkaError where a broker fails.
    """
    producer = AIOKafkaProducer(
        **connection, acks="all", enable_idempotence=True, compression_type="lz4", linger_ms=5
    )
    try:
        await producer.start()
        places: list[Place] = []
        chunk_size = CHUNK if per_second is None else max(1, min(CHUNK, int(per_second / 10)))
        for chunk in _chunks(records, chunk_size):
            sent = [await _send(producer, record) for record in chunk]
            acknowledged = await asyncio.gather(*sent)
            places += [(done.topic, done.partition, done.offset) for done in acknowledged]
            if per_second is not None:
                await asyncio.sleep(len(chunk) / per_second)
        return places
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, record: Raw) -> asyncio.Future[Any]:
    sent: asyncio.Future[Any] = await producer.send(
        record.topic,
        key=None if record.key is None else record.key.encode(),
        value=record.value,
        headers=list(record.headers),
    )
    return sent


def _chunks(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
