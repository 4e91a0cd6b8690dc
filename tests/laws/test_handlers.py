"""What holds for every handler: repetition, batch boundaries, bad records, SQL statements."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.contracts.outcome import Emit, Outcome
from shared.delivery.batch.isolation import run_handler
from shared.delivery.subscription import Handler, Subscription, Timer
from shared.schema import metadata
from shared.settings import DatabaseSettings, SendingSettings, Settings
from tests.laws import statement_counts
from tests.laws.samples import SAMPLES
from tests.support.deployment import CONSUMERS
from tests.support.relay import wrap_requests

pytestmark = pytest.mark.integration

SENDER_ON = SendingSettings.model_validate({"CHATIA_SENDER": True})


def name_handler(handler: Handler) -> str:
    """Return the function's name, also that of a partial."""
    name: str = getattr(handler, "func", handler).__name__
    return name


HANDLERS = [
    pytest.param(
        wrap_requests(subscription, service), id=f"{name}.{name_handler(subscription.handler)}"
    )
    for name, consumer in CONSUMERS.items()
    for service in [consumer(Settings())]
    for subscription in service.subscriptions
]
TIMERS = [
    pytest.param(timer, id=f"{name}.{timer.name}")
    for name, consumer in CONSUMERS.items()
    for timer in consumer(Settings(sending=SENDER_ON)).timers
]
EXTRA_ROWS = ""  # SQL, set by tests that run a law with a handler of their own
CUTS = {
    "after the first": (1,),
    "into three": (20, 40),
    "into single records": tuple(range(1, 60)),
}
VARYING_COLUMNS = {
    "id",
    "createdAt",
    "updatedAt",
    "uuid",
    "messageId",
    "ticketId",
    "contactId",
    "quotedMsgId",
    "successorId",
    "answer",
    "place",
}
TIMES = {"chatbotAt", "queuedAt", "startedAt", "closedAt", "finishedAt", "ratingAt"}
VARYING_MEMBERS = {
    "ticket_id", "contact_id", "sender_id", "message_id", "ticket_traking_id", "version",
    "successor_ticket_id", "other_ticket_id", "at", "inserted", "updated", "deleted",
}  # fmt: skip


def build_batch(subscription: Subscription, size: int) -> Sequence[BaseModel]:
    """Return so many events of each contract."""
    return [event for contract in subscription.contracts for event in SAMPLES[contract].batch(size)]


@asynccontextmanager
async def open_world(url: str) -> AsyncIterator[AsyncConnection]:
    """Open a transaction on the rows of `samples.WORLD` and roll it back at the end."""
    address = DatabaseSettings.model_validate({"DATABASE_URL": url}).url
    engine = create_async_engine(address, poolclass=NullPool)
    async with engine.connect() as conn:
        await conn.execute(text("SELECT"))  # the transaction begins with the first statement
        if EXTRA_ROWS:
            await conn.execute(text(EXTRA_ROWS))
        yield conn
        await conn.rollback()
    await engine.dispose()


async def apply(
    conn: AsyncConnection, subscription: Subscription, batch: Sequence[BaseModel]
) -> Outcome:
    """Run a subscription's handler as a worker does, with isolation of refused events."""
    outcome, _ = await run_handler(conn, subscription.handler, batch)
    return outcome


async def run_recorded(subscription: Subscription, size: int, url: str) -> list[str]:
    """Run a handler once in a fresh world and return its SQL statements."""
    async with open_world(url) as conn:
        with statement_counts.record_statements(conn) as statements:
            await subscription.handler(conn, build_batch(subscription, size))
        return statements


async def dump_rows(conn: AsyncConnection, *, without: set[str]) -> list[tuple[str, str]]:
    """Return the rows of all tables as text, without these columns."""
    rows = await conn.exec_driver_sql(_build_dump(frozenset(without)))
    return sorted((str(row.name), str(row.shown)) for row in rows)


@cache
def _build_dump(without: frozenset[str]) -> str:
    selects = []
    for table in metadata.sorted_tables:
        times = TIMES & set(table.columns.keys()) if without else set()
        removed = ", ".join(f"'{name}'" for name in sorted(without | times))
        is_set = ", ".join(f"'{name}', \"{name}\" IS NOT NULL" for name in sorted(times))
        shown = (
            f"(to_jsonb(t) - ARRAY[{removed}]::text[] || jsonb_build_object({is_set}))::text"
            " AS shown"
        )
        # S608: names of our own tables and columns.
        selects.append(f"SELECT '{table.name}' AS name, {shown} FROM \"{table.name}\" t")  # noqa: S608
    return " UNION ALL ".join(selects)


