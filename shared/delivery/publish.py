"""The postman: facts to Kafka, each partition's record batches one acknowledged after another."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from shared import kafka
from shared.delivery.outbox import Outgoing

PUBLISH_TIMEOUT_S = 60
LARGEST_BATCH = 262_144  # bytes of one record batch, before compression


class TopicMissingError(Exception):
    """A topic that facts go to does not exist; `chatia topics apply` creates it."""


class Publisher:
    """Publishes what an outbox holds; after a failure it starts again with a new producer.

    An idempotent producer retries by itself, but when a batch is given up, later ones of that
    partition may still get in and leave a hole. So every batch waits for the one before it.
    """

    def __init__(self, connection: dict[str, Any]) -> None:
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None
        self._partitions: dict[str, int] = {}
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Connect; raises KafkaError where no broker answers."""
        await self._started()

    async def stop(self) -> None:
        """Close the connection."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):
                await kafka.stop(producer)

    async def learn_partitions(self, topics: Iterable[str]) -> None:
        """Ask once how many partitions each has; raises TopicMissingError for an absent one."""
        producer = await self._started()
        for topic in topics:
            if topic not in self._partitions:
                found = await producer.client.fetch_all_metadata()
                numbers = found.partitions_for_topic(topic)
                if not numbers:
                    raise TopicMissingError(
                        f"Topic {topic} does not exist; run `chatia topics apply`."
                    )
                self._partitions[topic] = len(numbers)

    def partitions(self, topic: str) -> int:
        """Tell how many partitions a learnt topic has."""
        return self._partitions[topic]

    async def publish(self, records: Iterable[Outgoing]) -> int:
        """Publish in order within each destination partition; returns when all are acknowledged."""
        lanes: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        for record in records:
            lanes[record.topic, record.partition].append(record)
        if not lanes:
            return 0
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                producer = await self._started()
                async with asyncio.TaskGroup() as group:
                    for (topic, partition), lane in lanes.items():
                        group.create_task(_publish_lane(producer, topic, partition, lane))
        except TimeoutError as error:
            await self.stop()
            raise KafkaTimeoutError from error
        except BaseExceptionGroup:
            await self.stop()
            raise
        return sum(map(len, lanes.values()))

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            return self._producer or await self._connected()

    async def _connected(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._connection,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_batch_size=LARGEST_BATCH,
            max_request_size=2 * LARGEST_BATCH + 1_048_576,
        )
        try:
            await producer.start()
        except BaseException:
            await kafka.stop(producer)
            raise
        self._producer = producer
        return producer


async def _publish_lane(
    producer: AIOKafkaProducer, topic: str, partition: int, lane: list[Outgoing]
) -> None:
    batch = producer.create_batch()
    for record in lane:
        if not _append(batch, record):
            await _acknowledged(producer, batch, topic, partition)
            batch = producer.create_batch()
            _append(batch, record)
    await _acknowledged(producer, batch, topic, partition)


def _append(batch: Any, record: Outgoing) -> bool:  # noqa: ANN401 - aiokafka's BatchBuilder is untyped
    return (
        batch.append(
            key=record.key.encode(),
            value=record.value.encode(),
            timestamp=None,  # now: retention counts from the telling, ce_time from the cause
            headers=[(name, value.encode()) for name, value in record.headers],
        )
        is not None
    )


async def _acknowledged(
    producer: AIOKafkaProducer,
    batch: Any,  # noqa: ANN401 - aiokafka's BatchBuilder is untyped
    topic: str,
    partition: int,
) -> None:
    await (await producer.send_batch(batch, topic, partition=partition))
