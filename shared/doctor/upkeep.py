"""Rebuilds indexes, analyzes and vacuums tables: one statement after another, each reported."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.db.errors import describe_refusal
from shared.db.leftovers import OF_REINDEX, Kind, find_leftovers, repair_leftovers
from shared.db.policies import quote_table
from shared.doctor.findings import format_bytes
from shared.doctor.indexes import find_missing

TABLES = statement("""
SELECT relname::text FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname
""")

INDEXES = statement("""
SELECT c.relname::text AS name, t.relname::text AS "table"
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r' AND i.indisvalid
  AND (CAST(:tables AS text[]) = '{}' OR t.relname = ANY(CAST(:tables AS text[])))
  AND (CAST(:after AS text) = '' OR c.relname > CAST(:after AS text) COLLATE "C")
ORDER BY c.relname COLLATE "C"
""")

SIZE = statement("SELECT pg_relation_size(to_regclass(:name))::bigint")

# VACUUM FULL waits for all users of the table, and all later ones wait behind it.
LOCK_TIMEOUT = text("SET lock_timeout = '10s'")

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """Which indexes are rebuilt: of these tables, all if there are none, after this name."""

    tables: Sequence[str] = ()
    after: str = ""


async def list_tables(conn: AsyncConnection) -> list[str]:
    """Return the names of the tables in the schema `public`."""
    return list((await conn.execute(TABLES)).scalars())


async def reindex(conn: AsyncConnection, what: Rebuilding, report: Report) -> list[str]:
    """Rebuild indexes one by one, while reads and writes go on; return what failed, in words.

    `conn` is in autocommit mode. First the copies are dropped that a broken-off rebuild left. The
    order is that of the names by code points, so that `after` goes on where it ended.
    """
    failed = await _drop_copies(conn, what.tables, report)
    parameters = {"tables": list(what.tables), "after": what.after}
    for row in (await conn.execute(INDEXES, parameters)).all():
        place = quote_table(row.name)
        sql = f"REINDEX INDEX CONCURRENTLY {place}"
        if problem := await _run(conn, f"{row.name} of {row.table}", [sql], report, place):
            failed.append(problem)
    return failed


async def build_missing(conn: AsyncConnection, report: Report) -> list[str]:
    """Build the needed indexes that are missing and can be built; return what failed."""
    failed = []
    for index in (await find_missing(conn)).list_buildable():
        name, place = f"{index.name} of {index.table}", quote_table(index.name)
        if problem := await _run(conn, name, index.statements, report, place):
            failed.append(problem)
    return failed


async def analyze(conn: AsyncConnection, tables: Sequence[str], report: Report) -> list[str]:
    """Compute planner statistics of tables; return what failed."""
    return await _run_each(conn, "ANALYZE", tables, report)


async def vacuum(
    conn: AsyncConnection, tables: Sequence[str], report: Report, *, options: Sequence[str] = ()
) -> list[str]:
    """Remove dead rows and analyze; options are those of VACUUM, such as FULL or FREEZE.

    FULL gives up after 10 s without the lock of a table. Returns what failed.
    """
    await conn.execute(LOCK_TIMEOUT)
    return await _run_each(conn, f"VACUUM ({', '.join([*options, 'ANALYZE'])})", tables, report)


async def _run_each(
    conn: AsyncConnection, command: str, tables: Sequence[str], report: Report
) -> list[str]:
    failed = []
    for table in tables:
        place = quote_table(table)
        if problem := await _run(conn, table, [f"{command} {place}"], report, place):
            failed.append(problem)
    return failed


async def _drop_copies(conn: AsyncConnection, tables: Sequence[str], report: Report) -> list[str]:
    """Drop `…_ccnew` and `…_ccold`, which only a REINDEX CONCURRENTLY makes."""
    copies = [
        each
        for each in await find_leftovers(conn)
        if each.kind is Kind.INDEX
        and OF_REINDEX.search(each.name)
        and (not tables or each.table in tables)
    ]
    done = await repair_leftovers(conn, copies, is_upgrade_pending=False)
    for each in done:
        report(f"{each.leftover}, left by a rebuild that was broken off: {each.result}.")
    return [f"{each.leftover}: {each.result}" for each in done if not each.is_done]


async def _run(
    conn: AsyncConnection, name: str, statements: Sequence[str], report: Report, place: str
) -> str:
    """Run statements in order, and report size and time; return the problem, empty if none."""
    started = time.monotonic()
    before = await conn.scalar(SIZE, {"name": place})
    try:
        for sql in statements:
            await conn.execute(text(sql.replace(":", r"\:")))
    except DBAPIError as error:
        problem = f"{name}: {describe_refusal(error)}"
        report(f"{problem}.")
        return problem
    after = await conn.scalar(SIZE, {"name": place})
    change = format_bytes(after or 0)
    if before is not None and before != after:
        change = f"{format_bytes(before)} before, {change} now"
    report(f"{name}: {change}, {time.monotonic() - started:.1f} s.")
    return ""
