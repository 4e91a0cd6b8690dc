# ruff: noqa: S608 - the names in the SQL are those of mapped tables
"""SQL that finds and writes rows of any table; each statement is built once from its table.

Rows are passed as one JSON array, so that the statement does not depend on their number or on
which columns they name.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Final, NamedTuple

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.record_request import Row
from shared.db.bulk import ConcurrentUpdateError, rows_as_columns, source, statement
from shared.db.purged import PURGED_TABLES, exclude_purged
from shared.records.protected_columns import PLAN_LIMITS
from shared.records.requested_rows import ExistingRow, Key
from shared.records.tables import RecordTable, get_tables

NOW: Final = statement("SELECT clock_timestamp()")

NEW_IDS: Final = statement("""
SELECT nextval(pg_get_serial_sequence(quote_ident(:table), 'id')) FROM generate_series(1, :count)
""")

# Remaining users, lines and queues of companies by their row of "Plans"; without one, no limit.
ROOM: Final = statement("""
SELECT c.id,
       p.users - (SELECT count(*) FROM "Users" u WHERE u."companyId" = c.id) AS "Users",
       p.connections - (SELECT count(*) FROM "Whatsapps" w WHERE w."companyId" = c.id)
         AS "Whatsapps",
       p.queues - (SELECT count(*) FROM "Queues" q WHERE q."companyId" = c.id) AS "Queues"
FROM "Companies" c JOIN "Plans" p ON p.id = c."planId"
WHERE c.id = ANY(CAST(:company_id AS int[]))
""")


class _Parent(NamedTuple):
    company_id: int | None
    id: int


async def read_now(conn: AsyncConnection) -> datetime:
    """Return the database's time."""
    now: datetime = (await conn.execute(NOW)).scalar_one()
    return now


async def find_rows(
    conn: AsyncConnection, table: RecordTable, keys: Collection[Row]
) -> list[ExistingRow]:
    """Return the rows with these primary or natural keys."""
    rows = await conn.execute(_build_find(table.name), {"rows": json.dumps(list(keys))})
    size = len(table.key)
    return [ExistingRow(row[0], tuple(row[1 : size + 1]), tuple(row[size + 1 :])) for row in rows]


async def reserve_ids(conn: AsyncConnection, table: RecordTable, count: int) -> list[int]:
    """Reserve and return the next ids of a table's sequence."""
    rows = await conn.execute(NEW_IDS, {"table": table.name, "count": count})
    return [row[0] for row in rows]


async def find_parents(
    conn: AsyncConnection, table: str, parents: Collection[tuple[int | None, int]]
) -> set[tuple[str, int | None, int]]:
    """Return which rows exist and are not purged, as (table, company, id)."""
    ordered = [_Parent(*parent) for parent in sorted(parents, key=lambda p: (p[0] or 0, p[1]))]
    rows = await conn.execute(_build_find_parents(table), rows_as_columns(ordered, _Parent))
    return {(table, row[0], row[1]) for row in rows}


async def load_remaining_rows(
    conn: AsyncConnection, companies: Iterable[int]
) -> dict[tuple[str, int | None], int]:
    """Return the remaining number of rows by limited table and company."""
    rows = (await conn.execute(ROOM, {"company_id": sorted(companies)})).mappings()
    return {
        (name, row["id"]): max(0, row[name])
        for row in rows
        for name in PLAN_LIMITS
        if row[name] is not None
    }


async def insert_rows(conn: AsyncConnection, table: str, rows: Mapping[Key, Row]) -> None:
    """Insert rows; columns that a row does not name get their defaults."""
    await conn.execute(_build_insert(table), {"rows": _to_json(rows)})


async def update_rows(conn: AsyncConnection, table: str, rows: Mapping[Key, Row]) -> None:
    """Update the columns that each row names; raises ConcurrentUpdateError if a row is gone."""
    updated = await conn.execute(_build_update(table), {"rows": _to_json(rows)})
    if len(updated.all()) < len(rows):
        raise ConcurrentUpdateError


async def delete_rows(conn: AsyncConnection, table: str, keys: Iterable[Key]) -> None:
    """Delete rows; foreign keys with ON DELETE CASCADE delete their children."""
    names = get_tables()[table].key
    rows = {key: dict(zip(names, key, strict=True)) for key in keys}
    await conn.execute(_build_delete(table), {"rows": _to_json(rows)})


