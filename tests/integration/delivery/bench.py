"""A worker on a real Postgres, with a consumer and a publisher that the test controls."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import OffsetAndMetadata
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.campaign import CampaignSend
from shared.contracts.message import MessageSend
from shared.contracts.outcome import Emit, Outcome
from shared.delivery.batch.transaction import BatchTransaction
from shared.delivery.kafka.fetch_sizes import BYTES_IN_FLIGHT
from shared.delivery.kafka.outgoing import OutgoingRecord
from shared.delivery.kafka.publisher import Publisher
from shared.delivery.subscription import Handler, Subscription
from shared.delivery.worker import Worker
from tests.support.build import at, job

PLACE = TopicPartition("chatia.campaign.send", 0)
DEPLOYMENT = "00000000-0000-0000-0000-000000000001"


@dataclass
class HeldConsumer:
    """A consumer that records its seeks in `sought`, and its pauses in `stopped`."""

    sought: list[int] = field(default_factory=list)
    stopped: set[TopicPartition] = field(default_factory=set)
    ours: set[TopicPartition] = field(default_factory=lambda: {PLACE})
    log_start: int = 0
    log_end: int = 10_000

    def seek(self, _: TopicPartition, offset: int) -> None:
        self.sought.append(offset)

    def assignment(self) -> set[TopicPartition]:
        return self.ours

    def pause(self, *partitions: TopicPartition) -> None:
        self.stopped |= set(partitions)

    def paused(self) -> set[TopicPartition]:
        return self.stopped

    def resume(self, *partitions: TopicPartition) -> None:
        self.stopped -= set(partitions)

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        assert offsets, "aiokafka refuses to commit nothing"

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[Any, int]:
        return dict.fromkeys(partitions, self.log_start)

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[Any, int]:
        return dict.fromkeys(partitions, self.log_end)


@dataclass
class HeldPublisher:
    """A publisher that records keys, bodies and partitions, and fails while `away`."""

    published: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    published_to: list[int] = field(default_factory=list)
    away: bool = False
    topic_partitions: int = 1

    def count_partitions(self, _: str) -> int:
        return self.topic_partitions

    async def publish(self, records: Iterable[OutgoingRecord]) -> int:
        listed = list(records)
        if self.away and listed:
            raise KafkaConnectionError
        self.published += [record.key for record in listed]
        self.values += [record.value for record in listed]
        self.published_to += [record.partition for record in listed]
        return len(listed)


def build_send(send: CampaignSend) -> MessageSend:
    return MessageSend(
        company_id=1, whatsapp_id=10, chat=send.number, send_id="s", body="", expires_at=at()
    )


async def emit_sends(_: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
    return [Emit(send, build_send(send)) for send in batch]


def record(offset: int) -> Any:
    value = job(f"5511900{offset:06}").model_dump_json(by_alias=True).encode()
    return ConsumerRecord(PLACE.topic, 0, offset, 1_000, 0, b"k", value, None, 0, 0, ())


class Bench:
    """A worker, and the engine, consumer and publisher that it uses.

    With `consumer_stopped` the worker has no consumer, as after its broker has stopped.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.consumer, self.publisher = HeldConsumer(), HeldPublisher()
        self.consumer_stopped = False
        self.subscribe(emit_sends)

    def subscribe(self, handler: Handler, quarantine_after: int = 0) -> None:
        """Give the send jobs to this handler, with a new worker."""
        self.build_worker((Subscription((CampaignSend,), handler),), quarantine_after)

    def build_worker(
        self,
        subscriptions: Sequence[Subscription],
        quarantine_after: int = 0,
        service: str = "campaigns",
    ) -> None:
        """Replace the worker by one of a service with these subscriptions."""
        publisher = cast("Publisher", self.publisher)
        self.transaction = BatchTransaction(service, "chatia", DEPLOYMENT, subscriptions, publisher)
        self.worker = self.another(quarantine_after=quarantine_after)

    def another(self, bytes_in_flight: int = BYTES_IN_FLIGHT, quarantine_after: int = 0) -> Worker:
        """Build another worker of the same service, as a second process would."""
        return Worker(
            self.transaction,
            self.engine,
            cast("Publisher", self.publisher),
            lambda: None if self.consumer_stopped else self.consumer,
            bytes_in_flight,
            quarantine_after,
        )

    async def next_offset(self, partition: TopicPartition = PLACE) -> int:
        """Return the stored offset of a partition."""
        query = text('SELECT "nextOffset" FROM "Checkpoints" WHERE topic = :t AND partition = :p')
        async with self.engine.connect() as conn:
            named = {"t": partition.topic, "p": partition.partition}
            return int((await conn.execute(query, named)).scalar_one())

    async def outbox_is_full(self) -> bool:
        """Return whether the outbox of the send jobs holds facts."""
        async with self.engine.connect() as conn:
            query = text('SELECT outbox IS NOT NULL FROM "Checkpoints" WHERE topic = :t')
            return bool((await conn.execute(query, {"t": PLACE.topic})).scalar_one())

    async def consume_up_to(self, end: int) -> None:
        """Let the worker claim the partition and consume the records before an offset."""
        await self.worker.partitions.claim([PLACE])
        await self.worker.consume([record(offset) for offset in range(end)])

    @asynccontextmanager
    async def running_maintenance(self, worker: Worker) -> AsyncIterator[None]:
        """Run a worker's maintenance loop as long as the block lasts."""
        task = asyncio.create_task(worker.run_maintenance())
        worker.request_claim(())  # as at the first assignment
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[None]:
        """Raise TimeoutError after ten seconds."""
        async with asyncio.timeout(10):
            yield

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something that a worker does by itself."""
        async with self.patience():
            while not holds():  # noqa: ASYNC110 - a worker has no event to wait for
                await asyncio.sleep(0.01)
