"""A topic that is no longer the one that was read: the worker stops there and says so."""

from dataclasses import replace

import pytest
from aiokafka.errors import KafkaConnectionError

from shared.delivery import worker as worker_module
from shared.delivery.quarantine import Runs
from tests.integration.delivery.bench import PLACE, Bench, record

pytestmark = pytest.mark.integration


async def test_a_log_that_ends_before_its_checkpoint_is_not_read(bench: Bench) -> None:
    await bench.read_up_to(3)
    bench.consumer.log_end = 1
    successor = bench.another()
    await successor.take_over([PLACE])
    await successor.take([record(0)])
    assert bench.consumer.stopped == {PLACE}
    assert "3 records were read but the log ends at 1" in successor.health.status
    assert f"`chatia topics accept-reset {PLACE.topic}`" in successor.health.status
    assert await bench.next_offset() == 3


async def test_records_lost_to_retention_are_counted_and_not_passed_over(bench: Bench) -> None:
    await bench.read_up_to(3)
    bench.consumer.log_start = 10
    successor = bench.another()
    await successor.take_over([PLACE])
    assert "7 records from offset 3 on were removed by retention" in successor.health.status
    assert bench.consumer.stopped == {PLACE}


async def test_another_record_where_the_last_one_was_read_means_another_log(bench: Bench) -> None:
    await bench.read_up_to(3)
    successor = bench.another()
    await successor.take_over([PLACE])
    assert bench.consumer.sought[-1] == 2
    await successor.take([replace(record(2), value=b"another"), record(3)])
    assert "the record at offset 2 is not the one that was read" in successor.health.status
    assert await bench.next_offset() == 3


async def test_the_remembered_record_is_recognised_and_reading_goes_on(bench: Bench) -> None:
    await bench.read_up_to(3)
    successor = bench.another()
    await successor.take_over([PLACE])
    await successor.take([record(2), record(3)])
    assert (await bench.next_offset(), successor.health.status) == (4, "ok")


async def test_a_gap_that_retention_made_while_running_stops_the_partition(bench: Bench) -> None:
    await bench.read_up_to(1)
    bench.consumer.log_start = 7
    await bench.worker.take([record(7)])
    await bench.worker.take([record(7)])
    assert "6 records from offset 1 on were removed by retention" in bench.worker.health.status
    assert await bench.next_offset() == 1


async def test_records_that_jump_back_make_the_worker_look_at_the_log_again(bench: Bench) -> None:
    await bench.read_up_to(3)
    bench.consumer.log_end = 2
    await bench.worker.take([record(0)])
    await bench.worker.take([record(1)])
    assert "3 records were read but the log ends at 2" in bench.worker.health.status


async def test_a_stopped_partition_goes_on_by_itself_when_its_trouble_is_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "LOOK_ROUND_S", 0.01)
    await bench.read_up_to(3)
    bench.consumer.log_end = 1
    successor = bench.another()
    await successor.take_over([PLACE])
    bench.consumer.log_end = 3
    async with bench.looking_round(successor):
        await bench.until(lambda: successor.health.status == "ok")
    assert bench.consumer.stopped == set()


async def test_when_everything_is_unreadable_the_worker_stops_and_keeps_the_records(
    bench: Bench,
) -> None:
    bench.corridor.runs = Runs(1)
    await bench.worker.take_over([PLACE])
    rubbish = [replace(record(n), key=b"1:%d:a" % n, value=b"{") for n in range(12)]
    await bench.worker.take(rubbish)
    assert "stopped: the last 10 records, of 10 lines, were all unreadable" in (
        bench.worker.health.status
    )
    assert (bench.consumer.stopped, await bench.next_offset()) == ({PLACE}, 0)


async def test_what_a_failed_taking_over_left_untold_is_told_without_a_record(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "LOOK_ROUND_S", 0.01)
    await bench.worker.take_over([PLACE])
    bench.publisher.away = True
    await bench.worker.take([record(0)])
    bench.worker.outage.forget()
    successor = bench.another()
    with pytest.raises(KafkaConnectionError):
        await successor.take_over([PLACE])
    bench.publisher.away = False
    async with bench.looking_round(successor):
        await bench.until(lambda: len(bench.publisher.told) == 1)


async def test_an_idle_worker_empties_the_outbox_that_it_has_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "LOOK_ROUND_S", 0.01)
    await bench.read_up_to(1)
    assert await bench.outbox_is_full()
    async with bench.looking_round(bench.worker), bench.patience():
        while await bench.outbox_is_full():
            pass
