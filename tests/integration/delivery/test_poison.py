"""Poison: records that fail alone, again and again, with an error of any kind."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from shared.contracts.campaign import CampaignSend
from shared.contracts.outcome import Outcome
from shared.db.bulk import ConcurrentUpdateError
from shared.delivery.batch.poison import MOST_FAILURES, may_be_caused_by_record
from shared.delivery.checkpoints import store as checkpoints
from tests.integration.delivery.bench import PLACE, Bench, emit_sends, record

pytestmark = pytest.mark.integration

RAISE = """
DO $$ BEGIN RAISE EXCEPTION 'no such thing' USING ERRCODE = '{}', TABLE = 'Tickets'; END $$
"""
POISON = ("54000", "XX000", "P0001", "V0001", "22012")


def number(offset: int) -> str:
    return f"5511900{offset:06}"


class FailingHandler:
    """A handler that fails at one record, with an SQLSTATE or with an exception of its own."""

    def __init__(self, offset: int, error: str | Exception) -> None:
        self.number, self.error = number(offset), error
        self.batches: list[int] = []

    async def __call__(self, conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        self.batches.append(len(batch))
        if any(send.number == self.number for send in batch):
            if isinstance(self.error, Exception):
                raise self.error
            await conn.execute(text(RAISE.format(self.error)))
        return await emit_sends(conn, batch)


async def load_dead_letters(bench: Bench) -> list[dict[str, Any]]:
    async with bench.engine.connect() as conn:
        rows = await conn.execute(text('SELECT * FROM "DeadLetters" ORDER BY "offset"'))
        return [dict(row) for row in rows.mappings()]


async def consume_with(bench: Bench, handler: Any, end: int) -> None:
    bench.subscribe(handler)
    await bench.consume_up_to(end)


@pytest.mark.parametrize("sqlstate", POISON)
async def test_a_record_that_the_database_refuses_becomes_the_only_dead_letter(
    bench: Bench, sqlstate: str
) -> None:
    await consume_with(bench, FailingHandler(5, sqlstate), 12)
    assert await bench.next_offset() == 12
    assert sorted(bench.publisher.published) == [f"1:10:{number(n)}" for n in range(12) if n != 5]
    (dead_letter,) = await load_dead_letters(bench)
    assert (dead_letter["offset"], dead_letter["sqlstate"]) == (5, sqlstate)
    assert "no such thing" in dead_letter["detail"]
    assert json.loads(dead_letter["body"])["number"] == number(5)
    assert bench.worker.health.status == "ok"


async def test_the_detail_has_sqlstate_table_and_message(bench: Bench) -> None:
    await consume_with(bench, FailingHandler(0, "54000"), 1)
    (dead_letter,) = await load_dead_letters(bench)
    assert dead_letter["reason"] == "poison"
    assert 'no such thing (SQLSTATE 54000 of "Tickets")' in dead_letter["detail"]


async def test_an_error_of_a_handler_is_named_without_its_message(bench: Bench) -> None:
    await consume_with(bench, FailingHandler(3, KeyError("palavras de um cliente")), 7)
    (dead_letter,) = await load_dead_letters(bench)
    assert (dead_letter["reason"], dead_letter["offset"], dead_letter["sqlstate"]) == (
        "poison",
        3,
        None,
    )
    assert "KeyError in test_poison.py:" in dead_letter["detail"]
    assert "palavras" not in dead_letter["detail"]


async def test_a_record_is_tried_alone_five_times_and_logged_each_time(bench: Bench) -> None:
    handler = FailingHandler(2, "54000")
    with capture_logs() as logs:
        await consume_with(bench, handler, 4)
    failed = [log for log in logs if log["event"] == "record.failed_alone"]
    assert [log["failures"] for log in failed] == list(range(1, MOST_FAILURES + 1))
    location = {
        name: failed[0][name] for name in ("topic", "partition", "offset", "sqlstate", "table")
    }
    assert location == {
        "topic": PLACE.topic, "partition": 0, "offset": 2, "sqlstate": "54000", "table": "Tickets",
    }  # fmt: skip


async def test_two_poison_records_become_the_only_dead_letters(bench: Bench) -> None:
    first, second = FailingHandler(3, "54000"), FailingHandler(6, ZeroDivisionError())

    async def failing_twice(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        await first(conn, batch)
        return await second(conn, batch)

    await consume_with(bench, failing_twice, 9)
    assert [row["offset"] for row in await load_dead_letters(bench)] == [3, 6]
    assert await bench.next_offset() == 9


@pytest.mark.parametrize(
    "sqlstate", ["08006", "40001", "40P01", "53100", "53200", "55P03", "57P01", "42P01", "58030"]
)
async def test_an_error_of_the_servers_is_waited_for(bench: Bench, sqlstate: str) -> None:
    with capture_logs() as logs:
        for _ in range(2 * MOST_FAILURES):
            await consume_with(bench, FailingHandler(0, sqlstate), 1)
            bench.worker.outage.cancel()
    assert (await load_dead_letters(bench), await bench.next_offset()) == ([], 0)
    (postponed, *_) = [log for log in logs if log["event"] == "batch.postponed"]
    assert (postponed["sqlstate"], postponed["offset"]) == (sqlstate, 0)


async def test_nothing_is_poison_while_no_write_commits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(checkpoints, "touch", away)
    for _ in range(2 * MOST_FAILURES):
        await consume_with(bench, FailingHandler(0, "54000"), 1)
        bench.worker.outage.cancel()
    assert (await load_dead_letters(bench), await bench.next_offset()) == ([], 0)


async def test_a_record_that_succeeds_before_the_fifth_failure_is_no_poison(bench: Bench) -> None:
    handler = FailingHandler(0, "XX000")

    async def recovering(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        if len(handler.batches) == MOST_FAILURES - 1:
            return await emit_sends(conn, batch)
        return await handler(conn, batch)

    await consume_with(bench, recovering, 1)
    assert (await load_dead_letters(bench), await bench.next_offset()) == ([], 1)


async def test_a_line_of_poison_only_is_quarantined(bench: Bench) -> None:
    async def failing(*_: object) -> Outcome:
        raise ZeroDivisionError

    bench.subscribe(failing, quarantine_after=3)
    await bench.consume_up_to(6)
    assert [row["reason"] for row in await load_dead_letters(bench)] == ["poison"] * 3 + [
        "quarantined"
    ] * 3


OTHER = TopicPartition(PLACE.topic, 1)


def record_of_other(offset: int) -> Any:
    """Build a good record of another partition."""
    return replace(record(500_000 + offset), partition=1, offset=offset)


async def try_again(bench: Bench, poison: int, offset: int) -> None:
    """Consume again as after an outage, with one more record in the other partition."""
    bench.worker.outage.cancel()
    await bench.worker.partitions.claim(bench.worker.partitions.find_unclaimed([PLACE, OTHER]))
    await bench.worker.consume([*(record(n) for n in range(poison, 4)), record_of_other(offset)])


@pytest.mark.parametrize("sqlstate", ["42501", "42P01", "57014", "25P03"])
async def test_a_record_is_poison_when_others_of_its_kind_take_effect(
    bench: Bench, sqlstate: str
) -> None:
    bench.subscribe(FailingHandler(2, sqlstate))
    bench.consumer.ours = {PLACE, OTHER}
    await bench.worker.partitions.claim([PLACE, OTHER])
    await bench.worker.consume([*(record(n) for n in range(4)), record_of_other(0)])
    assert await bench.next_offset(PLACE) == 2
    assert await bench.next_offset(OTHER) == 1
    for offset in range(1, MOST_FAILURES + 2):
        await try_again(bench, 2, offset)
    (dead_letter,) = await load_dead_letters(bench)
    assert (dead_letter["reason"], dead_letter["offset"], dead_letter["sqlstate"]) == (
        "poison",
        2,
        sqlstate,
    )
    assert await bench.next_offset(PLACE) == 4
    assert await bench.next_offset(OTHER) == MOST_FAILURES + 2


async def test_nothing_is_poison_while_all_records_of_a_kind_fail(
    bench: Bench,
) -> None:
    async def without_rights(conn: AsyncConnection, _: Sequence[CampaignSend]) -> Outcome:
        await conn.execute(text(RAISE.format("42501")))
        return []

    bench.subscribe(without_rights)
    bench.consumer.ours = {PLACE, OTHER}
    await bench.worker.partitions.claim([PLACE, OTHER])
    with capture_logs() as logs:
        for offset in range(2 * MOST_FAILURES):
            await try_again(bench, 0, offset)
    assert (await load_dead_letters(bench), await bench.next_offset()) == ([], 0)
    postponed = [log for log in logs if log["event"] == "batch.postponed"]
    assert {log["records"] for log in postponed} == {1}
    assert bench.worker.health.status.startswith("degraded: waiting for an internal error")


async def test_a_postponed_record_is_read_again_also_when_another_partition_fails(
    bench: Bench,
) -> None:
    async def fails(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        is_left = batch[0].number == number(0)
        await conn.execute(text(RAISE.format("42501" if is_left else "53300")))
        return []

    bench.subscribe(fails)
    bench.consumer.ours = {PLACE, OTHER}
    await bench.worker.partitions.claim([PLACE, OTHER])
    bench.consumer.sought.clear()
    await bench.worker.consume([record(0), record_of_other(0)])
    assert bench.consumer.sought == [0, 0]  # one in each partition


def test_races_and_missing_memory_are_not_caused_by_records() -> None:
    assert not any(
        map(may_be_caused_by_record, (ConcurrentUpdateError(), MemoryError(), TimeoutError()))
    )
