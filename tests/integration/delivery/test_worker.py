"""One worker against a real Postgres: what it carries, tells and takes over."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.campaign import CampaignSend
from shared.contracts.message import MessageSend
from shared.contracts.outcome import Outcome
from shared.delivery.in_flight import size_of
from shared.delivery.subscription import Timer
from shared.delivery.timers import TimerLoop
from tests.integration.delivery.bench import PLACE, Bench, record, sending, tell
from tests.support.build import job

pytestmark = pytest.mark.integration


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


async def test_a_batch_that_waited_while_another_partition_came_is_carried(bench: Bench) -> None:
    other = TopicPartition("chatia.message.routed", 0)
    await bench.worker.take_over([PLACE])
    await bench.worker.busy.acquire()
    waiting = asyncio.create_task(bench.worker.take([record(0), record(1)]))
    await asyncio.sleep(0)
    await bench.worker.take_over([other])
    bench.worker.busy.release()
    await waiting
    assert await bench.next_offset() == 2


async def test_a_gap_is_believed_when_it_is_found_again(bench: Bench) -> None:
    await bench.worker.take_over([PLACE])
    await bench.worker.take([record(7)])
    assert (await bench.next_offset(), bench.consumer.sought[-1]) == (0, 0)
    await bench.worker.take([record(7)])
    assert await bench.next_offset() == 8


async def test_what_follows_a_batch_that_went_astray_is_read_again(bench: Bench) -> None:
    await bench.worker.take_over([PLACE])
    await bench.worker.take([record(7)])
    await bench.worker.take([record(0)])
    await bench.worker.take([record(7)])
    assert (await bench.next_offset(), bench.consumer.sought[-1]) == (1, 1)


async def test_many_bytes_are_several_transactions_and_only_what_failed_is_read_again(
    bench: Bench,
) -> None:
    carried: list[int] = []

    async def failing_once(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        carried.append(len(batch))
        if len(carried) == 2:
            raise OSError
        return await tell(conn, batch)

    bench.hear(failing_once)
    bench.worker = bench.another(bytes_in_flight=4 * 2 * size_of(record(0)))
    await bench.worker.take_over([PLACE])
    await bench.worker.take([record(offset) for offset in range(5)])
    assert (await bench.next_offset(), bench.consumer.sought[-1]) == (2, 2)
    await bench.worker.take([record(offset) for offset in range(2, 5)])
    assert (carried, await bench.next_offset()) == ([2, 2, 2, 1], 5)


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
    assert bench.worker.health.status.startswith("degraded: waiting for Kafka since")
    bench.publisher.away = False
    await bench.worker.take([record(0)])
    assert len(bench.publisher.told) == 1


async def test_partitions_that_come_in_an_outage_are_taken_over_after_it(bench: Bench) -> None:
    await bench.worker.take_over([PLACE])
    bench.publisher.away = True
    await bench.worker.take([record(0)])
    bench.worker.outage.forget()
    successor = bench.another()
    async with bench.looking_round(successor):
        successor.expect([PLACE])
        await bench.until(lambda: successor.health.status != "ok")
        assert successor.health.status.startswith("degraded: waiting for Kafka since")
        bench.publisher.away = False
        await bench.until(lambda: len(bench.publisher.told) == 1)
        await bench.until(lambda: successor.health.status == "ok")


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
    assert bench.worker.health.status == "ok"


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
