"""Purges beside others: one that fails, and rows that get another parent meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.delivery.checkpoints import store as checkpoints
from shared.records import purge_sql
from shared.records.purge_runner import build_purge_timer
from shared.records.purge_steps import PurgeStep, build_steps
from shared.schema import SERVICES
from tests.support import minimal
from tests.support.minimal import Rows

pytestmark = pytest.mark.integration

NOBODY_WAITS = """
SELECT FROM (SELECT count(*) AS n FROM pg_stat_activity
             WHERE wait_event_type = 'Lock' AND datname = current_database()) AS waiting
WHERE n = 0
"""
FINISHED = 'SELECT "finishedAt" IS NOT NULL FROM "Purges" WHERE id = $1'


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(url)
    yield made
    await made.close()


@asynccontextmanager
async def open_engine(url: str) -> AsyncIterator[AsyncEngine]:
    asynchronous = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    made = create_async_engine(asynchronous, poolclass=NullPool)
    yield made
    await made.dispose()


@pytest_asyncio.fixture
async def rows(migrated_url: str) -> AsyncIterator[Rows]:
    async with connect(migrated_url) as conn:
        yield await minimal.rows(migrated_url, conn)


async def begin_purge(conn: asyncpg.Connection, table: str, company: int, row_id: int) -> int:
    """Begin a purge of a row, as a request does."""
    purge_id: int = await conn.fetchval(
        """INSERT INTO "Purges" ("companyId", "tableName", "requestId", deleted)
        VALUES ($1, $2, 'r', '{}') RETURNING id""",
        company,
        table,
    )
    await conn.execute(
        'INSERT INTO "PurgedRows" VALUES ($1, $2, $3, $4)', purge_id, table, company, row_id
    )
    return purge_id


async def run_timers(engine: AsyncEngine, times: int = 20) -> None:
    """Run the timer of every service, by default more often than a purge of one row needs."""
    for _ in range(times):
        for service in SERVICES:
            async with engine.begin() as conn:
                await build_purge_timer(service).handler(conn)


async def test_the_timer_idles_without_open_purges(migrated_url: str) -> None:
    timer = build_purge_timer("tickets")
    async with open_engine(migrated_url) as engine, engine.begin() as conn:
        assert await timer.handler(conn) is None
    assert timer.compute_pause_s(is_idle=True) > timer.compute_pause_s(is_idle=False)


async def test_a_purge_that_fails_does_not_stop_the_others(migrated_url: str, rows: Rows) -> None:
    company = await rows.company()
    held, free = [await rows.insert("Queues", company) for _ in range(2)]
    async with connect(migrated_url) as conn, open_engine(migrated_url) as engine:
        await conn.execute('CREATE TABLE "Holds" (id int REFERENCES "Queues" (id))')
        await conn.execute('INSERT INTO "Holds" VALUES ($1)', held["id"])
        stuck = await begin_purge(conn, "Queues", company, held["id"])
        other = await begin_purge(conn, "Queues", company, free["id"])

        with pytest.raises(IntegrityError, match="Holds"):
            await run_timers(engine)

        assert await conn.fetchval(FINISHED, other)
        assert not await conn.fetchval(FINISHED, stuck)
        await conn.execute('DROP TABLE "Holds"')
        await run_timers(engine, 1)
        assert await conn.fetchval(FINISHED, stuck)


@pytest.mark.parametrize(("days", "known"), [(29, {"7": True}), (31, None)])
async def test_checkpoints_know_a_deleted_company_for_thirty_days(
    migrated_url: str, days: int, known: dict[str, bool] | None
) -> None:
    place = TopicPartition("t", 0)
    async with connect(migrated_url) as conn, open_engine(migrated_url) as engine:
        purge_id = await begin_purge(conn, "Companies", 7, 7)
        await conn.execute(
            'UPDATE "Purges" SET "finishedAt" = now() - $2 * interval \'1 day\' WHERE id = $1',
            purge_id,
            days,
        )
        async with engine.begin() as batch:
            await checkpoints.create(batch, "tickets", {place: 0})
            held = await checkpoints.lock(batch, "tickets", [place])
    assert held[place].deleted_tenants == known


@pytest.mark.parametrize(
    ("root", "step", "column"),
    [("Tickets", "Messages", "ticketId"), ("Users", "Tickets.userId", "userId")],
)
async def test_a_row_that_gets_another_parent_meanwhile_is_not_deleted(
    migrated_url: str, rows: Rows, root: str, step: str, column: str
) -> None:
    (found,) = [each for each in build_steps(root) if each.name == step]
    company = await rows.company()
    going, staying = [await rows.insert(root, company) for _ in range(2)]
    row = await rows.insert(found.table, company, {column: going["id"]})
    async with connect(migrated_url) as conn, open_engine(migrated_url) as engine:
        purge_id = await begin_purge(conn, root, company, going["id"])
        moving = conn.transaction()
        await moving.start()
        moved = f'UPDATE "{found.table}" SET "{column}" = $1 WHERE id = $2'  # noqa: S608 - our own tables
        await conn.execute(moved, staying["id"], row["id"])
        removing = asyncio.create_task(remove(engine, purge_id, root, found))
        await wait_for_lock_wait(migrated_url)
        await moving.commit()

        assert await removing == 0
        parent = f'SELECT "{column}" FROM "{found.table}" WHERE id = $1'  # noqa: S608 - our own tables
        assert await conn.fetchval(parent, row["id"]) == staying["id"]


async def remove(engine: AsyncEngine, purge_id: int, root: str, step: PurgeStep) -> int:
    async with engine.begin() as conn:
        return await purge_sql.run_step(conn, purge_id, root, step, step.owner, 1_000)


async def wait_for_lock_wait(url: str) -> None:
    """Wait until one transaction of a database waits for another."""
    async with connect(url) as conn:
        while await conn.fetch(NOBODY_WAITS):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.02)
