"""Puts a service together: settings, engine, broker, worker and timers become a FastStream app."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, replace
from typing import Any, cast

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override

from shared import kafka
from shared.contracts.base import Event, Request
from shared.db.engine import create_engine
from shared.delivery import in_flight, membership, requests
from shared.delivery.awaiting import DEPLOYMENT
from shared.delivery.consumer import Consumer
from shared.delivery.corridor import Corridor
from shared.delivery.decode import Record
from shared.delivery.drain import Drain
from shared.delivery.fetching import bound_memory
from shared.delivery.health import worst
from shared.delivery.http import answering
from shared.delivery.lanes import lanes_of
from shared.delivery.probes import Probes
from shared.delivery.publish import Publisher
from shared.delivery.raw_records import RecordsAsTheyAre, without_headers
from shared.delivery.rereader import Rereader
from shared.delivery.subscription import Subscription, Timer
from shared.delivery.timers import TimerLoop
from shared.delivery.worker import Worker
from shared.settings import Settings

log = structlog.get_logger("chatia.service")

SESSION_TIMEOUT_MS = 10_000
HEARTBEAT_MS = 1_000  # how soon the others notice that a worker joined or left
REBALANCE_TIMEOUT_MS = 60_000
METADATA_MAX_AGE_MS = 30_000  # a topic that is created later is found after so long
GRACEFUL_TIMEOUT_S = 15.0

Take = Callable[[Sequence[Record]], Coroutine[Any, Any, None]]


@asynccontextmanager
async def _nothing(_: AsyncEngine) -> AsyncIterator[None]:
    yield


@dataclass(frozen=True, slots=True)
class Service:
    """What one of the four services is: what it hears, what it tells, and when it wakes.

    `beside` is what else its process does from start to stop, with the worker's own engine.
    """

    name: str
    subscriptions: Sequence[Subscription]
    tells: Sequence[type[Event]]
    timers: Sequence[Timer] = ()
    beside: Callable[[AsyncEngine], AbstractAsyncContextManager[None]] = _nothing


class Handover(ConsumerRebalanceListener):
    """Waits for the batch in hand when partitions go, and takes over those that come."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    @override
    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        async with self._worker.busy:
            await self._worker.let_go(revoked)

    @override
    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        async with self._worker.busy:
            self._worker.expect(assigned)
        log.info("partitions.assigned", count=len(set(assigned)))


def create_app(service: Service, settings: Settings) -> FastStream:
    """Make the application of one worker process; nothing connects before it is started."""
    engine = create_engine(settings.database, f"chatia-{service.name}")
    publisher = Publisher(kafka.connection(settings.kafka))
    lanes = lanes_of(service.name, service.subscriptions, settings.namespace, settings.noisy_times)
    corridor, bulk = (
        Corridor(
            service.name,
            settings.namespace,
            [_once(heard, service) for heard in service.subscriptions],
            publisher,
            settings.quarantine_after,
            lane,
        )
        for lane in (lanes.entry, lanes.bulk)
    )
    broker = _broker(settings)

    def consumer() -> Consumer:
        return cast("Consumer", subscriber.consumer)

    worker = Worker(corridor, engine, publisher, consumer, settings.bytes_in_flight)
    subscriber = broker.subscriber(
        *corridor.table.topics,
        batch=True,
        group_id=f"{settings.namespace}.{service.name}",
        group_instance_id=settings.group_instance_id or None,
        auto_offset_reset="earliest",
        isolation_level="read_committed",  # what a producer took back never happened
        ack_policy=AckPolicy.MANUAL,
        codec=RecordsAsTheyAre(),
        parser=without_headers,
        listener=Handover(worker),
        max_records=settings.batch_records,
        fetch_max_bytes=in_flight.of_a_response(settings.bytes_in_flight),
        max_partition_fetch_bytes=in_flight.of_a_partition(
            settings.bytes_in_flight, len(corridor.table.topics)
        ),
        batch_timeout_ms=settings.batch_wait_ms,
        fetch_max_wait_ms=settings.batch_wait_ms,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        no_reply=True,
    )
    subscriber(in_no_context(worker.take))
    drain = Drain(lanes, bulk, engine, _rereader(settings), consumer)
    timers = [
        TimerLoop(timer, corridor, engine, publisher)
        for timer in (*service.timers, requests.forgetting(service.name))
    ]

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(engine.dispose)
            stack.push_async_callback(publisher.stop)
            corridor.deployment = bulk.deployment = await stack.enter_async_context(
                _member(service, settings, broker, engine)
            )
            await publisher.learn_partitions(
                f"{settings.namespace}.{fact.topic}" for fact in service.tells
            )
            stack.push_async_callback(drain.close)
            stack.push_async_callback(worker.close)
            probes = _probes(worker, drain, subscriber.tasks)
            for server in (
                answering(probes, settings.health_port, "CHATIA_HEALTH_PORT"),
                service.beside(engine),
            ):
                await stack.enter_async_context(server)
            loops = [worker.look_round(), *(timer.run() for timer in timers)]
            async with _looping([*loops, drain.run()] if lanes.entry.topics else loops):
                yield

    return FastStream(broker, lifespan=lifespan, logger=logging.getLogger("chatia.service"))


def in_no_context(take: Take) -> Take:
    """Let batches be taken where no context variable holds them.

    FastStream keeps a batch in one. Each timer of the loop has a copy of its context, and cancelled
    ones, such as of connections to the database, stay in the loop until there are a hundred of
    them or their time comes: all that while the batch would stay in memory.
    """

    async def taking(records: Sequence[Record]) -> None:
        await asyncio.create_task(take(records), context=Context())

    return taking


def _probes(worker: Worker, drain: Drain, reading: Sequence[asyncio.Task[Any]]) -> Probes:
    """Answer for a worker; before the broker's start nothing reads yet, which is no fault."""

    def is_alive() -> bool:
        return worker.health.is_turning and (
            not reading or any(not task.done() for task in reading)
        )

    return Probes(lambda: worst((worker.health.status, drain.status)), is_alive)


@asynccontextmanager
async def _member(
    service: Service, settings: Settings, broker: KafkaBroker, engine: AsyncEngine
) -> AsyncIterator[str]:
    """Take the name by which our workers know each other; refuse strangers, and a second self."""
    async with engine.connect() as conn:
        deployment = str((await conn.execute(DEPLOYMENT)).scalar_one())
    name = membership.client_id(service.name, deployment)
    broker.config.broker_config.client_id = name
    group = f"{settings.namespace}.{service.name}"
    async with membership.only_one(engine, service.name, settings.group_instance_id):
        await membership.refuse_foreigners(kafka.connection(settings.kafka), group, name)
        yield deployment


def _once(heard: Subscription, service: Service) -> Subscription:
    """Let requests have their effect once, by their ids; other records are known by their own."""
    if not all(issubclass(contract, Request) for contract in heard.contracts):
        return heard
    handler = requests.answered_once(service.name, heard.handler, service.tells)
    return replace(heard, handler=handler)


@asynccontextmanager
async def _looping(loops: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _rereader(settings: Settings) -> Rereader:
    return Rereader(kafka.connection(settings.kafka), settings.bytes_in_flight)


def _broker(settings: Settings) -> KafkaBroker:
    bound_memory()
    return KafkaBroker(
        settings.kafka.bootstrap_servers,
        security=kafka.security(settings.kafka),
        apply_types=False,
        allow_auto_create_topics=False,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        graceful_timeout=GRACEFUL_TIMEOUT_S,
        logger=None,
    )
