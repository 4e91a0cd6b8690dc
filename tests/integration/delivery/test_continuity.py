"""A partition whose log is no longer the one that was read is halted, and health says why."""

from dataclasses import replace

import pytest
from aiokafka.errors import KafkaConnectionError

from shared.delivery import worker as worker_module
from tests.integration.delivery.bench import PLACE, Bench, emit_sends, record

pytestmark = pytest.mark.integration


async def test_a_partition_whose_log_ends_before_its_checkpoint_is_halted(bench: Bench) -> None:
    await bench.consume_up_to(3)
    bench.consumer.log_end = 1
    successor = bench.another()
    await successor.partitions.claim([PLACE])
    await successor.consume([record(0)])
    assert bench.consumer.stopped == {PLACE}
    assert "3 records were read but the log ends at 1" in successor.health.status
    assert f"`chatia topics accept-reset {PLACE.topic}`" in successor.health.status
    assert await bench.next_offset() == 3


async def test_records_lost_to_retention_are_counted_and_halt_their_partition(bench: Bench) -> None:
    await bench.consume_up_to(3)
    bench.consumer.log_start = 10
    successor = bench.another()
    await successor.partitions.claim([PLACE])
    assert "7 records from offset 3 on were removed by retention" in successor.health.status
    assert bench.consumer.stopped == {PLACE}


async def test_another_record_at_the_last_offset_halts_the_partition(bench: Bench) -> None:
    await bench.consume_up_to(3)
    successor = bench.another()
    await successor.partitions.claim([PLACE])
    assert bench.consumer.sought[-1] == 2
    await successor.consume([replace(record(2), value=b"another"), record(3)])
    assert "the record at offset 2 is not the one that was read" in successor.health.status
    assert await bench.next_offset() == 3


async def test_the_last_record_is_recognised_and_reading_continues(bench: Bench) -> None:
    await bench.consume_up_to(3)
    successor = bench.another()
    await successor.partitions.claim([PLACE])
    await successor.consume([record(2), record(3)])
    assert (await bench.next_offset(), successor.health.status) == (4, "ok")


async def test_a_gap_that_retention_made_while_running_halts_the_partition(bench: Bench) -> None:
    await bench.consume_up_to(1)
    bench.consumer.log_start = 7
    await bench.worker.consume([record(7)])
    await bench.worker.consume([record(7)])
    assert "6 records from offset 1 on were removed by retention" in bench.worker.health.status
    assert await bench.next_offset() == 1


async def test_records_before_the_position_make_the_worker_compare_the_log_again(
    bench: Bench,
) -> None:
    await bench.consume_up_to(3)
    bench.consumer.log_end = 2
    await bench.worker.consume([record(0)])
    await bench.worker.consume([record(1)])
    assert "3 records were read but the log ends at 2" in bench.worker.health.status


async def test_a_halted_partition_resumes_by_itself_when_its_log_is_whole_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "MAINTENANCE_S", 0.01)
    await bench.consume_up_to(3)
    bench.consumer.log_end = 1
    successor = bench.another()
    await successor.partitions.claim([PLACE])
    bench.consumer.log_end = 3
    async with bench.running_maintenance(successor):
        await bench.until(lambda: successor.health.status == "ok")
    assert bench.consumer.stopped == set()


async def test_a_worker_halts_and_loses_no_record_when_everything_is_unreadable(
    bench: Bench,
) -> None:
    bench.subscribe(emit_sends, quarantine_after=1)
    await bench.worker.partitions.claim([PLACE])
    rubbish = [replace(record(n), key=b"1:%d:a" % n, value=b"{") for n in range(12)]
    await bench.worker.consume(rubbish)
    assert "stopped: the last 10 records, of 10 lines, were all unreadable" in (
        bench.worker.health.status
    )
    assert (bench.consumer.stopped, await bench.next_offset()) == ({PLACE}, 0)


async def test_facts_that_a_failed_claim_left_are_published_without_a_record(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "MAINTENANCE_S", 0.01)
    await bench.worker.partitions.claim([PLACE])
    bench.publisher.away = True
    await bench.worker.consume([record(0)])
    bench.worker.outage.cancel()
    successor = bench.another()
    with pytest.raises(KafkaConnectionError):
        await successor.partitions.claim([PLACE])
    bench.publisher.away = False
    async with bench.running_maintenance(successor):
        await bench.until(lambda: len(bench.publisher.published) == 1)


async def test_an_idle_worker_empties_its_published_outboxes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "MAINTENANCE_S", 0.01)
    await bench.consume_up_to(1)
    assert await bench.outbox_is_full()
    async with bench.running_maintenance(bench.worker), bench.patience():
        while await bench.outbox_is_full():
            pass
