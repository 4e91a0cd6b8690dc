"""A service as a FastStream application: engine, broker, worker, deferred consumer and timers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import uuid4

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from faststream.kafka.subscriber.usecase import BatchSubscriber
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override

from shared.contracts.base import Event, Request
from shared.db.engine import create_engine, open_connections
from shared.db.identity import compare_when_connecting
from shared.delivery.batch.request_results import answer_once, build_cleanup_timer
from shared.delivery.batch.transaction import BatchTransaction
from shared.delivery.checkpoints import restored
from shared.delivery.deferred_consumer import DeferredConsumer
from shared.delivery.fairness.selection import RecordSelector, build_selectors
from shared.delivery.health.http_server import serve_http
from shared.delivery.health.probes import Probes
from shared.delivery.health.server_watch import build_watch
from shared.delivery.health.startup import DEPLOYMENT
from shared.delivery.health.status import STARTING, WORKING
from shared.delivery.health.worker_reports import WorkerReports
from shared.delivery.health.worker_state import WorkerState, build_state, render_metrics
from shared.delivery.kafka import clients, fetch_sizes
from shared.delivery.kafka import member_checks as group_membership
from shared.delivery.kafka.consumer import Consumer
from shared.delivery.kafka.member_identity import MemberIdentity, build_assignor
from shared.delivery.kafka.partition_reader import PartitionReader
from shared.delivery.kafka.publisher import Publisher
from shared.delivery.kafka.raw_records import RawRecordParser, parse_without_headers
from shared.delivery.kafka.record import Record
from shared.delivery.kafka.security import build_security
from shared.delivery.subscription import Subscription, Timer
from shared.delivery.timers import TimerLoop
from shared.delivery.worker import Worker
from shared.settings import Settings
from shared.version import VERSION

log = structlog.get_logger("chatia.service")

SESSION_TIMEOUT_MS = 10_000
HEARTBEAT_MS = 1_000  # how soon members learn of a rebalance
REBALANCE_TIMEOUT_MS = 60_000
METADATA_MAX_AGE_MS = 30_000  # how soon a topic that is created later is found
GRACEFUL_TIMEOUT_S = 15.0
LEAVE_TIMEOUT_S = 5.0
LOOPS_END_WITHIN_S = 5.0

Consume = Callable[[Sequence[Record]], Coroutine[Any, Any, None]]


@asynccontextmanager
async def _run_no_background(_: AsyncEngine) -> AsyncIterator[None]:
    yield


@dataclass(frozen=True, slots=True)
class Service:
    """One of the four services: its subscriptions, published facts and timers.

    `background` runs in the same process next to the worker, with the worker's engine.
    """

    name: str
    subscriptions: Sequence[Subscription]
    publishes: Sequence[type[Event]]
    timers: Sequence[Timer] = ()
    background: Callable[[AsyncEngine], AbstractAsyncContextManager[None]] = _run_no_background


class RebalanceListener(ConsumerRebalanceListener):
    """Releases revoked partitions after the current batch, and requests claims of assigned ones."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.has_joined = False

    @override
    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        async with self._worker.busy:
            await self._worker.partitions.release(revoked)

    @override
    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        async with self._worker.busy:
            self._worker.request_claim(assigned)
        self.has_joined = True
        log.info("partitions.assigned", count=len(set(assigned)))


