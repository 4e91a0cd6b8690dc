"""Counts and checksums of tables: the sum of the hashes of all rows, so that order is no matter.

The text of a row lists its columns by name, so that it does not depend on how a table grew. The
hash is the one by which Postgres assigns rows to hash partitions, which is the same in every
version.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.backup.manifest import TableSum
from shared.db.bulk import statement
from shared.db.policies import quote_name, quote_table

# The text of values depends on these.
SETTINGS = """SET LOCAL "DateStyle" = 'ISO, YMD';
SET LOCAL "IntervalStyle" = 'postgres';
SET LOCAL "TimeZone" = 'UTC';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex'"""

COLUMNS = statement("""
SELECT c.relname::text AS name,
       array_agg(a.attname::text ORDER BY a.attname COLLATE "C") AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY c.relname ORDER BY c.relname COLLATE "C"
""")


async def load_columns(conn: AsyncConnection) -> dict[str, list[str]]:
    """Return the columns of each table of the schema public, both in the order of their names."""
    rows = await conn.execute(COLUMNS)
    return {row.name: list(row.columns) for row in rows}


def build_sums(
    columns: Mapping[str, Iterable[str]], conditions: Mapping[str, str] | None = None
) -> str:
    """Return one query of all tables: name, rows, checksum as text.

    With `conditions`, only of those tables, and only of the rows that meet them.
    """
    tables = columns if conditions is None else [name for name in columns if name in conditions]
    return "\nUNION ALL\n".join(
        _build_sum(name, columns[name], (conditions or {}).get(name, "true")) for name in tables
    )


async def sum_tables(
    conn: AsyncConnection, conditions: Mapping[str, str] | None = None
) -> dict[str, TableSum]:
    """Return the sums of all tables, or of the rows that meet conditions, in this transaction."""
    for setting in SETTINGS.split(";"):
        await conn.exec_driver_sql(setting)
    columns = await load_columns(conn)
    if not (query := build_sums(columns, conditions)):
        return {}
    rows = await conn.exec_driver_sql(query)
    return {
        row.name: TableSum(rows=row.rows, checksum=row.checksum, columns=columns[row.name])
        for row in rows
    }


def list_differences(
    expected: Mapping[str, TableSum], found: Mapping[str, tuple[int, str]]
) -> list[str]:
    """Return in words how tables differ from what is expected; `found` has (rows, checksum)."""
    differences = []
    for name, table in expected.items():
        rows, checksum = found.get(name, (0, ""))
        if rows != table.rows:
            differences.append(f"{name} has {rows} rows instead of {table.rows}")
        elif checksum != table.checksum:
            differences.append(f"{name} has other values")
    return differences


def _build_sum(table: str, columns: Iterable[str], condition: str) -> str:
    row = ", ".join(f"t.{quote_name(column)}" for column in columns)
    name = table.replace("'", "''")
    hashed = f'hashtextextended(ROW({row})::text COLLATE "C", 0)'
    return (
        f"SELECT '{name}' AS name, count(*) AS rows, "
        f"COALESCE(sum({hashed}), 0)::text AS checksum "
        f"FROM {quote_table(table)} t WHERE {condition}"
    )
