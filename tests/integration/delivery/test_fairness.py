"""A noisy tenant's records are deferred, in order and exactly once, while others are read."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override

from shared.contracts.campaign import CampaignSend
from shared.delivery.batch.transaction import BatchTransaction
from shared.delivery.deferred_consumer import DeferredConsumer
from shared.delivery.fairness.selection import build_selectors
from shared.delivery.kafka.fetch_sizes import BYTES_IN_FLIGHT
from shared.delivery.kafka.record import Record
from shared.delivery.subscription import Subscription
from shared.delivery.worker import Worker
from shared.settings import FairnessSettings
from tests.integration.delivery.bench import (
    PLACE,
    Bench,
    HeldConsumer,
    HeldPublisher,
    emit_sends,
)
from tests.support import world
from tests.support.build import job, received
from tests.support.deployment import Deployment, deployment

# ruff: noqa: SLF001 - the tests do not wait for the pacing
pytestmark = pytest.mark.integration

NOISY, QUIET = "9", "1"
MOST_WAVES = 100
DEFERRED = """SELECT service, aside FROM "Checkpoints" WHERE aside <> '{}'"""
UNREAD_OR_DEFERRED = """
SELECT 1 WHERE (SELECT COALESCE(sum("nextOffset"), 0) FROM "Checkpoints"
              WHERE service = 'contacts' AND topic = :topic) < :number
UNION ALL SELECT 1 FROM "Checkpoints" WHERE aside <> '{}'
"""
HEARD = (Subscription((CampaignSend,), emit_sends),)


class HeldLog(HeldConsumer):
    """A partition's log in memory, for the main path's consumer and for the deferred records."""

    bytes_in_flight = BYTES_IN_FLIGHT
    is_connected = True

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []
        self.position = 0

    def put(self, *tenants: str, body: bytes | None = None) -> list[Any]:
        """Append a record of each tenant; the keys of their facts end with their offsets."""
        new = []
        for tenant in tenants:
            offset = len(self.records)
            value = body or job(f"5511900{offset:06}").model_dump_json(by_alias=True).encode()
            key = f"{tenant}:{offset}".encode()
            new.append(ConsumerRecord(PLACE.topic, 0, offset, 1_000, 0, key, value, None, 0, 0, ()))
            self.records.append(new[-1])
        return new

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def assign(self, places: Iterable[TopicPartition]) -> None:
        self.ours = set(places)

    @override
    def seek(self, _: TopicPartition, offset: int) -> None:
        self.position = offset

    async def read_slice(
        self, ends: Mapping[TopicPartition, int], is_deferred: Callable[[Record], bool], most: int
    ) -> list[Any]:
        found: list[Any] = []
        while self.position < ends[PLACE] and sum(map(is_deferred, found)) < most:
            found.append(self.records[self.position])
            self.position += 1
        return found


class Process:
    """One worker process of campaigns, with its two paths."""

    def __init__(self, engine: AsyncEngine, log: HeldLog, publisher: HeldPublisher) -> None:
        selectors = build_selectors("campaigns", HEARD, "chatia", 4)
        main, bulk = (
            BatchTransaction("campaigns", "chatia", "", HEARD, publisher, selector=selector)  # type: ignore[arg-type]
            for selector in (selectors.main, selectors.bulk)
        )
        self.selector = selectors.main
        self.consumer = HeldConsumer()
        self.worker = Worker(main, engine, publisher, lambda: self.consumer)  # type: ignore[arg-type]
        given = (selectors, bulk, engine, log, lambda: self.consumer)
        self.deferred_consumer = DeferredConsumer(*given)  # type: ignore[arg-type]  # a held log
        self.deferred_consumer._measure_backlog = self._no_backlog  # type: ignore[method-assign]

    async def _no_backlog(self) -> int:
        return 0

    async def read(self, records: list[Any]) -> None:
        """Take records on the main path while it is congested."""
        self.selector.congested = True
        await self.worker.partitions.claim([PLACE])
        await self.worker.consume(records)

    async def read_deferred(self, ticks: int = 12) -> None:
        """Let the bulk path read slices."""
        for _ in range(ticks):
            await self.deferred_consumer.tick()


class Scene:
    """Postgres, one partition's log, and the facts that were published."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine, self.log, self.publisher = engine, HeldLog(), HeldPublisher()

    def process(self) -> Process:
        return Process(self.engine, self.log, self.publisher)

    def published(self) -> list[int]:
        """Return the offsets whose facts were published, in their order and each once."""
        return list(dict.fromkeys(int(key[-6:]) for key in self.publisher.published))

    async def rows(self, query: str) -> list[Any]:
        async with self.engine.connect() as conn:
            return [tuple(row) for row in await conn.execute(text(query))]

    async def do(self, query: str) -> None:
        async with self.engine.begin() as conn:
            await conn.execute(text(query))

    async def load_deferred(self) -> list[Any]:
        return await self.rows(DEFERRED)