class _Process:
    """The parts of one worker process, built when the deployment's id has been read."""

    def __init__(
        self,
        service: Service,
        settings: Settings,
        deployment: str,
        engine: AsyncEngine,
        publisher: Publisher,
        broker: KafkaBroker,
    ) -> None:
        selectors = build_selectors(
            service.name, service.subscriptions, settings.namespace, settings.fairness.noisy_times
        )
        subscriptions = [_answer_requests_once(each, service) for each in service.subscriptions]

        def build_transaction(selector: RecordSelector) -> BatchTransaction:
            return BatchTransaction(
                service.name,
                settings.namespace,
                deployment,
                subscriptions,
                publisher,
                selector,
            )

        def find_consumer() -> Consumer | None:
            return cast("Consumer | None", self._subscriber.consumer)

        self._service = service.name
        self._publishes = service.publishes
        self._namespace = settings.namespace
        self.id = uuid4()
        transaction = build_transaction(selectors.main)
        self.worker = Worker(
            transaction,
            engine,
            publisher,
            find_consumer,
            settings.worker.bytes_in_flight,
            settings.worker.quarantine_after,
        )
        assignor = build_assignor(MemberIdentity(str(self.id), VERSION))
        self._listener = RebalanceListener(self.worker)
        self._subscriber = _subscribe(
            broker, service, settings, self.worker, self._listener, assignor
        )
        self.deferred_consumer = DeferredConsumer(
            selectors,
            build_transaction(selectors.bulk),
            engine,
            PartitionReader(
                clients.build_client_arguments(settings.kafka), settings.worker.bytes_in_flight
            ),
            find_consumer,
            settings.worker.quarantine_after,
        )
        self._timers = [
            TimerLoop(timer, transaction, engine, publisher)
            for timer in (*service.timers, build_cleanup_timer(service.name))
        ]
        self.watch = build_watch(service.name, settings)
        self._has_deferred_topics = bool(selectors.main.topics)

    def list_topics(self) -> set[str]:
        """Return the topics that it reads and those that it publishes on, with their full names."""
        published = {f"{self._namespace}.{fact.topic}" for fact in self._publishes}
        return published | set(self.worker.transaction.decoder.topics)

    def build_loops(self) -> list[Coroutine[Any, Any, None]]:
        """Return the coroutines that run concurrently with the batch loop."""
        timers = [timer.run() for timer in self._timers]
        loops = [self.watch.run(), self.worker.run_maintenance(), *timers]
        return [*loops, self.deferred_consumer.run()] if self._has_deferred_topics else loops

    def describe(self) -> WorkerState:
        """Return the state of all its parts."""
        consumer = self._subscriber.consumer  # None until the broker has started
        healths = (self.worker.health, *self.deferred_consumer.healths, *self.watch.healths)
        return build_state(self._service, healths, len(consumer.assignment()) if consumer else 0)

    def describe_readiness(self) -> str:
        """Return the status; until the worker has joined its group, that it starts."""
        status = self.describe().status
        return STARTING if status == WORKING and not self._listener.has_joined else status

    def render_metrics(self) -> bytes:
        """Return the metrics of this process."""
        return render_metrics(self.describe())

    def is_alive(self) -> bool:
        """Return whether the batch loop and the fetcher make progress; True before the start."""
        tasks = self._subscriber.tasks
        is_reading = not tasks or any(not task.done() for task in tasks)
        return self.worker.health.is_making_progress and is_reading


def create_app(service: Service, settings: Settings) -> FastStream:
    """Build the application of one worker process; it connects only when it is started."""
    engine = create_engine(settings.database, f"chatia-{service.name}")
    compare_when_connecting(engine)
    publisher = Publisher(clients.build_client_arguments(settings.kafka))
    broker = _build_broker(settings)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(engine.dispose)
            stack.push_async_callback(publisher.stop)
            await open_connections(engine, settings.database.pool_min)
            deployment = await stack.enter_async_context(
                _join_group(service, settings, broker, engine)
            )
            process = _Process(service, settings, deployment, engine, publisher, broker)
            await publisher.load_partition_counts(process.list_topics())
            stack.push_async_callback(process.watch.close)
            stack.push_async_callback(process.deferred_consumer.close)
            stack.push_async_callback(process.worker.close)
            probes = Probes(process.describe_readiness, process.is_alive, process.render_metrics)
            await stack.enter_async_context(
                serve_http(probes, settings.health.port, "CHATIA_HEALTH_PORT")
            )
            reports = WorkerReports(process.id, engine, process.describe)
            stack.push_async_callback(reports.remove)
            await stack.enter_async_context(service.background(engine))
            async with _run_loops([reports.run(), *process.build_loops()]):
                yield

    return FastStream(broker, lifespan=lifespan, logger=logging.getLogger("chatia.service"))


