"""Publishes facts to Kafka, with at most one record batch in flight per partition."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from shared.delivery.kafka.clients import stop_producer
from shared.delivery.kafka.limits import limit_waiting
from shared.delivery.kafka.outgoing import OutgoingRecord

PUBLISH_TIMEOUT_S = 60
LARGEST_BATCH = 262_144  # bytes of one record batch, before compression


class TopicMissingError(Exception):
    """A worker's topics do not exist; `chatia topics apply` creates them."""


class Publisher:
    """Publishes the records of outboxes; after a failure it continues with a new producer.

    An idempotent producer retries, but if a batch finally fails, later ones of the same partition
    may still be written, and facts would be missing. So each batch waits for the previous one.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:  # as aiokafka takes them
        self._arguments = arguments
        self._producer: AIOKafkaProducer | None = None
        self._partition_counts: dict[str, int] = {}
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Connect; raises KafkaError if no broker answers."""
        await self._get_producer()

    async def stop(self) -> None:
        """Close the connection."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):
                await stop_producer(producer)

    async def load_partition_counts(self, topics: Iterable[str]) -> None:
        """Load and cache partition counts of topics; raise TopicMissingError if some are missing.

        Raises KafkaTimeoutError after 15 seconds without an answer.
        """
        unknown = {topic for topic in topics if topic not in self._partition_counts}
        async with limit_waiting():
            producer = await self._get_producer()
            cluster = await producer.client.fetch_all_metadata()
        counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in unknown}
        if missing := sorted(topic for topic, count in counts.items() if not count):
            raise TopicMissingError(
                f"Topics do not exist: {', '.join(missing)}; run `chatia topics apply`."
            )
        self._partition_counts |= counts

    def count_partitions(self, topic: str) -> int:
        """Return the cached partition count of a topic."""
        return self._partition_counts[topic]

    async def publish(self, records: Iterable[OutgoingRecord]) -> int:
        """Publish in order within each destination partition; return when all are acknowledged.

        Returns how many. Raises KafkaTimeoutError after a minute.
        """
        by_partition: dict[tuple[str, int], list[OutgoingRecord]] = defaultdict(list)
        for record in records:
            by_partition[record.topic, record.partition].append(record)
        if not by_partition:
            return 0
        try:
            async with limit_waiting(PUBLISH_TIMEOUT_S):
                producer = await self._get_producer()
                async with asyncio.TaskGroup() as group:
                    for (topic, partition), ordered in by_partition.items():
                        group.create_task(_publish_partition(producer, topic, partition, ordered))
        except (KafkaTimeoutError, BaseExceptionGroup):
            await self.stop()
            raise
        return sum(map(len, by_partition.values()))

    async def _get_producer(self) -> AIOKafkaProducer:
        async with self._starting:
            return self._producer or await self._connect()

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._arguments,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_batch_size=LARGEST_BATCH,
            max_request_size=2 * LARGEST_BATCH + 1_048_576,
        )
        try:
            await producer.start()
        except BaseException:
            await stop_producer(producer)
            raise
        self._producer = producer
        return producer


async def _publish_partition(
    producer: AIOKafkaProducer, topic: str, partition: int, records: list[OutgoingRecord]
) -> None:
    batch = producer.create_batch()
    for record in records:
        if not _append(batch, record):
            await _send(producer, batch, topic, partition)
            batch = producer.create_batch()
            _append(batch, record)
    await _send(producer, batch, topic, partition)


def _append(
    batch: Any,  # noqa: ANN401 - aiokafka's BatchBuilder is untyped
    record: OutgoingRecord,
) -> bool:
    """Append a record to a batch; return False if it is full."""
    return (
        batch.append(
            key=record.key.encode(),
            value=record.value.encode(),
            timestamp=None,  # current time, for retention; the time of the cause is in ce_time
            headers=[(name, value.encode()) for name, value in record.headers],
        )
        is not None
    )


async def _send(
    producer: AIOKafkaProducer,
    batch: Any,  # noqa: ANN401 - aiokafka's BatchBuilder is untyped
    topic: str,
    partition: int,
) -> None:
    """Send a batch and wait until it is acknowledged."""
    await (await producer.send_batch(batch, topic, partition=partition))
