"""A noisy company's records wait aside, in order and exactly once, while the others go on."""

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
from shared.delivery.corridor import Corridor
from shared.delivery.decode import Record
from shared.delivery.drain import Drain
from shared.delivery.in_flight import BYTES_IN_FLIGHT
from shared.delivery.lanes import lanes_of
from shared.delivery.subscription import Subscription
from shared.delivery.worker import Worker
from tests.integration.delivery.bench import PLACE, Bench, HeldConsumer, HeldPublisher, tell
from tests.support import world
from tests.support.build import job, received
from tests.support.deployment import Deployment, deployment

# ruff: noqa: SLF001 - the pace is not to be waited for
pytestmark = pytest.mark.integration

NOISY, QUIET = "9", "1"
MOST_WAVES = 100
ASIDE = """SELECT service, aside FROM "Checkpoints" WHERE aside <> '{}'"""
UNREAD_OR_ASIDE = """
SELECT 1 WHERE (SELECT COALESCE(sum("nextOffset"), 0) FROM "Checkpoints"
              WHERE service = 'contacts' AND topic = :topic) < :number
UNION ALL SELECT 1 FROM "Checkpoints" WHERE aside <> '{}'
"""
HEARD = (Subscription((CampaignSend,), tell),)


class HeldLog(HeldConsumer):
    """A partition's log in memory, for the normal lane's consumer and for reading it again."""

    bytes_in_flight = BYTES_IN_FLIGHT

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []
        self.position = 0

    def put(self, *lanes: str, body: bytes | None = None) -> list[Any]:
        """Append a record for each lane; their numbers are told by the facts' keys."""
        new = []
        for lane in lanes:
            offset = len(self.records)
            value = body or job(f"5511900{offset:06}").model_dump_json(by_alias=True).encode()
            key = f"{lane}:{offset}".encode()
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

    async def slice(
        self, ends: Mapping[TopicPartition, int], takes: Callable[[Record], bool], most: int
    ) -> list[Any]:
        found: list[Any] = []
        while self.position < ends[PLACE] and sum(map(takes, found)) < most:
            found.append(self.records[self.position])
            self.position += 1
        return found


class Process:
    """One worker process of campaigns, as far as its two lanes go."""

    def __init__(self, engine: AsyncEngine, log: HeldLog, publisher: HeldPublisher) -> None:
        lanes = lanes_of("campaigns", HEARD, "chatia", 4)
        entry, bulk = (
            Corridor("campaigns", "chatia", HEARD, publisher, lane=lane)  # type: ignore[arg-type]
            for lane in (lanes.entry, lanes.bulk)
        )
        self.lane = lanes.entry
        self.consumer = HeldConsumer()
        self.worker = Worker(entry, engine, publisher, lambda: self.consumer)  # type: ignore[arg-type]
        self.drain = Drain(lanes, bulk, engine, log, lambda: self.consumer)  # type: ignore[arg-type]
        self.drain._on_the_way = self._calm  # type: ignore[method-assign]

    async def _calm(self) -> int:
        return 0

    async def read(self, records: list[Any]) -> None:
        """Carry records as the normal lane gets them, on a crowded way."""
        self.lane.congested = True
        await self.worker.take_over([PLACE])
        await self.worker.take(records)

    async def drained(self, ticks: int = 12) -> None:
        """Let the bulk lane do its work."""
        for _ in range(ticks):
            await self.drain.tick()


