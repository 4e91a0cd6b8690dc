"""Commits offsets to Kafka: for dashboards of consumer lag, and as a witness of checkpoints.

Workers read from their checkpoints. A worker that starts compares the two, because a database that
went back in time has older checkpoints.
"""

import asyncio
from collections.abc import Mapping

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from shared.delivery.kafka.consumer import Consumer

log = structlog.get_logger("chatia.worker")

COMMIT_TIMEOUT_S = 5.0


async def commit_offsets(
    consumer: Consumer | None, offsets: Mapping[TopicPartition, OffsetAndMetadata]
) -> None:
    """Commit offsets of partitions that are still assigned; a failure is only logged.

    Without a consumer, which has stopped then, no partition is assigned.

    aiokafka waits forever for a group coordinator, so there is a timeout of 5 s.
    """
    if consumer is None:
        return
    assignment = set(consumer.assignment())
    assigned = {partition: offsets[partition] for partition in offsets if partition in assignment}
    if not assigned:
        return
    try:
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            await consumer.commit(assigned)
    except (KafkaError, TimeoutError) as error:
        log.info("offsets.commit_failed", error=type(error).__name__)
