"""A record that the database or a handler refuses, for a reason that nobody listed."""

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
from shared.db.bulk import RacedError
from shared.delivery import checkpoints
from shared.delivery.poison import MOST_FAILURES, may_be_of_a_record
from tests.integration.delivery.bench import PLACE, Bench, record, tell

pytestmark = pytest.mark.integration

RAISE = """
DO $$ BEGIN RAISE EXCEPTION 'no such thing' USING ERRCODE = '{}', TABLE = 'Tickets'; END $$
"""
POISON = ("54000", "XX000", "P0001", "V0001", "22012")


def number(offset: int) -> str:
    return f"5511900{offset:06}"


class Refusing:
    """A handler that one record makes the database raise an error, or that raises one itself."""

    def __init__(self, offset: int, trouble: str | Exception) -> None:
        self.number, self.trouble = number(offset), trouble
        self.batches: list[int] = []

    async def __call__(self, conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        self.batches.append(len(batch))
        if any(send.number == self.number for send in batch):
            if isinstance(self.trouble, Exception):
                raise self.trouble
            await conn.execute(text(RAISE.format(self.trouble)))
        return await tell(conn, batch)


async def letters(bench: Bench) -> list[dict[str, Any]]:
    async with bench.engine.connect() as conn:
        found = await conn.execute(text('SELECT * FROM "DeadLetters" ORDER BY "offset"'))
        return [dict(row) for row in found.mappings()]


async def read(bench: Bench, handler: Any, end: int) -> None:
    bench.hear(handler)
    await bench.read_up_to(end)


@pytest.mark.parametrize("sqlstate", POISON)
async def test_what_the_database_refuses_costs_only_itself(bench: Bench, sqlstate: str) -> None:
    await read(bench, Refusing(5, sqlstate), 12)
    assert await bench.next_offset() == 12
    assert sorted(bench.publisher.told) == [f"1:10:{number(n)}" for n in range(12) if n != 5]
    (letter,) = await letters(bench)
    assert (letter["offset"], letter["sqlstate"]) == (5, sqlstate)
    assert "no such thing" in letter["detail"]
    assert json.loads(letter["body"])["number"] == number(5)
    assert bench.worker.health.status == "ok"


async def test_poison_names_its_sqlstate_its_table_and_the_words(bench: Bench) -> None:
    await read(bench, Refusing(0, "54000"), 1)
    (letter,) = await letters(bench)
    assert letter["reason"] == "poison"
    assert 'no such thing (SQLSTATE 54000 of "Tickets")' in letter["detail"]


async def test_a_fault_of_a_handler_is_of_its_record_and_shows_no_words(bench: Bench) -> None:
    await read(bench, Refusing(3, KeyError("palavras de um cliente")), 7)
    (letter,) = await letters(bench)
    assert (letter["reason"], letter["offset"], letter["sqlstate"]) == ("poison", 3, None)
    assert "KeyError in test_poison.py:" in letter["detail"]
    assert "palavras" not in letter["detail"]


async def test_a_record_is_tried_alone_five_times_and_logged_each_time(bench: Bench) -> None:
    handler = Refusing(2, "54000")
    with capture_logs() as logs:
        await read(bench, handler, 4)
    failed = [log for log in logs if log["event"] == "record.failed_alone"]
    assert [log["failures"] for log in failed] == list(range(1, MOST_FAILURES + 1))
    where = {
        name: failed[0][name] for name in ("topic", "partition", "offset", "sqlstate", "table")
    }
    assert where == {
        "topic": PLACE.topic, "partition": 0, "offset": 2, "sqlstate": "54000", "table": "Tickets",
    }  # fmt: skip


async def test_two_records_that_are_poison_cost_only_themselves(bench: Bench) -> None:
    first, second = Refusing(3, "54000"), Refusing(6, ZeroDivisionError())

    async def refusing(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        await first(conn, batch)
        return await second(conn, batch)

    await read(bench, refusing, 9)
    assert [letter["offset"] for letter in await letters(bench)] == [3, 6]
    assert await bench.next_offset() == 9


@pytest.mark.parametrize(
    "sqlstate", ["08006", "40001", "40P01", "53100", "53200", "55P03", "57P01", "42P01", "58030"]
)
async def test_what_the_servers_are_to_blame_for_is_waited_for(bench: Bench, sqlstate: str) -> None:
    with capture_logs() as logs:
        for _ in range(2 * MOST_FAILURES):
            await read(bench, Refusing(0, sqlstate), 1)
            bench.worker.outage.forget()
    assert (await letters(bench), await bench.next_offset()) == ([], 0)
    (postponed, *_) = [log for log in logs if log["event"] == "batch.postponed"]
    assert (postponed["sqlstate"], postponed["offset"]) == (sqlstate, 0)


async def test_without_a_write_that_commits_nothing_is_poison(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(checkpoints, "touch", away)
    for _ in range(2 * MOST_FAILURES):
        await read(bench, Refusing(0, "54000"), 1)
        bench.worker.outage.forget()
    assert (await letters(bench), await bench.next_offset()) == ([], 0)


async def test_what_is_good_again_before_the_fifth_time_is_no_poison(bench: Bench) -> None:
    handler = Refusing(0, "XX000")

    async def recovering(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        if len(handler.batches) == MOST_FAILURES - 1:
            return await tell(conn, batch)
        return await handler(conn, batch)

    await read(bench, recovering, 1)
    assert (await letters(bench), await bench.next_offset()) == ([], 1)


async def test_a_line_that_sends_nothing_but_poison_is_quarantined(bench: Bench) -> None:
    async def failing(*_: object) -> Outcome:
        raise ZeroDivisionError

    bench.hear(failing)
    bench.corridor.runs = type(bench.corridor.runs)(3)
    await bench.read_up_to(6)
    assert [letter["reason"] for letter in await letters(bench)] == ["poison"] * 3 + [
        "quarantined"
    ] * 3


OTHER = TopicPartition(PLACE.topic, 1)


def elsewhere(offset: int) -> Any:
    """Give a good record of another partition."""
    return replace(record(500_000 + offset), partition=1, offset=offset)


async def try_again(bench: Bench, guilty: int, offset: int) -> None:
    """Read on as a consumer would, with one more record in the other partition."""
    bench.worker.outage.forget()
    await bench.worker.take_over(bench.worker.lost([PLACE, OTHER]))
    await bench.worker.take([*(record(n) for n in range(guilty, 4)), elsewhere(offset)])


@pytest.mark.parametrize("sqlstate", ["42501", "42P01", "57014", "25P03"])
async def test_a_record_to_blame_is_known_by_others_of_its_kind(
    bench: Bench, sqlstate: str
) -> None:
    bench.hear(Refusing(2, sqlstate))
    bench.consumer.ours = {PLACE, OTHER}
    await bench.worker.take_over([PLACE, OTHER])
    await bench.worker.take([*(record(n) for n in range(4)), elsewhere(0)])
    assert await bench.next_offset(PLACE) == 2
    assert await bench.next_offset(OTHER) == 1
    for offset in range(1, MOST_FAILURES + 2):
        await try_again(bench, 2, offset)
    (letter,) = await letters(bench)
    assert (letter["reason"], letter["offset"], letter["sqlstate"]) == ("poison", 2, sqlstate)
    assert await bench.next_offset(PLACE) == 4
    assert await bench.next_offset(OTHER) == MOST_FAILURES + 2


async def test_where_all_of_a_kind_fail_the_log_names_the_record_and_nothing_is_poison(
    bench: Bench,
) -> None:
    async def without_rights(conn: AsyncConnection, _: Sequence[CampaignSend]) -> Outcome:
        await conn.execute(text(RAISE.format("42501")))
        return []

    bench.hear(without_rights)
    bench.consumer.ours = {PLACE, OTHER}
    await bench.worker.take_over([PLACE, OTHER])
    with capture_logs() as logs:
        for offset in range(2 * MOST_FAILURES):
            await try_again(bench, 0, offset)
    assert (await letters(bench), await bench.next_offset()) == ([], 0)
    postponed = [log for log in logs if log["event"] == "batch.postponed"]
    assert {log["records"] for log in postponed} == {1}
    assert bench.worker.health.status.startswith("degraded: waiting for a fault of ours")


async def test_a_record_that_is_left_is_read_again_also_where_another_partition_fails(
    bench: Bench,
) -> None:
    async def fails(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        is_left = batch[0].number == number(0)
        await conn.execute(text(RAISE.format("42501" if is_left else "53300")))
        return []

    bench.hear(fails)
    bench.consumer.ours = {PLACE, OTHER}
    await bench.worker.take_over([PLACE, OTHER])
    bench.consumer.sought.clear()
    await bench.worker.take([record(0), elsewhere(0)])
    assert bench.consumer.sought == [0, 0]  # one in each partition


def test_races_and_missing_memory_are_no_records_fault() -> None:
    assert not any(map(may_be_of_a_record, (RacedError(), MemoryError(), TimeoutError())))
