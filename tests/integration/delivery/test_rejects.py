"""Events that handlers and timers reject after they waited in a table."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event
from shared.contracts.campaign import CampaignSend
from shared.contracts.outcome import Outcome, RejectWaiting
from shared.delivery.checkpoints import store as checkpoints
from shared.delivery.subscription import Timer
from shared.delivery.timers import TimerLoop
from tests.integration.delivery.bench import PLACE, Bench, build_send, emit_sends
from tests.support.build import NOON, job

pytestmark = pytest.mark.integration

WAITED = RejectWaiting(job("5511900000009"), "unknown-message", "it waited", 7, NOON)


async def read_dead_letters(bench: Bench) -> list[dict[str, Any]]:
    async with bench.engine.connect() as conn:
        rows = await conn.execute(text('SELECT * FROM "DeadLetters" ORDER BY id'))
        return [dict(row) for row in rows.mappings()]


def assert_is_dead_letter(row: dict[str, Any]) -> None:
    """Check the row of WAITED."""
    assert (row["service"], row["topic"]) == ("campaigns", PLACE.topic)
    assert (row["partition"], row["offset"], row["epoch"]) == (-1, 7, 0)
    assert (row["reason"], row["detail"]) == ("unknown-message", "it waited")
    assert (row["companyId"], row["recordTimestamp"]) == (1, NOON)
    assert json.loads(row["body"])["number"] == "5511900000009"


def build_timer(bench: Bench, outcomes: Sequence[Sequence[Event | RejectWaiting]]) -> TimerLoop:
    """Build a timer whose handler returns one of the outcomes at each run."""
    runs = iter(outcomes)

    async def handler(_: AsyncConnection) -> Sequence[Event | RejectWaiting]:
        return next(runs)

    publisher: Any = bench.publisher
    return TimerLoop(Timer("t", 100, handler), bench.transaction, bench.engine, publisher)


async def test_an_event_that_a_handler_rejects_after_it_waited_is_stored_with_its_batch(
    bench: Bench,
) -> None:
    async def handler(conn: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        return [*await emit_sends(conn, batch), WAITED]

    bench.subscribe(handler)
    await bench.consume_up_to(2)
    (row,) = await read_dead_letters(bench)
    assert_is_dead_letter(row)
    assert (len(bench.publisher.published), await bench.next_offset()) == (2, 2)


async def test_it_is_rolled_back_with_its_batch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handler(_: AsyncConnection, __: Sequence[CampaignSend]) -> Outcome:
        return [WAITED]

    async def fail(*_: object) -> None:
        raise ConnectionResetError

    bench.subscribe(handler)
    monkeypatch.setattr(checkpoints, "save", fail)
    await bench.consume_up_to(1)
    assert (await read_dead_letters(bench), await bench.next_offset()) == ([], 0)


async def test_an_event_that_a_timer_rejects_is_stored_once(bench: Bench) -> None:
    timer = build_timer(bench, [[WAITED], [WAITED]])
    assert [await timer.tick(), await timer.tick()] == [0, 0]
    (row,) = await read_dead_letters(bench)
    assert_is_dead_letter(row)


async def test_a_timer_publishes_its_facts_beside_the_events_that_it_rejects(
    bench: Bench,
) -> None:
    fact = build_send(job("5511900000001"))
    timer = build_timer(bench, [[fact, WAITED]])
    assert await timer.tick() == 1
    assert bench.publisher.published == ["1:10:5511900000001"]
    assert len(await read_dead_letters(bench)) == 1
