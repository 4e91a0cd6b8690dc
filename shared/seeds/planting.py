"""Planting: each seed's rows, and a note of those that were not there before."""

from collections.abc import Iterable
from dataclasses import dataclass
from secrets import token_urlsafe

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import columns, statement
from shared.schema import metadata
from shared.seeds.catalogue import Seed, chosen
from shared.seeds.rows import Row

# Two that plant or uproot at once would each believe what the other is about to change.
ONE_AT_A_TIME = statement('LOCK TABLE "SeedRows" IN EXCLUSIVE MODE')

PLANTED = statement("""
SELECT "tableName", "rowId" FROM "SeedRows" WHERE seed = :seed ORDER BY "tableName", "rowId"
""")

NOTE = statement("""
INSERT INTO "SeedRows" (seed, "tableName", "rowId")
SELECT :seed, b.* FROM unnest(CAST(:table AS text[]), CAST(:id AS int[])) AS b
ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Planted:
    """What came of one seed; `password` is there when it was made up and must be told."""

    seed: str
    rows: int
    password: str | None = None


async def plant(
    conn: AsyncConnection, name: str | None = None, *, password: str | None = None
) -> list[Planted]:
    """Plant one seed or all, in the caller's transaction; what grows already is left alone.

    Without a `password` the administrator gets a random one.
    """
    await conn.execute(ONE_AT_A_TIME)
    return [await _plant(conn, seed, password) for seed in chosen(name)]


async def planted_rows(conn: AsyncConnection, seed: Seed) -> list[Row]:
    """List the rows that a seed has planted, some of which may be gone."""
    return [Row(*row) for row in await conn.execute(PLANTED, {"seed": seed.name})]


async def _plant(conn: AsyncConnection, seed: Seed, password: str | None) -> Planted:
    # Rows that people have renamed since are still the seed's: it is not planted beside them.
    if await _any_is_alive(conn, await planted_rows(conn, seed)):
        return Planted(seed.name, 0)
    used = password or token_urlsafe(12)
    rows = await seed.insert(conn, used)
    if rows:
        await conn.execute(NOTE, {"seed": seed.name, **columns(rows, ("table", "id"))})
    is_new = not password and any(row.table == "Users" for row in rows)
    return Planted(seed.name, len(rows), used if is_new else None)


async def _any_is_alive(conn: AsyncConnection, rows: Iterable[Row]) -> bool:
    for row in rows:
        table = metadata.tables[row.table]
        if await conn.scalar(select(exists().where(table.c.id == row.id))):
            return True
    return False