class Road:
    """Postgres, one partition's log, and what was told."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine, self.log, self.publisher = engine, HeldLog(), HeldPublisher()

    def process(self) -> Process:
        return Process(self.engine, self.log, self.publisher)

    def told(self) -> list[int]:
        """Give the offsets whose facts were told, in their order; told again counts once."""
        return list(dict.fromkeys(int(key[-6:]) for key in self.publisher.told))

    async def rows(self, query: str) -> list[Any]:
        async with self.engine.connect() as conn:
            return [tuple(row) for row in await conn.execute(text(query))]

    async def do(self, query: str) -> None:
        async with self.engine.begin() as conn:
            await conn.execute(text(query))

    async def aside(self) -> list[Any]:
        return await self.rows(ASIDE)


@pytest_asyncio.fixture
async def road(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Road]:
    monkeypatch.setattr("shared.delivery.noise.FEW", 0)
    yield Road(bench.engine)


def crowd() -> list[str]:
    """Twenty records of the noisy one to two of a quiet one."""
    return [*[NOISY] * 10, QUIET, *[NOISY] * 10, QUIET]


async def test_others_pass_a_noisy_company_which_follows_in_its_order(road: Road) -> None:
    process = road.process()
    await process.read(road.log.put(*crowd()))
    assert road.told() == [10, 21]
    assert await road.aside() == [("campaigns", {NOISY: [0, 20]})]
    await process.drained()
    assert road.told()[2:] == [n for n in range(21) if n != 10]
    assert await road.aside() == []
    assert await road.rows('SELECT service FROM "Checkpoints"') == [("campaigns",)]


async def test_what_follows_a_waiting_record_waits_behind_it(road: Road) -> None:
    process = road.process()
    await process.read(road.log.put(*crowd()))
    process.lane.congested = False
    await process.worker.take(road.log.put(NOISY, QUIET))
    assert road.told() == [10, 21, 23]
    await process.drained()
    assert road.told()[3:] == [n for n in range(23) if n not in {10, 21}]


async def test_afterwards_it_is_a_company_like_any_other(road: Road) -> None:
    process = road.process()
    await process.read(road.log.put(*crowd()))
    await process.drained()
    process.lane.congested = False
    await process.worker.take(road.log.put(NOISY))
    assert road.told()[-1] == 22


async def test_another_process_goes_on_where_one_died(road: Road) -> None:
    first, second = road.process(), road.process()
    await first.read(road.log.put(*crowd()))
    first.drain._pace.records = 5
    await first.drained(ticks=1)
    road.log.position = 0
    await second.drained()
    assert sorted(road.told()) == list(range(22))


async def test_two_processes_that_both_think_it_is_theirs_double_nothing(road: Road) -> None:
    first, second = road.process(), road.process()
    await first.read(road.log.put(*crowd()))
    for process in (first, second):
        process.drain._pace.records = 5
    for _ in range(16):
        await first.drained(ticks=1)
        await second.drained(ticks=1)
    assert sorted(road.told()) == list(range(22))


async def test_it_waits_until_all_of_it_is_told(road: Road) -> None:
    process = road.process()
    await process.read(road.log.put(*crowd()))
    road.publisher.away = True
    for _ in range(3):
        with suppress(KafkaConnectionError):
            await process.drained(ticks=1)
    assert await road.aside() == [("campaigns", {NOISY: [0, 20]})]
    road.publisher.away = False
    process.drain._worker.outage.forget()
    road.log.position = 0
    successor = road.process()
    await successor.drained()
    assert sorted(road.told()) == list(range(22))
    assert await road.aside() == []


async def test_what_retention_took_stops_it_until_an_operator_decides(road: Road) -> None:
    process = road.process()
    await process.read(road.log.put(*crowd()))
    road.log.log_start = 5
    await process.drained()
    assert road.told() == [10, 21]
    assert await road.aside() == [("campaigns", {NOISY: [0, 20]})]
    await road.do("""UPDATE "Checkpoints" SET "nextOffset" = 5, epoch = epoch + 1
                     WHERE service = 'campaigns.bulk' AND "nextOffset" = 0""")
    process.drain._sweep_at = 0
    await process.drained()
    assert road.told()[2:] == [n for n in range(5, 21) if n != 10]
    assert await road.aside() == []


async def test_without_noise_nothing_is_asked(road: Road) -> None:
    process = road.process()
    await process.drained(ticks=1)
    await process.worker.take_over([PLACE])
    await process.worker.take(road.log.put(QUIET, NOISY))
    asked: list[str] = []

    def note(_: object, __: object, query: str, *___: object) -> None:
        asked.append(query)

    event.listen(road.engine.sync_engine, "before_cursor_execute", note)
    await process.drained()
    assert asked == []


async def test_its_dead_letters_are_the_services_own(road: Road) -> None:
    process = road.process()
    await process.read(road.log.put(*crowd()) + road.log.put(NOISY, body=b"{"))
    await process.drained()
    assert await road.rows('SELECT service, "offset" FROM "DeadLetters"') == [("campaigns", 22)]


async def flooded(flow: Deployment) -> list[str]:
    """Publish waves of a noisy company and one message of another; gives their ids in order."""
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
        if not await flow.sql(ASIDE):
            waves = min(waves + 1, MOST_WAVES)  # the workers have just begun
    return wids


async def test_through_kafka_a_flood_waits_and_every_message_is_a_fact_once(
    kafka_bootstrap: str, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.delivery.pace.CONGESTED", -1)
    monkeypatch.setattr("shared.delivery.drain.IDLE_S", 0.1)
    monkeypatch.setattr("shared.delivery.noise.FEW", 0)
    async with deployment(kafka_bootstrap, migrated_url, ["contacts"], noisy_times=2) as flow:
        wids = await flooded(flow)
        sent = {"topic": flow.topic("message.received"), "number": len(wids)}
        await flow.until_none(UNREAD_OR_ASIDE, **sent)
        told = await flow.facts("message.identified")
        facts = list({(fact["source"], fact["sequence"]): fact for fact in told}.values())
        assert sorted(fact["wid"] for fact in facts) == sorted(wids)
        noisy = [fact["wid"] for fact in facts if fact["wid"].startswith("N")]
        assert noisy == [wid for wid in wids if wid.startswith("N")]
        assert any("contacts.bulk" in fact["source"] for fact in facts)
