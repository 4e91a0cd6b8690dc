"""Tables, constraints and indexes of a database, read from the catalog of Postgres."""

import re
from typing import Any

import asyncpg

TYPES = {
    "integer": "int",
    "boolean": "bool",
    "double precision": "float8",
    "timestamp with time zone": "timestamptz",
}

TABLES = """
SELECT c.oid, c.relname AS name, c.reloptions::text AS options FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
  AND c.relname <> 'alembic_version'
ORDER BY c.relname
"""

COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS null,
       a.attidentity <> '' AS identity, pg_get_expr(d.adbin, d.adrelid) AS "default"
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

CONSTRAINTS = """
SELECT k.conname AS name, k.contype::text AS kind, k.confdeltype::text AS on_delete,
       k.confupdtype::text AS on_update, k.condeferrable AS deferrable, k.convalidated AS valid,
       k.confrelid::regclass::text AS parent, pg_get_constraintdef(k.oid) AS definition,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(n, o)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o) AS own,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u(n, o)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n
             ORDER BY u.o) AS referred,
       ARRAY(SELECT a.attname::text FROM unnest(k.confdelsetcols) AS u(n)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n) AS set_null
FROM pg_constraint k WHERE k.conrelid = $1 ORDER BY k.conname
"""

INDEXES = """
SELECT c.relname AS name, i.indisunique AS is_unique, i.indisprimary AS is_primary,
       i.indnullsnotdistinct AS nulls_are_equal, pg_get_expr(i.indpred, i.indrelid) AS condition,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true)
                    || CASE WHEN i.indoption[n - 1] & 1 = 1 THEN ' DESC' ELSE '' END
             FROM generate_series(1, i.indnkeyatts) AS n ORDER BY n) AS columns
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = $1 ORDER BY c.relname
"""

ACTIONS = {"a": "NO ACTION", "c": "CASCADE", "n": "SET NULL", "r": "RESTRICT", "d": "SET DEFAULT"}

Table = dict[str, Any]


async def read(url: str) -> dict[str, Table]:
    """Return a description of every table by name."""
    conn = await asyncpg.connect(url)
    try:
        return {
            row["name"]: await _table(conn, row["oid"], row["options"])
            for row in await conn.fetch(TABLES)
        }
    finally:
        await conn.close()


async def leftovers(url: str) -> list[str]:
    """Return the names of all objects in the public schema, without those of extensions."""
    conn = await asyncpg.connect(url)
    try:
        rows = await conn.fetch("""
            SELECT name FROM (
              SELECT oid, relname::text AS name, relnamespace AS schema FROM pg_class
              UNION ALL SELECT oid, typname, typnamespace FROM pg_type
              UNION ALL SELECT oid, proname, pronamespace FROM pg_proc
            ) AS item
            WHERE schema = 'public'::regnamespace
              AND NOT EXISTS (
                SELECT FROM pg_depend d WHERE d.objid = item.oid AND d.deptype IN ('e', 'i'))
        """)
        return sorted({row[0] for row in rows})
    finally:
        await conn.close()


async def _table(conn: asyncpg.Connection, oid: int, options: str | None) -> Table:
    constraints = await conn.fetch(CONSTRAINTS, oid)
    indexes = await conn.fetch(INDEXES, oid)
    return {
        "columns": [_column(row) for row in await conn.fetch(COLUMNS, oid)],
        "primaryKey": next((row["own"] for row in constraints if row["kind"] == "p"), None),
        "foreignKeys": [_foreign_key(row) for row in constraints if row["kind"] == "f"],
        "checks": [
            {"name": row["name"], "sql": row["definition"]}
            for row in constraints
            if row["kind"] == "c"
        ],
        "unique": [_index(row) for row in indexes if row["is_unique"] and not row["is_primary"]],
        "indexes": [_index(row) for row in indexes if not row["is_unique"]],
        "options": options,
    }


def _column(row: asyncpg.Record) -> Table:
    described = {"name": row["name"], "type": _type(row["type"])}
    if row["null"]:
        described["null"] = True
    default = "identity" if row["identity"] else _default(row["default"])
    return described if default is None else described | {"default": default}


def _type(name: str) -> str:
    return TYPES.get(name, name.replace("character varying", "varchar"))


def _default(expression: str | None) -> str | None:
    if expression is None:
        return None
    if expression.startswith("nextval("):
        return "serial"
    return re.sub(r"::[a-z ]+$", "", expression)


def _foreign_key(row: asyncpg.Record) -> Table:
    parent = row["parent"].strip('"')
    on_delete = ACTIONS[row["on_delete"]]
    if row["set_null"]:
        on_delete += f" ({', '.join(row['set_null'])})"
    described = {
        "columns": row["own"],
        "references": f"{parent} ({', '.join(row['referred'])})",
        "onDelete": on_delete,
    }
    if row["on_update"] != "a" or row["deferrable"] or not row["valid"]:
        described["unexpected"] = row["definition"]
    return described


def _index(row: asyncpg.Record) -> Table:
    described = {
        "name": row["name"],
        "columns": [column.replace('"', "") for column in row["columns"]],
    }
    if row["condition"]:
        described["where"] = row["condition"]
    if row["nulls_are_equal"]:
        described["nullsAreEqual"] = True
    return described