@pytest_asyncio.fixture
async def scene(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr("shared.delivery.fairness.noisy_tenants.FEW_RECORDS", 0)
    yield Scene(bench.engine)


def mixed_records() -> list[str]:
    """Return twenty records of a noisy tenant and two of a quiet one."""
    return [*[NOISY] * 10, QUIET, *[NOISY] * 10, QUIET]


async def test_others_pass_a_noisy_tenant_which_follows_in_its_order(scene: Scene) -> None:
    process = scene.process()
    await process.read(scene.log.put(*mixed_records()))
    assert scene.published() == [10, 21]
    assert await scene.load_deferred() == [("campaigns", {NOISY: [0, 20]})]
    await process.read_deferred()
    assert scene.published()[2:] == [n for n in range(21) if n != 10]
    assert await scene.load_deferred() == []
    assert await scene.rows('SELECT service FROM "Checkpoints"') == [("campaigns",)]


async def test_what_follows_a_deferred_record_is_deferred_too(scene: Scene) -> None:
    process = scene.process()
    await process.read(scene.log.put(*mixed_records()))
    process.selector.congested = False
    await process.worker.consume(scene.log.put(NOISY, QUIET))
    assert scene.published() == [10, 21, 23]
    await process.read_deferred()
    assert scene.published()[3:] == [n for n in range(23) if n not in {10, 21}]


async def test_a_drained_tenant_is_on_the_main_path_again(scene: Scene) -> None:
    process = scene.process()
    await process.read(scene.log.put(*mixed_records()))
    await process.read_deferred()
    process.selector.congested = False
    await process.worker.consume(scene.log.put(NOISY))
    assert scene.published()[-1] == 22


async def test_another_process_continues_where_one_died(scene: Scene) -> None:
    first, second = scene.process(), scene.process()
    await first.read(scene.log.put(*mixed_records()))
    first.deferred_consumer._pacing.records = 5
    await first.read_deferred(ticks=1)
    scene.log.position = 0
    await second.read_deferred()
    assert sorted(scene.published()) == list(range(22))


async def test_two_processes_that_read_the_same_deferred_records_double_nothing(
    scene: Scene,
) -> None:
    first, second = scene.process(), scene.process()
    await first.read(scene.log.put(*mixed_records()))
    for process in (first, second):
        process.deferred_consumer._pacing.records = 5
    for _ in range(16):
        await first.read_deferred(ticks=1)
        await second.read_deferred(ticks=1)
    assert sorted(scene.published()) == list(range(22))


async def test_a_tenant_stays_deferred_until_all_its_facts_are_published(scene: Scene) -> None:
    process = scene.process()
    await process.read(scene.log.put(*mixed_records()))
    scene.publisher.away = True
    for _ in range(3):
        with suppress(KafkaConnectionError):
            await process.read_deferred(ticks=1)
    assert await scene.load_deferred() == [("campaigns", {NOISY: [0, 20]})]
    scene.publisher.away = False
    process.deferred_consumer._worker.outage.cancel()
    scene.log.position = 0
    successor = scene.process()
    await successor.read_deferred()
    assert sorted(scene.published()) == list(range(22))
    assert await scene.load_deferred() == []


async def test_lost_records_halt_the_bulk_path_until_an_operator_resets_it(scene: Scene) -> None:
    process = scene.process()
    await process.read(scene.log.put(*mixed_records()))
    scene.log.log_start = 5
    await process.read_deferred()
    assert scene.published() == [10, 21]
    assert await scene.load_deferred() == [("campaigns", {NOISY: [0, 20]})]
    await scene.do("""UPDATE "Checkpoints" SET "nextOffset" = 5, epoch = epoch + 1
                     WHERE service = 'campaigns.bulk' AND "nextOffset" = 0""")
    process.deferred_consumer._check_at = 0
    await process.read_deferred()
    assert scene.published()[2:] == [n for n in range(5, 21) if n != 10]
    assert await scene.load_deferred() == []


async def test_without_noisy_tenants_no_statement_is_sent(scene: Scene) -> None:
    process = scene.process()
    await process.read_deferred(ticks=1)
    await process.worker.partitions.claim([PLACE])
    await process.worker.consume(scene.log.put(QUIET, NOISY))
    statements: list[str] = []

    def note(_: object, __: object, query: str, *___: object) -> None:
        statements.append(query)

    event.listen(scene.engine.sync_engine, "before_cursor_execute", note)
    await process.read_deferred()
    assert statements == []


async def test_dead_letters_of_the_bulk_path_belong_to_the_service(scene: Scene) -> None:
    process = scene.process()
    await process.read(scene.log.put(*mixed_records()) + scene.log.put(NOISY, body=b"{"))
    await process.read_deferred()
    assert await scene.rows('SELECT service, "offset" FROM "DeadLetters"') == [("campaigns", 22)]


async def publish_flood(flow: Deployment) -> list[str]:
    """Publish waves of a noisy company and one message of another; return their ids in order."""
    for company_id in (1, 2):
        await world.company(flow, company_id)
        await world.line(flow, 10 * company_id, company_id)
    wids: list[str] = []
    wave, waves = 0, 4
    while wave < waves:
        events = [received(f"N{wave}-{number}") for number in range(20)]
        events += [received(f"Q{wave}", company_id=2, whatsapp_id=20)]
        wids += [event.wid for event in events]
        await flow.publish(*(flow.record(event) for event in events))
        wave += 1
        if not await flow.sql(DEFERRED):
            waves = min(waves + 1, MOST_WAVES)  # the workers have just begun
    return wids


async def test_through_kafka_a_flood_is_deferred_and_every_message_is_a_fact_once(
    kafka_bootstrap: str, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.delivery.fairness.pacing.CONGESTED_BACKLOG", -1)
    monkeypatch.setattr("shared.delivery.deferred_consumer.IDLE_S", 0.1)
    monkeypatch.setattr("shared.delivery.fairness.noisy_tenants.FEW_RECORDS", 0)
    async with deployment(
        kafka_bootstrap, migrated_url, ["contacts"], fairness=FairnessSettings(noisy_times=2)
    ) as flow:
        wids = await publish_flood(flow)
        sent = {"topic": flow.topic("message.received"), "number": len(wids)}
        await flow.until_none(UNREAD_OR_DEFERRED, **sent)
        published = await flow.facts("message.identified")
        facts = list({(fact["source"], fact["sequence"]): fact for fact in published}.values())
        assert sorted(fact["wid"] for fact in facts) == sorted(wids)
        noisy = [fact["wid"] for fact in facts if fact["wid"].startswith("N")]
        assert noisy == [wid for wid in wids if wid.startswith("N")]
        assert any("contacts.bulk" in fact["source"] for fact in facts)
