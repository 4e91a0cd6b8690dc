"""Inserts seeds, and remembers which rows they added."""

from collections.abc import Iterable
from dataclasses import dataclass
from secrets import token_urlsafe

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import columns, statement
from shared.schema import metadata
from shared.seeds.catalogue import Seed, select_seeds
from shared.seeds.rows import Row

# Serialises processes that insert seeds concurrently.
ONE_AT_A_TIME = statement('LOCK TABLE "SeedRows" IN EXCLUSIVE MODE')

INSERTED_ROWS = statement("""
SELECT "tableName", "rowId" FROM "SeedRows" WHERE seed = :seed ORDER BY "tableName", "rowId"
""")

REMEMBER_ROWS = statement("""
INSERT INTO "SeedRows" (seed, "tableName", "rowId")
SELECT :seed, b.* FROM unnest(CAST(:table AS text[]), CAST(:id AS int[])) AS b
ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class InsertedSeed:
    """A seed and its number of new rows; `password` is set when it was generated."""

    seed: str
    rows: int
    password: str | None = None


async def insert_seeds(
    conn: AsyncConnection, name: str | None = None, *, password: str | None = None
) -> list[InsertedSeed]:
    """Insert one seed or all, in the caller's transaction; seeds with rows are left alone.

    Without a `password` the administrator gets a random one.
    """
    await conn.execute(ONE_AT_A_TIME)
    return [await _insert_seed(conn, seed, password) for seed in select_seeds(name)]


async def load_inserted_rows(conn: AsyncConnection, seed: Seed) -> list[Row]:
    """Return the rows that a seed has inserted; some may be deleted."""
    return [Row(*row) for row in await conn.execute(INSERTED_ROWS, {"seed": seed.name})]


async def _insert_seed(conn: AsyncConnection, seed: Seed, password: str | None) -> InsertedSeed:
    # A seed whose rows exist is not inserted again, even if users have renamed them.
    if await _has_rows(conn, await load_inserted_rows(conn, seed)):
        return InsertedSeed(seed.name, 0)
    used = password or token_urlsafe(12)
    rows = await seed.insert(conn, used)
    if rows:
        await conn.execute(REMEMBER_ROWS, {"seed": seed.name, **columns(rows, ("table", "id"))})
    is_new = not password and any(row.table == "Users" for row in rows)
    return InsertedSeed(seed.name, len(rows), used if is_new else None)


async def _has_rows(conn: AsyncConnection, rows: Iterable[Row]) -> bool:
    for row in rows:
        table = metadata.tables[row.table]
        if await conn.scalar(select(exists().where(table.c.id == row.id))):
            return True
    return False
