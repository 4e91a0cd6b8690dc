"""A consumer that stops in the middle of a batch or a claim, as at the end of a process."""

from collections.abc import Sequence

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from shared.contracts.campaign import CampaignSend
from shared.contracts.outcome import Outcome
from tests.integration.delivery.bench import PLACE, Bench, HeldConsumer, emit_sends, record

pytestmark = pytest.mark.integration


@pytest.fixture
def stopping(bench: Bench) -> Bench:
    """Return a bench whose consumer stops when the handler runs."""

    async def stop_and_emit(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        bench.consumer_stopped = True
        return await emit_sends(conn, batch)

    bench.subscribe(stop_and_emit)
    return bench


async def test_the_batch_is_committed_and_its_facts_are_published(stopping: Bench) -> None:
    await stopping.consume_up_to(2)
    assert (await stopping.next_offset(), len(stopping.publisher.published)) == (2, 2)
    assert stopping.worker.health.status == "ok"


async def test_a_batch_that_fails_then_is_left_to_the_next_owner(stopping: Bench) -> None:
    stopping.publisher.away = True
    with capture_logs() as logs:
        await stopping.consume_up_to(2)
    assert (stopping.worker.health.status, stopping.worker.outage.is_active) == ("ok", False)
    (abandoned,) = [log for log in logs if log["event"] == "batch.abandoned"]
    assert (abandoned["log_level"], abandoned["error"]) == ("info", KafkaConnectionError.__name__)
    assert [log for log in logs if log["log_level"] == "error"] == []
    stopping.consumer_stopped, stopping.publisher.away = False, False
    await stopping.another().partitions.claim([PLACE])
    assert len(stopping.publisher.published) == 2


async def test_records_after_a_gap_are_not_taken_for_a_normal_gap(bench: Bench) -> None:
    await bench.consume_up_to(2)
    await bench.worker.consume([record(5)])
    bench.consumer_stopped = True
    with capture_logs() as logs:
        await bench.worker.consume([record(5)])
    assert await bench.next_offset() == 2
    assert [log["event"] for log in logs] == ["batch.abandoned"]


async def test_nothing_is_claimed_without_a_consumer(bench: Bench) -> None:
    bench.consumer_stopped = True
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.consume([record(0)])
    async with bench.running_maintenance(bench.worker):
        await bench.worker.close()
    assert bench.worker.partitions.find_unclaimed([PLACE]) == {PLACE}
    assert bench.worker.health.status == "ok"


async def test_a_partition_that_is_no_longer_assigned_stays_unclaimed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: HeldConsumer, partition: TopicPartition, __: int) -> None:
        raise IllegalStateError(f"{partition} is not assigned")

    monkeypatch.setattr(HeldConsumer, "seek", refuse)
    await bench.worker.partitions.claim([PLACE])
    assert bench.worker.partitions.find_unclaimed([PLACE]) == {PLACE}
