"""A limit on waiting for Kafka: aiokafka waits 40 seconds for most answers, for some forever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.errors import KafkaTimeoutError

ANSWER_TIMEOUT_S = 15.0


@asynccontextmanager
async def limit_waiting(seconds: float = ANSWER_TIMEOUT_S) -> AsyncIterator[None]:
    """Cancel the block after so many seconds, and raise KafkaTimeoutError."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise KafkaTimeoutError from error