def _subscribe(
    broker: KafkaBroker,
    service: Service,
    settings: Settings,
    worker: Worker,
    listener: RebalanceListener,
    assignor: type[RoundRobinPartitionAssignor],
) -> BatchSubscriber:
    """Subscribe a worker to the topics of its service; it reads once the broker is started."""
    topics = worker.transaction.decoder.topics
    subscriber = broker.subscriber(
        *topics,
        batch=True,
        group_id=f"{settings.namespace}.{service.name}",
        partition_assignment_strategy=[assignor],
        group_instance_id=settings.worker.group_instance_id or None,
        auto_offset_reset="earliest",
        isolation_level="read_committed",  # records of aborted transactions are not read
        ack_policy=AckPolicy.MANUAL,
        codec=RawRecordParser(),
        parser=parse_without_headers,
        listener=listener,
        max_records=settings.batches.records,
        fetch_max_bytes=fetch_sizes.compute_response_bytes(settings.worker.bytes_in_flight),
        max_partition_fetch_bytes=fetch_sizes.compute_partition_bytes(
            settings.worker.bytes_in_flight, len(topics)
        ),
        batch_timeout_ms=settings.batches.wait_ms,
        fetch_max_wait_ms=settings.batches.wait_ms,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        no_reply=True,
    )
    subscriber(run_in_new_task(worker.consume))
    return subscriber


def run_in_new_task(consume: Consume) -> Consume:
    """Run a batch handler in a task whose context does not reference the batch.

    FastStream stores a batch in a context variable. Each timer of the event loop references its
    context, and cancelled timers (for example of database connections) are only removed when they
    are due or when there are a hundred of them. Until then the batch could not be freed.
    """

    async def consume_in_task(records: Sequence[Record]) -> None:
        await asyncio.create_task(consume(records), context=Context())

    return consume_in_task


@asynccontextmanager
async def _join_group(
    service: Service, settings: Settings, broker: KafkaBroker, engine: AsyncEngine
) -> AsyncIterator[str]:
    """Set the client id that identifies our workers in the group, and yield the deployment's id.

    Raises ForeignMemberError if the group has members that are not our workers, WentBackError if
    the checkpoints are behind the group's offsets, and InstanceTakenError if another process has
    the same CHATIA_GROUP_INSTANCE_ID.
    """
    async with engine.connect() as conn:
        deployment = str((await conn.execute(DEPLOYMENT)).scalar_one())
    name = group_membership.build_client_id(service.name, deployment)
    broker.config.broker_config.client_id = name
    group = f"{settings.namespace}.{service.name}"
    async with group_membership.hold_instance_id(
        engine, service.name, settings.worker.group_instance_id
    ):
        arguments = clients.build_client_arguments(settings.kafka)
        if await group_membership.check_members(arguments, group, name):
            committed = await group_membership.load_committed(arguments, group)
            async with engine.connect() as conn:
                await restored.check_checkpoints(conn, service.name, deployment, committed)
        yield deployment


def _answer_requests_once(subscription: Subscription, service: Service) -> Subscription:
    """Deduplicate requests by request id; facts are deduplicated by their headers."""
    if not all(issubclass(contract, Request) for contract in subscription.contracts):
        return subscription
    handler = answer_once(service.name, subscription.handler, service.publishes)
    return replace(subscription, handler=handler)


@asynccontextmanager
async def _run_loops(loops: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=LOOPS_END_WITHIN_S)


class _Broker(KafkaBroker):
    @override
    async def stop(self, *arguments: Any) -> None:
        """Finish the batch and leave the group; give up where the servers do not answer."""
        try:
            async with asyncio.timeout(GRACEFUL_TIMEOUT_S + LEAVE_TIMEOUT_S):
                await super().stop(*arguments)
        except TimeoutError:
            log.warning("broker.not_stopped")  # the group notices it after the session timeout


def _build_broker(settings: Settings) -> KafkaBroker:
    return _Broker(
        settings.kafka.bootstrap_servers,
        security=build_security(settings.kafka),
        apply_types=False,
        consumer_only=True,  # we publish by a producer of our own
        allow_auto_create_topics=False,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        graceful_timeout=GRACEFUL_TIMEOUT_S,
        logger=None,
    )
