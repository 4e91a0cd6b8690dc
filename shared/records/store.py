# ruff: noqa: S608 - the names in the statements are those of our own tables
"""Finding and writing rows of any table: each statement is made from its table, once.

Rows travel as one JSON array, so that a statement is the same for every number of rows and for
every choice of columns.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Final

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.record_request import Row
from shared.db.bulk import RacedError, statement
from shared.db.purged import PURGED, stays
from shared.records.asking import Found, Key
from shared.records.rights import LIMITED
from shared.records.tables import RecordTable, tables

NOW: Final = statement("SELECT clock_timestamp()")

NEW_IDS: Final = statement("""
SELECT nextval(pg_get_serial_sequence(quote_ident(:table), 'id')) FROM generate_series(1, :count)
""")

# How many more users, lines and queues the company's plan allows; no plan is no limit.
ROOM: Final = statement("""
SELECT c.id,
       p.users - (SELECT count(*) FROM "Users" u WHERE u."companyId" = c.id) AS "Users",
       p.connections - (SELECT count(*) FROM "Whatsapps" w WHERE w."companyId" = c.id)
         AS "Whatsapps",
       p.queues - (SELECT count(*) FROM "Queues" q WHERE q."companyId" = c.id) AS "Queues"
FROM "Companies" c JOIN "Plans" p ON p.id = c."planId"
WHERE c.id = ANY(CAST(:company_id AS int[]))
""")


async def now(conn: AsyncConnection) -> datetime:
    """Ask for the database's time."""
    found: datetime = (await conn.execute(NOW)).scalar_one()
    return found


async def find(conn: AsyncConnection, table: RecordTable, keys: Collection[Row]) -> list[Found]:
    """Find rows by their primary or natural keys, each with its company."""
    rows = await conn.execute(_find(table.name), {"rows": json.dumps(list(keys))})
    size = len(table.key)
    return [Found(row[0], tuple(row[1 : size + 1]), tuple(row[size + 1 :])) for row in rows]


async def new_ids(conn: AsyncConnection, table: RecordTable, count: int) -> list[int]:
    """Draw ids for so many new rows."""
    rows = await conn.execute(NEW_IDS, {"table": table.name, "count": count})
    return [row[0] for row in rows]


async def parents(
    conn: AsyncConnection, table: str, named: Collection[tuple[int | None, int]]
) -> set[tuple[str, int | None, int]]:
    """Give those of the named (company, id) that are there to stay, as (table, company, id)."""
    ordered = sorted(named, key=lambda one: (one[0] or 0, one[1]))
    given = {"company_id": [one[0] for one in ordered], "id": [one[1] for one in ordered]}
    return {(table, row[0], row[1]) for row in await conn.execute(_parents(table), given)}


async def room(
    conn: AsyncConnection, companies: Iterable[int]
) -> dict[tuple[str, int | None], int]:
    """Read how many more rows of the limited tables companies may have."""
    rows = (await conn.execute(ROOM, {"company_id": sorted(companies)})).mappings()
    return {
        (name, row["id"]): max(0, row[name])
        for row in rows
        for name in LIMITED
        if row[name] is not None
    }


async def insert(conn: AsyncConnection, table: str, rows: Mapping[Key, Row]) -> None:
    """Insert rows; columns that are not named get their defaults."""
    await conn.execute(_insert(table), {"rows": _json(rows)})


async def update(conn: AsyncConnection, table: str, rows: Mapping[Key, Row]) -> None:
    """Write the columns that are named; raises RacedError where a row is gone meanwhile."""
    written = await conn.execute(_update(table), {"rows": _json(rows)})
    if len(written.all()) < len(rows):
        raise RacedError


async def delete(conn: AsyncConnection, table: str, keys: Iterable[Key]) -> None:
    """Delete rows; what their foreign keys take along goes with them."""
    names = tables()[table].key
    rows = {key: dict(zip(names, key, strict=True)) for key in keys}
    await conn.execute(_delete(table), {"rows": _json(rows)})


