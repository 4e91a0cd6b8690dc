"""One worker against a real Postgres, with a consumer and a publisher that the test holds."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.campaign import CampaignSend
from shared.contracts.message import MessageSend
from shared.contracts.outcome import Outcome, Told
from shared.db.engine import create_engine
from shared.delivery.corridor import Corridor
from shared.delivery.outbox import Outgoing
from shared.delivery.subscription import Subscription, Timer
from shared.delivery.timers import TimerLoop
from shared.delivery.worker import Worker
from shared.settings import DatabaseSettings
from tests.support.build import at, job

pytestmark = pytest.mark.integration

PLACE = TopicPartition("chatia.campaign.send", 0)


@dataclass
class HeldConsumer:
    """A consumer whose seeks are written down."""

    sought: list[int] = field(default_factory=list)
    stopped: set[TopicPartition] = field(default_factory=set)
    ours: set[TopicPartition] = field(default_factory=lambda: {PLACE})

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
        return dict.fromkeys(places, 0)


@dataclass
class HeldPublisher:
    """A publisher that can be away."""

    told: list[str] = field(default_factory=list)
    away: bool = False

    def partitions(self, _: str) -> int:
        return 1

    async def publish(self, records: Iterable[Outgoing]) -> int:
        listed = list(records)
        if self.away and listed:
            raise KafkaConnectionError
        self.told += [record.key for record in listed]
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
        self.corridor = self._corridor()
        self.worker = self.another()

    def _corridor(self) -> Corridor:
        heard = (Subscription((CampaignSend,), tell),)
        return Corridor("campaigns", "chatia", heard, self.publisher)  # type: ignore[arg-type]

    def another(self) -> Worker:
        return Worker(self.corridor, self.engine, self.publisher, lambda: self.consumer)  # type: ignore[arg-type]

    async def next_offset(self) -> int:
        async with self.engine.connect() as conn:
            query = text('SELECT "nextOffset" FROM "Checkpoints" WHERE topic = :t')
            return int((await conn.execute(query, {"t": PLACE.topic})).scalar_one())


@pytest_asyncio.fixture
async def bench(migrated_url: str) -> AsyncIterator[Bench]:
    settings = DatabaseSettings.model_validate({"DATABASE_URL": migrated_url})
    engine = create_engine(settings, "test")
    made = Bench(engine)
    yield made
    made.worker.outage.forget()
    await engine.dispose()


async def test_a_batch_is_carried_once_and_told(bench: Bench) -> None:
    await bench.worker.take_over([PLACE])
    await bench.worker.take([record(0), record(1)])
    await bench.worker.take([record(0), record(1)])
    assert await bench.next_offset() == 2
    assert len(bench.publisher.told) == 2


async def test_records_of_a_partition_that_is_not_ours_yet_are_read_again(bench: Bench) -> None:
    await bench.worker.take([record(5)])
    assert (bench.consumer.sought, await bench.next_offset()) == ([0], 0)


async def test_a_batch_that_waited_through_a_take_over_is_not_trusted(bench: Bench) -> None:
    await bench.worker.take_over([PLACE])
    await bench.worker.busy.acquire()
    waiting = asyncio.create_task(bench.worker.take([record(5000)]))
    await asyncio.sleep(0)
    await bench.worker.take_over([PLACE])
    bench.worker.busy.release()
    await waiting
    assert await bench.next_offset() == 0


async def test_a_gap_without_a_seek_is_read_from_where_we_are(bench: Bench) -> None:
    await bench.worker.take_over([PLACE])
    await bench.worker.take([record(0)])
    await bench.worker.take([record(7)])
    assert (await bench.next_offset(), bench.consumer.sought[-1]) == (1, 1)
    await bench.worker.take([record(7)])
    assert await bench.next_offset() == 8


async def test_what_kafka_did_not_take_is_told_at_the_next_chance(bench: Bench) -> None:
    await bench.worker.take_over([PLACE])
    bench.publisher.away = True
    await bench.worker.take([record(0)])
    assert bench.consumer.stopped == {PLACE}
    assert bench.worker.outage.health.status.startswith("degraded: waiting for Kafka since")
    bench.publisher.away = False
    await bench.worker.take([record(0)])
    assert len(bench.publisher.told) == 1


async def test_what_a_dead_worker_left_untold_its_successor_tells(bench: Bench) -> None:
    await bench.worker.take_over([PLACE])
    bench.publisher.away = True
    await bench.worker.take([record(0)])
    bench.publisher.away = False
    await bench.another().take_over([PLACE])
    assert len(bench.publisher.told) == 1


async def test_a_worker_that_was_overtaken_applies_nothing_twice(bench: Bench) -> None:
    successor = bench.another()
    await bench.worker.take_over([PLACE])
    await successor.take_over([PLACE])
    await successor.take([record(0)])
    await bench.worker.take([record(0)])
    assert (await bench.next_offset(), len(bench.publisher.told)) == (1, 1)


async def test_nothing_of_ours_to_commit_is_no_failure(bench: Bench) -> None:
    await bench.worker.take_over([PLACE])
    bench.consumer.ours = set()
    await bench.worker.take([record(0)])
    assert bench.worker.outage.health.status == "ok"


async def test_an_outbox_is_emptied_when_its_partition_is_let_go(bench: Bench) -> None:
    await bench.worker.take_over([PLACE])
    await bench.worker.take([record(0)])
    await bench.worker.close()
    await bench.another().take_over([PLACE])
    assert len(bench.publisher.told) == 1


async def test_a_timer_tells_first_what_another_process_left_untold(bench: Bench) -> None:
    due = iter([[sending(job("5511900000001"))], [sending(job("5511900000002"))], []])

    async def handler(_: AsyncConnection) -> Sequence[MessageSend]:
        return next(due)

    timer = TimerLoop(Timer("t", 100, handler), bench.corridor, bench.engine, bench.publisher)  # type: ignore[arg-type]
    bench.publisher.away = True
    with pytest.raises(KafkaConnectionError):
        await timer.tick()
    bench.publisher.away = False
    assert await timer.tick() == 1
    assert await timer.tick() == 0
    assert bench.publisher.told == ["1:10:5511900000001", "1:10:5511900000002"]