def list_facts(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the facts as members, without ids and versions that differ between equal runs."""
    facts = [item.fact for item in outcome if isinstance(item, Emit)]
    return [{"type": fact.type, **fact.model_dump(exclude=VARYING_MEMBERS)} for fact in facts]


def list_last_facts(outcome: Outcome) -> list[str]:
    """Return the different facts as sorted text; repeated facts count once."""
    return sorted({f"{fact['type']} {sorted(fact.items())}" for fact in list_facts(outcome)})


def test_every_subscribed_contract_has_a_sample() -> None:
    contracts = {
        contract
        for consumer in CONSUMERS.values()
        for subscription in consumer(Settings()).subscriptions
        for contract in subscription.contracts
    }
    assert contracts == set(SAMPLES)


@pytest.mark.parametrize("subscription", HANDLERS)
async def test_twice_is_once(subscription: Subscription, world_url: str) -> None:
    async with open_world(world_url) as conn:
        await apply(conn, subscription, build_batch(subscription, 60))
        once = await dump_rows(conn, without=set())
        await apply(conn, subscription, build_batch(subscription, 60))
        assert await dump_rows(conn, without=set()) == once


@pytest.mark.parametrize("subscription", HANDLERS)
async def test_where_a_batch_is_cut_changes_nothing(
    subscription: Subscription, world_url: str
) -> None:
    batch = build_batch(subscription, 60)
    async with open_world(world_url) as conn:
        whole_outcome = await apply(conn, subscription, batch)
        whole = await dump_rows(conn, without=VARYING_COLUMNS)
    for name, cuts in CUTS.items():
        async with open_world(world_url) as conn:
            cut_outcome: Outcome = []
            for start, end in zip((0, *cuts), (*cuts, len(batch)), strict=True):
                cut_outcome += await apply(conn, subscription, batch[start:end])
            assert await dump_rows(conn, without=VARYING_COLUMNS) == whole, name
        assert list_last_facts(cut_outcome) == list_last_facts(whole_outcome), name


@pytest.mark.parametrize("subscription", HANDLERS)
async def test_one_bad_record_harms_no_neighbour(
    subscription: Subscription, world_url: str
) -> None:
    good = list(build_batch(subscription, 60))
    bad = SAMPLES[subscription.contracts[0]].impossible()
    async with open_world(world_url) as conn:
        await apply(conn, subscription, good)
        expected = await dump_rows(conn, without=VARYING_COLUMNS)
    async with open_world(world_url) as conn:
        await apply(conn, subscription, [*good[:25], bad, *good[25:]])
        assert await dump_rows(conn, without=VARYING_COLUMNS) == expected


@pytest.mark.parametrize("subscription", HANDLERS)
async def test_the_number_of_statements_does_not_depend_on_the_size(
    subscription: Subscription, world_url: str
) -> None:
    few, many = [await run_recorded(subscription, size, world_url) for size in (4, 150)]
    assert len(few) == len(many)
    assert set(few) == set(many)


@pytest.mark.parametrize("subscription", HANDLERS)
async def test_a_batch_needs_as_many_statements_as_the_table_says(
    subscription: Subscription, world_url: str, request: pytest.FixtureRequest
) -> None:
    counts = [len(await run_recorded(subscription, size, world_url)) for size in (1, 40)]
    assert tuple(counts) == statement_counts.HANDLERS[request.node.callspec.id]


@pytest.mark.parametrize("timer", TIMERS)
async def test_a_timer_needs_as_many_statements_as_the_table_says(
    timer: Timer, world_url: str, request: pytest.FixtureRequest
) -> None:
    async with open_world(world_url) as conn:
        with statement_counts.record_statements(conn) as statements:
            await timer.handler(conn)
    assert len(statements) == statement_counts.TIMERS[request.node.callspec.id]


def test_the_table_of_statements_names_every_handler_and_timer() -> None:
    assert statement_counts.HANDLERS.keys() == {handler.id for handler in HANDLERS}
    assert statement_counts.TIMERS.keys() == {timer.id for timer in TIMERS}
