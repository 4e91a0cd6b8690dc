"""Inserts generated rows into a database, all of them in one transaction, or none."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import rows_as_columns, source, statement
from shared.generate.chunks import Chunk, GroupState
from shared.generate.definitions import create_definitions, drop_definitions
from shared.generate.rows import TABLES
from shared.generate.stream import Options, RowStream

# Keeps other commands and workers from inserting companies until the end.
ONE_AT_A_TIME = statement('LOCK TABLE "Companies" IN SHARE ROW EXCLUSIVE MODE')

USES = statement("""
SELECT (SELECT count(*) FROM "Workers") AS workers,
       (SELECT count(*) FROM "Companies" c
        WHERE NOT EXISTS (SELECT FROM "SeedRows" s
                          WHERE s."tableName" = 'Companies' AND s."rowId" = c.id)) AS companies,
       EXISTS (SELECT FROM "Contacts") AS has_contacts
""")

# An id that a sequence has given is not used again, even if its row is gone.
LAST_IDS = statement("""
SELECT c.relname AS table, COALESCE(s.last_value, 0) AS id
FROM unnest(CAST(:tables AS text[])) AS t(name)
JOIN pg_class c ON c.oid = format('public.%I', t.name)::regclass
JOIN pg_sequences s
  ON format('%I.%I', s.schemaname, s.sequencename)
   = pg_get_serial_sequence(format('public.%I', t.name), 'id')
""")

SET_SEQUENCES = statement("""
SELECT setval(pg_get_serial_sequence(format('public.%I', t.name), 'id'), t.id)
FROM unnest(CAST(:tables AS text[]), CAST(:ids AS bigint[])) AS t(name, id)
WHERE t.id > 0
""")

UPDATE_GROUPS = statement(f"""
UPDATE "Tickets" t
SET "unreadMessages" = b.unread, "lastMessage" = b.last_message, "fromMe" = b.from_me,
    "updatedAt" = b.updated_at
FROM {source(GroupState)}
WHERE t."companyId" = b.company_id AND t.id = b.ticket_id
""")

# Gets what is being done, how much of it is done now, and how much there is in all.
Report = Callable[[str, int, int], None]


class InUseError(Exception):
    """The database is in use, so that no rows may be generated into it."""


async def load(conn: AsyncConnection, options: Options, report: Report) -> Counter[str]:
    """Generate rows and insert them; return how many rows each table got.

    The caller has begun a transaction, and commits. Raises InUseError.
    """
    await conn.execute(ONE_AT_A_TIME)
    await _refuse_if_in_use(conn)
    tables = {table: kind for kind, table in TABLES.items() if "id" in kind._fields}
    found = await conn.execute(LAST_IDS, {"tables": list(tables)})
    stream = RowStream(options, {row.table: row.id for row in found})
    definitions = await drop_definitions(conn, TABLES.values())
    counts: Counter[str] = Counter()
    groups: list[GroupState] = []
    for chunk in stream.generate():
        await _insert(conn, chunk)
        groups += chunk.groups
        counts.update({TABLES[kind]: len(rows) for kind, rows in chunk.rows.items()})
        report("Messages", chunk.messages, stream.messages)
    await conn.exec_driver_sql(f"ANALYZE {_list_tables()}")  # for the plans that check the keys
    async for _ in create_definitions(conn, definitions):
        report("Indexes and keys", 1, len(definitions))
    # After the indexes: one that is built over rows with older versions is not used at once.
    await conn.execute(UPDATE_GROUPS, rows_as_columns(groups, GroupState))
    ids = [stream.get_last_id(kind) for kind in tables.values()]
    await conn.execute(SET_SEQUENCES, {"tables": list(tables), "ids": ids})
    return counts


async def vacuum(conn: AsyncConnection) -> None:
    """Vacuum and analyze the tables, as autovacuum would; the connection commits by itself."""
    await conn.exec_driver_sql(f"VACUUM (ANALYZE) {_list_tables()}")


def _list_tables() -> str:
    return ", ".join(f'public."{table}"' for table in TABLES.values())


async def _refuse_if_in_use(conn: AsyncConnection) -> None:
    uses = (await conn.execute(USES)).one()
    if uses.workers:
        raise InUseError(
            f'{uses.workers} rows of "Workers" say that workers use this database: stop them. '
            "The row of a worker that was killed has to be deleted."
        )
    if uses.companies:
        raise InUseError(
            f"The database has {uses.companies} companies beside that of the seeds: rows are "
            "generated only into a new database."
        )
    if uses.has_contacts:
        raise InUseError(
            "The company of the seeds has contacts: rows are generated only into a new database."
        )


async def _insert(conn: AsyncConnection, chunk: Chunk) -> None:
    driver = (await conn.get_raw_connection()).driver_connection
    if not isinstance(driver, asyncpg.Connection):
        raise TypeError("Rows are copied by asyncpg only.")
    for kind, rows in chunk.rows.items():
        if rows:
            await _copy(driver, kind, rows)


async def _copy(driver: asyncpg.Connection, kind: type[Any], rows: Iterable[Any]) -> None:
    await driver.copy_records_to_table(
        TABLES[kind], schema_name="public", columns=kind._fields, records=rows
    )
