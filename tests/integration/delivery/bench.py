"""A worker on a real Postgres, with a consumer and a publisher that the test holds."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.campaign import CampaignSend
from shared.contracts.message import MessageSend
from shared.contracts.outcome import Outcome, Told
from shared.delivery.corridor import Corridor
from shared.delivery.in_flight import BYTES_IN_FLIGHT
from shared.delivery.outbox import Outgoing
from shared.delivery.subscription import Handler, Subscription
from shared.delivery.worker import Worker
from tests.support.build import at, job

PLACE = TopicPartition("chatia.campaign.send", 0)


@dataclass
class HeldConsumer:
    """A consumer whose seeks are written down."""

    sought: list[int] = field(default_factory=list)
    stopped: set[TopicPartition] = field(default_factory=set)
    ours: set[TopicPartition] = field(default_factory=lambda: {PLACE})
    log_start: int = 0
    log_end: int = 10_000

    def seek(self, _: TopicPartition, offset: int) -> None:
        self.sought.append(offset)

    def assignment(self) -> set[TopicPartition]:
        return self.ours

    def pause(self, *places: TopicPartition) -> None:
        self.stopped |= set(places)

    def paused(self) -> set[TopicPartition]:
        return self.stopped

    def resume(self, *places: TopicPartition) -> None:
        self.stopped -= set(places)

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        assert offsets, "aiokafka refuses to commit nothing"

    async def beginning_offsets(self, places: Iterable[TopicPartition]) -> dict[Any, int]:
        return dict.fromkeys(places, self.log_start)

    async def end_offsets(self, places: Iterable[TopicPartition]) -> dict[Any, int]:
        return dict.fromkeys(places, self.log_end)


@dataclass
class HeldPublisher:
    """A publisher that can be away."""

    told: list[str] = field(default_factory=list)
    told_to: list[int] = field(default_factory=list)
    away: bool = False
    topic_partitions: int = 1

    def partitions(self, _: str) -> int:
        return self.topic_partitions

    async def publish(self, records: Iterable[Outgoing]) -> int:
        listed = list(records)
        if self.away and listed:
            raise KafkaConnectionError
        self.told += [record.key for record in listed]
        self.told_to += [record.partition for record in listed]
        return len(listed)


def sending(send: CampaignSend) -> MessageSend:
    return MessageSend(
        company_id=1, whatsapp_id=10, chat=send.number, send_id="s", body="", expires_at=at()
    )


async def tell(_: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
    return [Told(send, sending(send)) for send in batch]


def record(offset: int) -> Any:
    value = job(f"5511900{offset:06}").model_dump_json(by_alias=True).encode()
    return ConsumerRecord(PLACE.topic, 0, offset, 1_000, 0, b"k", value, None, 0, 0, ())


class Bench:
    """A worker, and all that it stands on."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.consumer, self.publisher = HeldConsumer(), HeldPublisher()
        self.hear(tell)

    def hear(self, handler: Handler) -> None:
        """Give the send jobs to this handler, with a new worker."""
        heard = (Subscription((CampaignSend,), handler),)
        self.corridor = Corridor("campaigns", "chatia", heard, self.publisher)  # type: ignore[arg-type]
        self.worker = self.another()

    def another(self, bytes_in_flight: int = BYTES_IN_FLIGHT) -> Worker:
        given = (self.corridor, self.engine, self.publisher, lambda: self.consumer)
        return Worker(*given, bytes_in_flight)  # type: ignore[arg-type]

    async def next_offset(self, place: TopicPartition = PLACE) -> int:
        async with self.engine.connect() as conn:
            query = text(
                'SELECT "nextOffset" FROM "Checkpoints" WHERE topic = :t AND partition = :p'
            )
            named = {"t": place.topic, "p": place.partition}
            return int((await conn.execute(query, named)).scalar_one())

    async def outbox_is_full(self) -> bool:
        async with self.engine.connect() as conn:
            query = text('SELECT outbox IS NOT NULL FROM "Checkpoints" WHERE topic = :t')
            return bool((await conn.execute(query, {"t": PLACE.topic})).scalar_one())

    async def read_up_to(self, end: int) -> None:
        """Let the worker take over and carry the records before an offset."""
        await self.worker.take_over([PLACE])
        await self.worker.take([record(offset) for offset in range(end)])

    @asynccontextmanager
    async def looking_round(self, worker: Worker) -> AsyncIterator[None]:
        """Let a worker do what no record asks for, as long as the block lasts."""
        task = asyncio.create_task(worker.look_round())
        worker.expect(())  # as at the first assignment
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def patience(self) -> AsyncIterator[None]:
        """Give up after ten seconds."""
        async with asyncio.timeout(10):
            yield

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something that a worker does by itself."""
        async with self.patience():
            while not holds():  # noqa: ASYNC110 - a worker tells nobody
                await asyncio.sleep(0.01)
