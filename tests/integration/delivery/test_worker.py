"""One worker on a real Postgres: batches, facts, claims and timers."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.campaign import CampaignSend
from shared.contracts.message import MessageSend
from shared.contracts.outcome import Outcome
from shared.delivery.kafka.fetch_sizes import measure_record
from shared.delivery.subscription import Timer
from shared.delivery.timers import TimerLoop
from tests.integration.delivery.bench import PLACE, Bench, build_send, emit_sends, record
from tests.support.build import job

pytestmark = pytest.mark.integration


async def test_a_batch_takes_effect_once_and_its_facts_are_published(bench: Bench) -> None:
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.consume([record(0), record(1)])
    await bench.worker.consume([record(0), record(1)])
    assert await bench.next_offset() == 2
    assert len(bench.publisher.published) == 2


async def test_records_of_an_unclaimed_partition_are_read_again(bench: Bench) -> None:
    await bench.worker.consume([record(5)])
    assert (bench.consumer.sought, await bench.next_offset()) == ([0], 0)


async def test_a_batch_that_waited_during_a_claim_is_dropped(bench: Bench) -> None:
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.busy.acquire()
    waiting = asyncio.create_task(bench.worker.consume([record(5000)]))
    await asyncio.sleep(0)
    await bench.worker.partitions.claim([PLACE])
    bench.worker.busy.release()
    await waiting
    assert await bench.next_offset() == 0


async def test_a_batch_that_waited_during_the_claim_of_another_partition_is_committed(
    bench: Bench,
) -> None:
    other = TopicPartition("chatia.message.routed", 0)
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.busy.acquire()
    waiting = asyncio.create_task(bench.worker.consume([record(0), record(1)]))
    await asyncio.sleep(0)
    await bench.worker.partitions.claim([other])
    bench.worker.busy.release()
    await waiting
    assert await bench.next_offset() == 2


async def test_a_gap_is_accepted_when_it_is_found_again_after_a_seek(bench: Bench) -> None:
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.consume([record(7)])
    assert (await bench.next_offset(), bench.consumer.sought[-1]) == (0, 0)
    await bench.worker.consume([record(7)])
    assert await bench.next_offset() == 8


async def test_records_after_a_lost_batch_are_read_again(bench: Bench) -> None:
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.consume([record(7)])
    await bench.worker.consume([record(0)])
    await bench.worker.consume([record(7)])
    assert (await bench.next_offset(), bench.consumer.sought[-1]) == (1, 1)


async def test_a_large_batch_is_several_transactions_and_only_the_failed_one_is_read_again(
    bench: Bench,
) -> None:
    committed_sizes: list[int] = []

    async def failing_once(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        committed_sizes.append(len(batch))
        if len(committed_sizes) == 2:
            raise OSError
        return await emit_sends(conn, batch)

    bench.subscribe(failing_once)
    bench.worker = bench.another(bytes_in_flight=4 * 2 * measure_record(record(0)))
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.consume([record(offset) for offset in range(5)])
    assert (await bench.next_offset(), bench.consumer.sought[-1]) == (2, 2)
    await bench.worker.consume([record(offset) for offset in range(2, 5)])
    assert (committed_sizes, await bench.next_offset()) == ([2, 2, 2, 1], 5)


async def test_a_gap_without_a_seek_is_read_from_the_position(bench: Bench) -> None:
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.consume([record(0)])
    await bench.worker.consume([record(7)])
    assert (await bench.next_offset(), bench.consumer.sought[-1]) == (1, 1)
    await bench.worker.consume([record(7)])
    assert await bench.next_offset() == 8


async def test_facts_that_kafka_did_not_take_are_published_with_the_next_batch(
    bench: Bench,
) -> None:
    await bench.worker.partitions.claim([PLACE])
    bench.publisher.away = True
    await bench.worker.consume([record(0)])
    assert bench.consumer.stopped == {PLACE}
    assert bench.worker.health.status.startswith("degraded: waiting for Kafka since")
    bench.publisher.away = False
    await bench.worker.consume([record(0)])
    assert len(bench.publisher.published) == 1


async def test_partitions_assigned_in_an_outage_are_claimed_after_it(bench: Bench) -> None:
    await bench.worker.partitions.claim([PLACE])
    bench.publisher.away = True
    await bench.worker.consume([record(0)])
    bench.worker.outage.cancel()
    successor = bench.another()
    async with bench.running_maintenance(successor):
        successor.request_claim([PLACE])
        await bench.until(lambda: successor.health.status != "ok")
        assert successor.health.status.startswith("degraded: waiting for Kafka since")
        bench.publisher.away = False
        await bench.until(lambda: len(bench.publisher.published) == 1)
        await bench.until(lambda: successor.health.status == "ok")


async def test_a_claim_publishes_the_facts_that_a_dead_worker_left(bench: Bench) -> None:
    await bench.worker.partitions.claim([PLACE])
    bench.publisher.away = True
    await bench.worker.consume([record(0)])
    bench.publisher.away = False
    await bench.another().partitions.claim([PLACE])
    assert len(bench.publisher.published) == 1


async def test_an_overtaken_worker_applies_no_batch_twice(bench: Bench) -> None:
    successor = bench.another()
    await bench.worker.partitions.claim([PLACE])
    await successor.partitions.claim([PLACE])
    await successor.consume([record(0)])
    await bench.worker.consume([record(0)])
    assert (await bench.next_offset(), len(bench.publisher.published)) == (1, 1)


async def test_a_batch_without_assigned_partitions_is_no_failure(bench: Bench) -> None:
    await bench.worker.partitions.claim([PLACE])
    bench.consumer.ours = set()
    await bench.worker.consume([record(0)])
    assert bench.worker.health.status == "ok"


async def test_an_outbox_is_cleared_when_its_partition_is_released(bench: Bench) -> None:
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.consume([record(0)])
    await bench.worker.close()
    await bench.another().partitions.claim([PLACE])
    assert len(bench.publisher.published) == 1


async def test_a_timer_first_publishes_the_facts_that_another_process_left(bench: Bench) -> None:
    due = iter([[build_send(job("5511900000001"))], [build_send(job("5511900000002"))], []])

    async def handler(_: AsyncConnection) -> Sequence[MessageSend]:
        return next(due)

    timer = TimerLoop(Timer("t", 100, handler), bench.transaction, bench.engine, bench.publisher)  # type: ignore[arg-type]
    bench.publisher.away = True
    with pytest.raises(KafkaConnectionError):
        await timer.tick()
    bench.publisher.away = False
    assert await timer.tick() == 1
    assert await timer.tick() == 0
    assert bench.publisher.published == ["1:10:5511900000001", "1:10:5511900000002"]