def _to_json(rows: Mapping[Key, Row]) -> str:
    return json.dumps([row for _, row in sorted(rows.items())])


@cache
def _build_find(name: str) -> TextClause:
    table = get_tables()[name]
    company = f't."{table.company_column}"' if table.company_column else "NULL::int"
    selected = ", ".join(
        (company, *_quote_names(table.key, "t"), *_quote_names(table.natural_key, "t"))
    )
    by = [table.key, *([table.natural_key] if table.natural_key else [])]
    same_company = {table.key: _match_company(table), table.natural_key: _match_company(table)}
    if table.is_natural_key_global:
        same_company[table.natural_key] = ""
    selects = [
        f'SELECT {selected} FROM b JOIN "{name}" t ON {same_company[key]}{_match_key(key, table)}'
        for key in by
    ]
    return statement(f"{_build_rows(name)} {' UNION '.join(selects)}")


@cache
def _build_find_parents(name: str) -> TextClause:
    table = get_tables()[name]
    company = f'p."{table.company_column}"' if table.company_column else "NULL::int"
    same = f" AND {company} = b.company_id" if table.company_column else ""
    not_purged = f"WHERE {exclude_purged(name, 'p')}" if name in PURGED_TABLES else ""
    return statement(f"""
SELECT DISTINCT {company}, p.id
FROM {source(_Parent)}
JOIN "{name}" p ON p.id = b.id{same}
{not_purged}
""")


@cache
def _build_insert(name: str) -> TextClause:
    table = get_tables()[name]
    names = [*table.writable_columns, *(["id"] if table.has_id else [])]
    names += [table.company_column] if table.company_column else []
    values = [_build_value(table, column) for column in names]
    return statement(f"""
INSERT INTO "{name}" ({", ".join(_quote_names(names))})
SELECT {", ".join(values)}
FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS r(row)
CROSS JOIN LATERAL jsonb_populate_record(NULL::"{name}", r.row) AS b
ORDER BY {", ".join(_quote_names(table.key, "b"))}
""")


@cache
def _build_update(name: str) -> TextClause:
    table = get_tables()[name]
    written = [column for column in table.writable_columns if column not in table.key]
    values = [f'"{c}" = CASE WHEN r.row ? \'{c}\' THEN b."{c}" ELSE t."{c}" END' for c in written]
    stamp = (
        """"updatedAt" = GREATEST(clock_timestamp(), t."updatedAt" + interval '1 microsecond')"""
    )
    return statement(f"""
UPDATE "{name}" t SET {", ".join([*values, stamp])}
FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS r(row)
CROSS JOIN LATERAL jsonb_populate_record(NULL::"{name}", r.row) AS b
WHERE {_match_key(table.key, table)}
RETURNING 1
""")


@cache
def _build_delete(name: str) -> TextClause:
    table = get_tables()[name]
    return statement(f"""
{_build_rows(name)} DELETE FROM "{name}" t USING b WHERE {_match_key(table.key, table)}
""")


def _build_rows(name: str) -> str:
    return f"""
WITH b AS (SELECT * FROM jsonb_populate_recordset(NULL::"{name}", CAST(:rows AS jsonb)))"""


def _match_company(table: RecordTable) -> str:
    if table.company_column is None:
        return ""
    equal = "IS NOT DISTINCT FROM" if table.is_shared else "="
    return f't."{table.company_column}" {equal} b."{table.company_column}" AND '


def _match_key(key: Sequence[str], table: RecordTable) -> str:
    equal = "IS NOT DISTINCT FROM" if table.nulls_are_equal and key == table.natural_key else "="
    others = [column for column in key if column != table.company_column]
    return " AND ".join(f't."{column}" {equal} b."{column}"' for column in others) or "TRUE"


def _build_value(table: RecordTable, column: str) -> str:
    default = table.columns[column].default
    named = f'b."{column}"'
    if default is None or column == "id":
        return named
    return f"CASE WHEN r.row ? '{column}' THEN {named} ELSE {default} END"


def _quote_names(names: Iterable[str], of: str = "") -> list[str]:
    prefix = f"{of}." if of else ""
    return [f'{prefix}"{name}"' for name in names]
