"""Publishes records on a topic and counts the acknowledged ones."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.cli import cluster
from shared.cli.errors import DependencyFailedError
from shared.cli.records import Record
from shared.delivery.kafka import clients
from shared.settings import KafkaSettings

CHUNK_SIZE = 5_000  # records in flight
STALL_SECONDS = 30
LARGEST_REQUEST = 32 * 1_048_576  # topics may allow large records; the brokers' limit decides


async def publish(
    settings: KafkaSettings,
    topic: str,
    records: Iterable[Record],
    on_acknowledged: Callable[[int], None],
) -> int:
    """Publish records in order; call `on_acknowledged` with the count of each chunk."""
    await _check_topic(settings, topic)
    async with open_producer(settings) as producer:
        return await publish_with(producer, topic, records, on_acknowledged)


async def publish_with(
    producer: AIOKafkaProducer,
    topic: str,
    records: Iterable[Record],
    on_acknowledged: Callable[[int], None],
) -> int:
    """Publish records on a topic that exists, with a producer that stays open."""
    count = 0
    records = iter(records)
    while chunk := list(islice(records, CHUNK_SIZE)):
        acknowledged, failure = await _publish_chunk(producer, topic, chunk)
        count += acknowledged
        on_acknowledged(acknowledged)
        if failure is not None:
            raise DependencyFailedError(
                f"Kafka acknowledged {count:,} records and then failed ({failure!r}): "
                "publish again, since repeated events change nothing."
            ) from failure
    return count


async def _publish_chunk(
    producer: AIOKafkaProducer, topic: str, chunk: Sequence[Record]
) -> tuple[int, BaseException | None]:
    sends: list[asyncio.Future[object]] = []
    failure: BaseException | None = None
    try:
        for record in chunk:
            sends.append(  # noqa: PERF401 - sends before a failure are awaited
                await producer.send(topic, record.value, record.key, headers=list(record.headers))
            )
    except KafkaError as error:
        failure = error
    if not sends:
        return 0, failure
    done, waiting = await asyncio.wait(sends, timeout=STALL_SECONDS)
    failures = [cause for send in done if (cause := send.exception())]
    if waiting:
        failure = TimeoutError(f"no acknowledgement within {STALL_SECONDS} s")
    return len(done) - len(failures), failure or next(iter(failures), None)


async def _check_topic(settings: KafkaSettings, topic: str) -> None:
    async with cluster.connect_admin(settings) as admin:
        if not await cluster.find_topics(admin, [topic]):
            raise DependencyFailedError(
                f"The topic {topic} does not exist; run `chatia topics apply`."
            )


@asynccontextmanager
async def open_producer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    """Open a producer whose records are acknowledged by all replicas; explain Kafka's errors."""
    producer = AIOKafkaProducer(
        **cluster.build_kafka_arguments(settings),
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=5,
        max_batch_size=262_144,
        max_request_size=LARGEST_REQUEST,
    )
    with cluster.explain_kafka_errors(settings):
        try:
            await producer.start()
            yield producer
        finally:
            await clients.stop_producer(producer)
