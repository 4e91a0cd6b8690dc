"""Where topics end: read by a consumer that belongs to no group."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

Ends = dict[TopicPartition, int]


class Offsets:
    """Reads offsets without taking part in anything."""

    def __init__(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
        self.consumer = consumer
        self._admin = admin

    async def ends(self, topics: Collection[str]) -> Ends:
        """Tell where every partition of these topics ends now."""
        described = await self._admin.describe_topics(list(topics))
        places = [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]
        found: Ends = await self.consumer.end_offsets(places)
        return found

    async def committed(self, group: str, places: Collection[TopicPartition]) -> Ends:
        """Tell how far a group has come in these partitions: 0 where it has committed nothing."""
        found = await self._admin.list_consumer_group_offsets(group, partitions=list(places))
        return {place: max(0, committed.offset) for place, committed in found.items()}


@asynccontextmanager
async def open_offsets(connection: dict[str, Any]) -> AsyncIterator[Offsets]:
    """Connect for as long as offsets are read."""
    admin = AIOKafkaAdminClient(**connection)
    try:
        await admin.start()
        async with AIOKafkaConsumer(**connection, enable_auto_commit=False) as consumer:
            yield Offsets(consumer, admin)
    finally:
        await admin.close()
