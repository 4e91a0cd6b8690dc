"""Clients of a broker that is away."""

import asyncio
from contextlib import suppress

from aiokafka.client import AIOKafkaClient

import shared.kafka  # noqa: F401 - paces every client of the process

MANY = 100


async def test_brokers_that_do_not_answer_are_asked_a_few_times_a_second_at_most() -> None:
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    asked = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(0.3):
            while asked < MANY:
                await client._metadata_update(client.cluster, [])  # noqa: SLF001
                asked += 1
    await client.close()
    assert asked == 1
