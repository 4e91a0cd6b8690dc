"""Purges among others: one that cannot go on, and rows that find another parent meanwhile."""

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

from shared.delivery import checkpoints
from shared.records import steps
from shared.records.hanging import Step, steps_of
from shared.records.purges import purging
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
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(url)
    yield made
    await made.close()


@asynccontextmanager
async def engine_on(url: str) -> AsyncIterator[AsyncEngine]:
    asynchronous = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    made = create_async_engine(asynchronous, poolclass=NullPool)
    yield made
    await made.dispose()


@pytest_asyncio.fixture
async def rows(migrated_url: str) -> AsyncIterator[Rows]:
    async with connected(migrated_url) as conn:
        yield await minimal.rows(migrated_url, conn)


async def purge(conn: asyncpg.Connection, table: str, company: int, row_id: int) -> int:
    """Put a row under purge, as a request does."""
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


async def ticks(engine: AsyncEngine, times: int = 20) -> None:
    """Let every service do its part, by default more often than a purge of one row needs."""
    for _ in range(times):
        for service in SERVICES:
            async with engine.begin() as conn:
                await purging(service).handler(conn)


async def test_where_nothing_is_under_purge_a_service_idles(migrated_url: str) -> None:
    timer = purging("tickets")
    async with engine_on(migrated_url) as engine, engine.begin() as conn:
        assert await timer.handler(conn) is None
    assert timer.pause_s(idles=True) > timer.pause_s(idles=False)


async def test_a_purge_that_cannot_go_on_lets_the_others_end(migrated_url: str, rows: Rows) -> None:
    company = await rows.company()
    held, free = [await rows.insert("Queues", company) for _ in range(2)]
    async with connected(migrated_url) as conn, engine_on(migrated_url) as engine:
        await conn.execute('CREATE TABLE "Holds" (id int REFERENCES "Queues" (id))')
        await conn.execute('INSERT INTO "Holds" VALUES ($1)', held["id"])
        stuck = await purge(conn, "Queues", company, held["id"])
        other = await purge(conn, "Queues", company, free["id"])

        with pytest.raises(IntegrityError, match="Holds"):
            await ticks(engine)

        assert await conn.fetchval(FINISHED, other)
        assert not await conn.fetchval(FINISHED, stuck)
        await conn.execute('DROP TABLE "Holds"')
        await ticks(engine, 1)
        assert await conn.fetchval(FINISHED, stuck)


@pytest.mark.parametrize(("days", "known"), [(29, {"7": True}), (31, None)])
async def test_for_thirty_days_batches_are_told_that_a_company_was_deleted(
    migrated_url: str, days: int, known: dict[str, bool] | None
) -> None:
    place = TopicPartition("t", 0)
    async with connected(migrated_url) as conn, engine_on(migrated_url) as engine:
        purge_id = await purge(conn, "Companies", 7, 7)
        await conn.execute(
            'UPDATE "Purges" SET "finishedAt" = now() - $2 * interval \'1 day\' WHERE id = $1',
            purge_id,
            days,
        )
        async with engine.begin() as batch:
            await checkpoints.create(batch, "tickets", {place: 0})
            held = await checkpoints.lock(batch, "tickets", [place])
    assert held[place].leaving == known


@pytest.mark.parametrize(
    ("root", "step", "column"),
    [("Tickets", "Messages", "ticketId"), ("Users", "Tickets.userId", "userId")],
)
async def test_a_row_that_finds_another_parent_while_it_is_waited_for_stays_with_it(
    migrated_url: str, rows: Rows, root: str, step: str, column: str
) -> None:
    (found,) = [each for each in steps_of(root) if each.name == step]
    company = await rows.company()
    going, staying = [await rows.insert(root, company) for _ in range(2)]
    row = await rows.insert(found.table, company, {column: going["id"]})
    async with connected(migrated_url) as conn, engine_on(migrated_url) as engine:
        purge_id = await purge(conn, root, company, going["id"])
        moving = conn.transaction()
        await moving.start()
        moved = f'UPDATE "{found.table}" SET "{column}" = $1 WHERE id = $2'  # noqa: S608 - our own tables
        await conn.execute(moved, staying["id"], row["id"])
        removing = asyncio.create_task(remove(engine, purge_id, root, found))
        await somebody_waits(migrated_url)
        await moving.commit()

        assert await removing == 0
        parent = f'SELECT "{column}" FROM "{found.table}" WHERE id = $1'  # noqa: S608 - our own tables
        assert await conn.fetchval(parent, row["id"]) == staying["id"]


async def remove(engine: AsyncEngine, purge_id: int, root: str, step: Step) -> int:
    async with engine.begin() as conn:
        return await steps.carry(conn, purge_id, root, step, step.owner, 1_000)


async def somebody_waits(url: str) -> None:
    """Wait until one transaction of a database waits for another."""
    async with connected(url) as conn:
        while await conn.fetch(NOBODY_WAITS):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.02)
