"""Indexes and foreign keys, which are dropped before many rows are inserted, and created after.

Checked and sorted for all rows at once they take a fraction of the time. Unique keys stay.
"""

from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement

# For sorting: the server's default would do it in many passes.
MORE_MEMORY = statement("SET LOCAL maintenance_work_mem = '256MB'")

# Text that is ready to be executed: names are quoted by Postgres.
FOREIGN_KEYS = statement("""
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname) AS drop,
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname,
              pg_get_constraintdef(c.oid)) AS create
FROM unnest(CAST(:tables AS text[])) AS t(name)
JOIN pg_constraint c ON c.conrelid = format('public.%I', t.name)::regclass
WHERE c.contype = 'f' AND c.convalidated
ORDER BY c.conrelid, c.conname
""")

INDEXES = statement("""
SELECT format('DROP INDEX %s', i.indexrelid::regclass) AS drop,
       pg_get_indexdef(i.indexrelid) AS create
FROM unnest(CAST(:tables AS text[])) AS t(name)
JOIN pg_index i ON i.indrelid = format('public.%I', t.name)::regclass
WHERE NOT i.indisunique AND i.indisvalid
ORDER BY i.indrelid, i.indexrelid
""")


class Definition(NamedTuple):
    """The statements that drop an index or a foreign key, and create it again."""

    drop: str
    create: str


async def drop_definitions(conn: AsyncConnection, tables: Iterable[str]) -> list[Definition]:
    """Drop the foreign keys and indexes of tables; return them in the order to create them."""
    parameters = {"tables": list(tables)}
    keys = [Definition(*row) for row in await conn.execute(FOREIGN_KEYS, parameters)]
    indexes = [Definition(*row) for row in await conn.execute(INDEXES, parameters)]
    for definition in (*keys, *indexes):
        await conn.exec_driver_sql(definition.drop)
    return [*indexes, *keys]


async def create_definitions(
    conn: AsyncConnection, definitions: Iterable[Definition]
) -> AsyncIterator[None]:
    """Create indexes, then foreign keys, which checks all rows; yield after each of them."""
    await conn.execute(MORE_MEMORY)
    for definition in definitions:
        await conn.exec_driver_sql(definition.create)
        yield
