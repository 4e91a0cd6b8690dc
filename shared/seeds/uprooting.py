"""Uprooting: a seed's own rows go, unless rows of others refer to them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.schema import metadata
from shared.seeds.catalogue import Seed, chosen
from shared.seeds.planting import ONE_AT_A_TIME, planted_rows
from shared.seeds.rows import Row

# Parents go last: a company after its user, a plan after its company.
ORDER = ("Users", "CompaniesSettings", "Settings", "Companies", "Plans")

FORGET = statement("""
DELETE FROM "SeedRows" WHERE seed = :seed
""")


@dataclass(frozen=True, slots=True)
class Uprooted:
    """How many rows of one seed were removed."""

    seed: str
    rows: int


class InUseError(Exception):
    """Rows that no seed planted refer to a seed's row, which therefore stays."""

    def __init__(self, seed: str, row: Row, users: str) -> None:
        super().__init__(
            f'The seed {seed} stays: its row {row.id} of "{row.table}" is in use by "{users}".'
        )


async def uproot(conn: AsyncConnection, name: str | None = None) -> list[Uprooted]:
    """Remove the rows of one seed or of all, in the caller's transaction: all, or none."""
    await conn.execute(ONE_AT_A_TIME)
    seeds = list(reversed(chosen(name)))
    rows = {seed.name: await planted_rows(conn, seed) for seed in seeds}
    going = {row for planted in rows.values() for row in planted}
    for seed in seeds:
        await _refuse_if_in_use(conn, seed, rows[seed.name], going)
    return [await _uproot(conn, seed, rows[seed.name]) for seed in seeds]


async def _refuse_if_in_use(
    conn: AsyncConnection, seed: Seed, rows: Collection[Row], going: Collection[Row]
) -> None:
    for row in rows:
        table = metadata.tables[row.table]
        # From here on nobody can begin to refer to it.
        await conn.execute(select(table.c.id).where(table.c.id == row.id).with_for_update())
        for child, refers in _references(table, row.id):
            others = refers & child.c.id.not_in(_ids(going, child)) if "id" in child.c else refers
            if await conn.scalar(select(exists().where(others))):
                raise InUseError(seed.name, row, child.name)


def _ids(rows: Collection[Row], table: Table) -> list[int]:
    return [row.id for row in rows if row.table == table.name]


def _references(parent: Table, row_id: int) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Find every column of every table that can point to a row."""
    for child in metadata.sorted_tables:
        for key in child.foreign_keys:
            if key.column is parent.c.id:
                yield child, key.parent == row_id


async def _uproot(conn: AsyncConnection, seed: Seed, rows: Collection[Row]) -> Uprooted:
    removed = 0
    for row in sorted(rows, key=lambda row: ORDER.index(row.table)):
        table = metadata.tables[row.table]
        removed += (await conn.execute(delete(table).where(table.c.id == row.id))).rowcount
    await conn.execute(FORGET, {"seed": seed.name})
    return Uprooted(seed.name, removed)
