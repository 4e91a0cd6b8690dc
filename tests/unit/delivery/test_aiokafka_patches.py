"""What is replaced in aiokafka."""

import asyncio
from contextlib import suppress

from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import consumer, fetcher

from shared.delivery.kafka.aiokafka_patches import patch_aiokafka
from shared.delivery.kafka.fetching import BoundedFetcher
from shared.delivery.kafka.record_batches import RecordBatches

MANY = 100


async def test_brokers_that_do_not_answer_are_asked_a_few_times_a_second_at_most() -> None:
    patch_aiokafka()
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    asked = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(0.3):
            while asked < MANY:
                await client._metadata_update(client.cluster, [])  # noqa: SLF001
                asked += 1
    await client.close()
    assert asked == 1


def test_patching_twice_changes_nothing_more() -> None:
    patch_aiokafka()
    patched = vars(AIOKafkaClient)["_metadata_update"]
    patch_aiokafka()
    assert vars(AIOKafkaClient)["_metadata_update"] is patched


def test_consumers_read_within_bounds_of_memory() -> None:
    patch_aiokafka()
    assert vars(consumer)["Fetcher"] is BoundedFetcher
    assert vars(fetcher)["MemoryRecords"] is RecordBatches
