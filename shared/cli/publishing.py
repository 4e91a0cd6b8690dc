"""Putting records onto a topic, so that what is counted is what Kafka has acknowledged."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared import kafka
from shared.cli import cluster
from shared.cli.errors import WorldFailed
from shared.cli.records import Record
from shared.settings import KafkaSettings

CHUNK = 5_000  # records that are on their way at the same time
STALL_SECONDS = 30
LARGEST_REQUEST = 32 * 1_048_576  # topics may allow large records; the brokers' limit decides


async def publish(
    settings: KafkaSettings, topic: str, records: Iterable[Record], taken: Callable[[int], None]
) -> int:
    """Publish in the order of the records, telling `taken` how many more Kafka acknowledged."""
    await _check_topic(settings, topic)
    count = 0
    async with _producer(settings) as producer:
        records = iter(records)
        while chunk := list(islice(records, CHUNK)):
            acknowledged, trouble = await _publish_chunk(producer, topic, chunk)
            count += acknowledged
            taken(acknowledged)
            if trouble is not None:
                raise WorldFailed(
                    f"Kafka acknowledged {count:,} records and then failed ({trouble!r}): "
                    "publish again, since repeated events change nothing."
                ) from trouble
    return count


async def _publish_chunk(
    producer: AIOKafkaProducer, topic: str, chunk: Sequence[Record]
) -> tuple[int, BaseException | None]:
    sends: list[asyncio.Future[object]] = []
    trouble: BaseException | None = None
    try:
        for record in chunk:
            sends.append(  # noqa: PERF401 - those before a failure are still to be waited for
                await producer.send(topic, record.value, record.key, headers=list(record.headers))
            )
    except KafkaError as error:
        trouble = error
    if not sends:
        return 0, trouble
    done, waiting = await asyncio.wait(sends, timeout=STALL_SECONDS)
    failures = [failure for send in done if (failure := send.exception())]
    if waiting:
        trouble = TimeoutError(f"no acknowledgement within {STALL_SECONDS} s")
    return len(done) - len(failures), trouble or next(iter(failures), None)


async def _check_topic(settings: KafkaSettings, topic: str) -> None:
    async with cluster.connected(settings) as admin:
        if not await cluster.find(admin, [topic]):
            raise WorldFailed(f"The topic {topic} does not exist; run `chatia topics apply`.")


@asynccontextmanager
async def _producer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        **cluster.client_arguments(settings),
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=5,
        max_batch_size=262_144,
        max_request_size=LARGEST_REQUEST,
    )
    with cluster.kafka_trouble(settings):
        try:
            await producer.start()
            yield producer
        finally:
            await kafka.stop(producer)
