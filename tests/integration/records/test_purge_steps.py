"""Purges among others: one that cannot go on, and rows that find another parent meanwhile."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.records import steps
from shared.records.hanging import steps_of
from shared.records.purges import purging
from shared.schema import SERVICES
from tests.support import minimal
from tests.support.minimal import Rows

pytestmark = pytest.mark.integration

WAITING = (
    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
FINISHED = 'SELECT "finishedAt" IS NOT NULL FROM "Purges" WHERE id = $1'


@pytest_asyncio.fixture
async def engine(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    url = migrated_url.replace("postgresql://", "postgresql+asyncpg://", 1)
    made = create_async_engine(url, poolclass=NullPool)
    yield made
    await made.dispose()


@pytest_asyncio.fixture
async def conn(migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(migrated_url)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def rows(migrated_url: str, conn: asyncpg.Connection) -> Rows:
    return await minimal.rows(migrated_url, conn)


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


async def tick(engine: AsyncEngine) -> None:
    """Let every service do its part once."""
    for service in SERVICES:
        async with engine.begin() as conn:
            await purging(service).handler(conn)


async def test_a_purge_that_cannot_go_on_lets_the_others_end(
    engine: AsyncEngine, conn: asyncpg.Connection, rows: Rows
) -> None:
    company = await rows.company()
    held, free = [await rows.insert("Queues", company) for _ in range(2)]
    await conn.execute('CREATE TABLE "Holds" (id int REFERENCES "Queues" (id))')
    await conn.execute('INSERT INTO "Holds" VALUES ($1)', held["id"])
    stuck = await purge(conn, "Queues", company, held["id"])
    other = await purge(conn, "Queues", company, free["id"])

    with pytest.raises(IntegrityError, match="Holds"):
        for _ in range(20):
            await tick(engine)

    assert await conn.fetchval(FINISHED, other)
    assert not await conn.fetchval(FINISHED, stuck)
    await conn.execute('DROP TABLE "Holds"')
    await tick(engine)
    assert await conn.fetchval(FINISHED, stuck)


@pytest.mark.parametrize(
    ("root", "step", "table", "column"),
    [
        ("Tickets", "Messages", "Messages", "ticketId"),
        ("Users", "Tickets.userId", "Tickets", "userId"),
    ],
)
async def test_a_row_that_finds_another_parent_while_it_is_waited_for_stays_with_it(
    engine: AsyncEngine,
    conn: asyncpg.Connection,
    rows: Rows,
    migrated_url: str,
    root: str,
    step: str,
    table: str,
    column: str,
) -> None:
    company = await rows.company()
    going, staying = [await rows.insert(root, company) for _ in range(2)]
    row = await rows.insert(table, company, {column: going["id"]})
    purge_id = await purge(conn, root, company, going["id"])
    (found,) = [each for each in steps_of(root) if each.name == step]

    async def remove() -> int:
        async with engine.begin() as purging_conn:
            return await steps.carry(purging_conn, purge_id, root, found, found.owner, 1_000)

    moving = conn.transaction()
    await moving.start()
    moved = f'UPDATE "{table}" SET "{column}" = $1 WHERE id = $2'  # noqa: S608 - our own tables
    await conn.execute(moved, staying["id"], row["id"])
    removing = asyncio.create_task(remove())
    watching = await asyncpg.connect(migrated_url)
    while await watching.fetchval(f"SELECT NOT EXISTS ({WAITING})"):
        await asyncio.sleep(0.02)
    await watching.close()
    await moving.commit()

    assert await removing == 0
    assert (
        await conn.fetchval(f'SELECT "{column}" FROM "{table}" WHERE id = $1', row["id"])
        == (  # noqa: S608
            staying["id"]
        )
    )
