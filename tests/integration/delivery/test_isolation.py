"""Isolation by class of database error: decided again, traced to its event, or raised."""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.outcome import Outcome
from shared.db.engine import create_engine
from shared.delivery.batch.isolation import MOST_RACES, run_handler
from shared.settings import DatabaseSettings

pytestmark = pytest.mark.integration

TABLES = (
    "CREATE TABLE parent (id int PRIMARY KEY)",
    "CREATE TABLE probe (n int UNIQUE CHECK (n <> 7), parent int REFERENCES parent)",
)


class Number(BaseModel):
    n: int
    parent: int | None = None


class Inserting:
    """A handler that inserts its batch in one statement, and records the sizes of its batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def handler(self, conn: AsyncConnection, batch: Sequence[Number]) -> Outcome:
        self.batches.append(len(batch))
        values = ", ".join(f"({number.n}, {number.parent or 'NULL'})" for number in batch)
        await conn.execute(text(f"INSERT INTO probe VALUES {values}"))  # noqa: S608 - numbers
        return []


@pytest_asyncio.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    made = create_engine(DatabaseSettings.model_validate({"DATABASE_URL": database_url}), "test")
    async with made.begin() as conn:
        for table in TABLES:
            await conn.execute(text(table))
    yield made
    await made.dispose()


async def stored(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as conn:
        return list((await conn.execute(text("SELECT n FROM probe ORDER BY n"))).scalars())


async def test_a_data_error_refuses_its_own_event_only(
    engine: AsyncEngine,
) -> None:
    inserting = Inserting()
    async with engine.begin() as conn:
        _, refused = await run_handler(conn, inserting.handler, [Number(n=n) for n in range(64)])
    assert [(each.cause.n, each.sqlstate) for each in refused] == [(7, "23514")]  # type: ignore[attr-defined]
    assert await stored(engine) == [n for n in range(64) if n != 7]
    assert len(inserting.batches) == 1 + 2 * 6, "halving, not one by one"


async def test_a_fact_that_breaks_its_contract_refuses_its_own_event_only(
    engine: AsyncEngine,
) -> None:
    inserting = Inserting()

    async def validating(conn: AsyncConnection, batch: Sequence[Number]) -> Outcome:
        await inserting.handler(conn, batch)
        for number in batch:
            Number.model_validate({"n": None if number.n == 5 else number.n})
        return []

    async with engine.begin() as conn:
        _, refused = await run_handler(conn, validating, [Number(n=n) for n in range(6)])
    assert [(each.cause.n, each.reason) for each in refused] == [(5, "untellable")]  # type: ignore[attr-defined]
    assert refused[0].detail == "n: an integer is wanted"
    assert await stored(engine) == [0, 1, 2, 3, 4]


async def test_a_unique_key_that_another_worker_took_is_decided_again(
    engine: AsyncEngine,
) -> None:
    inserting = Inserting()

    async def looking_again(conn: AsyncConnection, batch: Sequence[Number]) -> Outcome:
        if inserting.batches:
            taken = set((await conn.execute(text("SELECT n FROM probe"))).scalars())
            batch = [number for number in batch if number.n not in taken]
        return await inserting.handler(conn, batch)

    async with engine.begin() as other:
        await other.execute(text("INSERT INTO probe VALUES (1)"))
    async with engine.begin() as conn:
        _, refused = await run_handler(conn, looking_again, [Number(n=1), Number(n=2)])
    assert (refused, await stored(engine), inserting.batches) == ([], [1, 2], [2, 1])


async def test_a_unique_key_that_stays_taken_refuses_the_event(engine: AsyncEngine) -> None:
    inserting = Inserting()
    async with engine.begin() as other:
        await other.execute(text("INSERT INTO probe VALUES (1)"))
    async with engine.begin() as conn:
        _, refused = await run_handler(conn, inserting.handler, [Number(n=1)])
    assert [each.sqlstate for each in refused] == ["23505"]
    assert len(inserting.batches) == 1 + MOST_RACES


async def test_a_missing_foreign_row_is_decided_once_more(engine: AsyncEngine) -> None:
    inserting = Inserting()

    async def inserting_parent(conn: AsyncConnection, batch: Sequence[Number]) -> Outcome:
        if inserting.batches:
            async with engine.begin() as other:
                await other.execute(text("INSERT INTO parent VALUES (5) ON CONFLICT DO NOTHING"))
        return await inserting.handler(conn, batch)

    async with engine.begin() as conn:
        _, refused = await run_handler(conn, inserting_parent, [Number(n=1, parent=5)])
    assert (refused, await stored(engine), len(inserting.batches)) == ([], [1], 2)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "25006", "53100", "57P01"])
async def test_an_error_of_the_servers_is_raised(engine: AsyncEngine, sqlstate: str) -> None:
    async def failing(conn: AsyncConnection, _: Sequence[Number]) -> Outcome:
        await conn.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{sqlstate}'; END $$"))
        return []

    with pytest.raises(DBAPIError):
        async with engine.begin() as conn:
            await run_handler(conn, failing, [Number(n=1), Number(n=2)])
