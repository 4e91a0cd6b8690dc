"""Removes seeds: deletes their rows, unless other rows reference them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.schema import metadata
from shared.seeds.catalogue import Seed, select_seeds
from shared.seeds.insertion import ONE_AT_A_TIME, load_inserted_rows
from shared.seeds.rows import Row

# Children before parents: a user before its company, a company before its plan.
ORDER = ("Users", "CompaniesSettings", "Settings", "Companies", "Plans")

FORGET = statement("""
DELETE FROM "SeedRows" WHERE seed = :seed
""")


@dataclass(frozen=True, slots=True)
class RemovedSeed:
    """A seed, and how many of its rows were deleted."""

    seed: str
    rows: int


class InUseError(Exception):
    """A row of a seed is referenced by rows that no seed inserted."""

    def __init__(self, seed: str, row: Row, users: str) -> None:
        super().__init__(
            f"The seed {seed} cannot be removed: "
            f'its row {row.id} of "{row.table}" is in use by "{users}".'
        )


async def remove_seeds(conn: AsyncConnection, name: str | None = None) -> list[RemovedSeed]:
    """Delete the rows of one seed or of all, in the caller's transaction; raises InUseError."""
    await conn.execute(ONE_AT_A_TIME)
    seeds = list(reversed(select_seeds(name)))
    rows = {seed.name: await load_inserted_rows(conn, seed) for seed in seeds}
    deleted = {row for inserted in rows.values() for row in inserted}
    for seed in seeds:
        await _refuse_if_in_use(conn, seed, rows[seed.name], deleted)
    return [await _remove_seed(conn, seed, rows[seed.name]) for seed in seeds]


async def _refuse_if_in_use(
    conn: AsyncConnection, seed: Seed, rows: Collection[Row], deleted: Collection[Row]
) -> None:
    for row in rows:
        table = metadata.tables[row.table]
        # Locked, so that no new reference to it can be inserted.
        await conn.execute(select(table.c.id).where(table.c.id == row.id).with_for_update())
        for child, refers in _list_references(table, row.id):
            others = (
                refers & child.c.id.not_in(_list_ids(deleted, child)) if "id" in child.c else refers
            )
            if await conn.scalar(select(exists().where(others))):
                raise InUseError(seed.name, row, child.name)


def _list_ids(rows: Collection[Row], table: Table) -> list[int]:
    return [row.id for row in rows if row.table == table.name]


def _list_references(parent: Table, row_id: int) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Yield the columns of all tables that may reference a row."""
    for child in metadata.sorted_tables:
        for key in child.foreign_keys:
            if key.column is parent.c.id:
                yield child, key.parent == row_id


async def _remove_seed(conn: AsyncConnection, seed: Seed, rows: Collection[Row]) -> RemovedSeed:
    removed = 0
    for row in sorted(rows, key=lambda row: ORDER.index(row.table)):
        table = metadata.tables[row.table]
        removed += (await conn.execute(delete(table).where(table.c.id == row.id))).rowcount
    await conn.execute(FORGET, {"seed": seed.name})
    return RemovedSeed(seed.name, removed)
