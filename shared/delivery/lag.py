"""What dashboards of consumer lag see: offsets in Kafka, which nothing here is read from."""

import asyncio
from collections.abc import Mapping

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from shared.delivery.consumer import Consumer

log = structlog.get_logger("chatia.worker")

COMMIT_S = 5.0


async def show(consumer: Consumer, offsets: Mapping[TopicPartition, int]) -> None:
    """Commit offsets of partitions that are still ours; where Kafka takes none, go on without.

    aiokafka waits for a coordinator as long as there is none, so its waiting ends after 5 s.
    """
    ours = set(consumer.assignment())
    read = {place: offset for place, offset in offsets.items() if place in ours}
    if not read:
        return
    try:
        async with asyncio.timeout(COMMIT_S):
            await consumer.commit(read)
    except (KafkaError, TimeoutError) as error:
        log.info("lag.not_committed", error=type(error).__name__)
