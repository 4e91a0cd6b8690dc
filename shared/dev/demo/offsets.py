"""Reads end offsets and committed offsets with a consumer outside all groups."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

PartitionOffsets = dict[TopicPartition, int]


class OffsetReader:
    """Reads offsets; commits nothing."""

    def __init__(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
        self.consumer = consumer
        self._admin = admin

    async def load_end_offsets(self, topics: Collection[str]) -> PartitionOffsets:
        """Load the end offset of every partition of topics."""
        described = await self._admin.describe_topics(list(topics))
        partitions = [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]
        offsets: PartitionOffsets = await self.consumer.end_offsets(partitions)
        return offsets

    async def load_committed_offsets(
        self, group: str, partitions: Collection[TopicPartition]
    ) -> PartitionOffsets:
        """Load the committed offsets of a group, 0 if it has committed nothing."""
        offsets = await self._admin.list_consumer_group_offsets(group, partitions=list(partitions))
        return {
            partition: max(0, load_committed_offsets.offset)
            for partition, load_committed_offsets in offsets.items()
        }


@asynccontextmanager
async def open_offset_reader(kafka: dict[str, Any]) -> AsyncIterator[OffsetReader]:
    """Connect until the block ends."""
    admin = AIOKafkaAdminClient(**kafka)
    try:
        await admin.start()
        async with AIOKafkaConsumer(**kafka, enable_auto_commit=False) as consumer:
            yield OffsetReader(consumer, admin)
    finally:
        await admin.close()
