"""Reads the records that are published on some topics while a conformance run lasts."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.conformance.webhook.case import find_marks
from shared.delivery.kafka import clients
from shared.delivery.kafka.record import Record
from shared.settings import KafkaSettings
from shared.topics import PAYLOAD_BYTES

POLL_MS = 200


class TopicReader:
    """Reads some topics without a group, each partition in order."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def poll(self, timeout_ms: int = POLL_MS) -> list[Record]:
        """Return the records that have come; wait for the first one at most `timeout_ms`."""
        found = await self._consumer.getmany(timeout_ms=timeout_ms)
        return [record for records in found.values() for record in records]

    async def drain(self) -> list[Record]:
        """Return all records up to the present ends of the topics."""
        places = sorted(self._consumer.assignment())
        ends = await self._consumer.end_offsets(places)
        records: list[Record] = []
        while not await self._has_reached(ends):
            records += await self.poll()
        return records

    async def list_marks(self) -> set[str]:
        """Return the marks of webhook cases in all records up to the present ends."""
        return {
            mark for record in await self.drain() for mark in find_marks(bytes(record.value or b""))
        }

    async def _has_reached(self, ends: dict[TopicPartition, int]) -> bool:
        positions = await asyncio.gather(*(self._consumer.position(place) for place in ends))
        return all(position >= end for position, end in zip(positions, ends.values(), strict=True))


@asynccontextmanager
async def open_reader(
    settings: KafkaSettings, partitions: Mapping[str, int], *, from_beginning: bool = False
) -> AsyncIterator[TopicReader]:
    """Read topics from their present ends, or from their beginnings, until the block ends.

    `partitions` has the number of partitions of each topic, by its full name. Raises KafkaError or
    OSError if no broker answers.
    """
    consumer = AIOKafkaConsumer(
        **clients.build_client_arguments(settings),
        enable_auto_commit=False,
        max_partition_fetch_bytes=PAYLOAD_BYTES,
    )
    await consumer.start()
    try:
        places = [TopicPartition(t, p) for t, count in partitions.items() for p in range(count)]
        consumer.assign(places)
        if from_beginning:
            await consumer.seek_to_beginning(*places)
        else:
            await consumer.seek_to_end(*places)
            # The seek is done when the position is known, and only then may somebody publish.
            await asyncio.gather(*(consumer.position(place) for place in places))
        yield TopicReader(consumer)
    finally:
        await consumer.stop()