def _json(rows: Mapping[Key, Row]) -> str:
    return json.dumps([row for _, row in sorted(rows.items())])


@cache
def _find(name: str) -> TextClause:
    table = tables()[name]
    company = f't."{table.company}"' if table.company else "NULL::int"
    wanted = ", ".join((company, *_listed(table.key, "t"), *_listed(table.natural, "t")))
    by = [table.key, *([table.natural] if table.natural else [])]
    same_company = {table.key: _same_company(table), table.natural: _same_company(table)}
    if table.is_natural_for_all:
        same_company[table.natural] = ""
    selects = [
        f'SELECT {wanted} FROM b JOIN "{name}" t ON {same_company[key]}{_same(key, table)}'
        for key in by
    ]
    return statement(f"{_rows(name)} {' UNION '.join(selects)}")


@cache
def _parents(name: str) -> TextClause:
    table = tables()[name]
    company = f'p."{table.company}"' if table.company else "NULL::int"
    same = f" AND {company} = b.company_id" if table.company else ""
    there = f"WHERE {stays(name, 'p')}" if name in PURGED else ""
    return statement(f"""
SELECT DISTINCT {company}, p.id
FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[])) AS b(company_id, id)
JOIN "{name}" p ON p.id = b.id{same}
{there}
""")


@cache
def _insert(name: str) -> TextClause:
    table = tables()[name]
    names = [*table.writable, *(["id"] if table.has_id else [])]
    names += [table.company] if table.company else []
    values = [_value(table, column) for column in names]
    return statement(f"""
INSERT INTO "{name}" ({", ".join(_listed(names))})
SELECT {", ".join(values)}
FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS r(row)
CROSS JOIN LATERAL jsonb_populate_record(NULL::"{name}", r.row) AS b
ORDER BY {", ".join(_listed(table.key, "b"))}
""")


@cache
def _update(name: str) -> TextClause:
    table = tables()[name]
    written = [column for column in table.writable if column not in table.key]
    values = [f'"{c}" = CASE WHEN r.row ? \'{c}\' THEN b."{c}" ELSE t."{c}" END' for c in written]
    grown = (
        """"updatedAt" = GREATEST(clock_timestamp(), t."updatedAt" + interval '1 microsecond')"""
    )
    return statement(f"""
UPDATE "{name}" t SET {", ".join([*values, grown])}
FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS r(row)
CROSS JOIN LATERAL jsonb_populate_record(NULL::"{name}", r.row) AS b
WHERE {_same(table.key, table)}
RETURNING 1
""")


@cache
def _delete(name: str) -> TextClause:
    table = tables()[name]
    return statement(f"""
{_rows(name)} DELETE FROM "{name}" t USING b WHERE {_same(table.key, table)}
""")


def _rows(name: str) -> str:
    return f"""
WITH b AS (SELECT * FROM jsonb_populate_recordset(NULL::"{name}", CAST(:rows AS jsonb)))"""


def _same_company(table: RecordTable) -> str:
    if table.company is None:
        return ""
    equal = "IS NOT DISTINCT FROM" if table.is_shared else "="
    return f't."{table.company}" {equal} b."{table.company}" AND '


def _same(key: Sequence[str], table: RecordTable) -> str:
    equal = "IS NOT DISTINCT FROM" if table.nulls_are_equal and key == table.natural else "="
    others = [column for column in key if column != table.company]
    return " AND ".join(f't."{column}" {equal} b."{column}"' for column in others) or "TRUE"


def _value(table: RecordTable, column: str) -> str:
    default = table.columns[column].default
    named = f'b."{column}"'
    if default is None or column == "id":
        return named
    return f"CASE WHEN r.row ? '{column}' THEN {named} ELSE {default} END"


def _listed(names: Iterable[str], of: str = "") -> list[str]:
    prefix = f"{of}." if of else ""
    return [f'{prefix}"{name}"' for name in names]
