"""Bloat: pages of tables and indexes that hold far less than they could. An estimate.

What rows need is estimated from planner statistics (rows, and average width of columns), so
nothing is read but the catalogue.
"""

from dataclasses import dataclass

from shared.db.bulk import statement
from shared.doctor.findings import Code, Examined, Finding, Limits, Severity, format_bytes

PAGE = 8_168  # bytes of a page without its header
ROW_HEADER = 28  # bytes: tuple header and line pointer
ENTRY_HEADER = 16  # bytes: index tuple, line pointer, alignment
LEAF_SHARE = 0.9  # of a leaf page that a new B-tree index fills

TABLES = statement("""
SELECT c.relname::text AS name, c.relname::text AS "table", pg_relation_size(c.oid) AS bytes,
       c.reltuples::float8 AS rows, w.width::float8 AS width,
       COALESCE((SELECT option_value::float8 / 100 FROM pg_options_to_table(c.reloptions)
                 WHERE option_name = 'fillfactor'), 1) AS fill
FROM pg_class c, LATERAL (
  SELECT sum((1 - s.null_frac) * s.avg_width) AS width FROM pg_stats s
  WHERE s.schemaname = 'public' AND s.tablename = c.relname) AS w
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND w.width IS NOT NULL
  AND c.reltuples >= 0 AND pg_relation_size(c.oid) >= :least
ORDER BY c.relname
""")

# Columns of an index that are expressions have statistics under the index's own name.
INDEXES = statement("""
SELECT c.relname::text AS name, t.relname::text AS "table", pg_relation_size(c.oid) AS bytes,
       c.reltuples::float8 AS rows, w.width::float8 AS width, 1.0::float8 AS fill
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree',
LATERAL (
  SELECT sum((1 - s.null_frac) * s.avg_width) AS width
  FROM pg_attribute a JOIN pg_stats s ON s.schemaname = 'public' AND s.attname = a.attname
    AND s.tablename IN (t.relname, c.relname)
  WHERE a.attrelid = c.oid OR (a.attrelid = t.oid AND a.attnum = ANY(i.indkey))) AS w
WHERE t.relnamespace = 'public'::regnamespace AND i.indisvalid AND w.width IS NOT NULL
  AND c.reltuples >= 0 AND pg_relation_size(c.oid) >= :least
ORDER BY t.relname, c.relname
""")


@dataclass(frozen=True, slots=True)
class Stored:
    """A table or an index: its bytes, rows, bytes of an average row, and fill factor."""

    name: str
    table: str
    bytes: int
    rows: float
    width: float
    fill: float


async def find(examined: Examined) -> list[Finding]:
    """Find tables and B-tree indexes of which a large part is empty."""
    least = {"least": examined.limits.bloat_bytes}
    tables = [Stored(*row) for row in await examined.conn.execute(TABLES, least)]
    indexes = [Stored(*row) for row in await examined.conn.execute(INDEXES, least)]
    return [
        *(found for each in tables if (found := judge_table(each, examined.limits))),
        *(found for each in indexes if (found := judge_index(each, examined.limits))),
    ]


def judge_table(table: Stored, limits: Limits) -> Finding | None:
    """Return a finding if a table holds much less than its pages could."""
    empty = table.bytes - table.rows * (table.width + ROW_HEADER) / (PAGE / 8192 * table.fill)
    if not _is_much(empty, table.bytes, limits):
        return None
    return Finding(
        Code.TABLE_BLOAT,
        Severity.WARNING,
        f"About {format_bytes(empty)} of {format_bytes(table.bytes)} of {table.name} are empty.",
        "Many rows were deleted or changed. New rows use the space; only a rewrite gives it back "
        "to the disk, and locks the table for as long as it takes.",
        f"chatia db vacuum --full --table {table.name}",
    )


def judge_index(index: Stored, limits: Limits) -> Finding | None:
    """Return a finding if an index holds much less than its pages could."""
    needed = index.rows * (index.width + ENTRY_HEADER) / (PAGE / 8192 * LEAF_SHARE)
    if not _is_much(index.bytes - needed, index.bytes, limits):
        return None
    return Finding(
        Code.INDEX_BLOAT,
        Severity.WARNING,
        f"About {format_bytes(index.bytes - needed)} of {format_bytes(index.bytes)} of the index "
        f"{index.name} are empty.",
        "Many rows were deleted or changed. It is rebuilt while reads and writes go on.",
        f"chatia db reindex --table {index.table}",
    )


def _is_much(empty: float, whole: int, limits: Limits) -> bool:
    return empty >= max(limits.bloat_bytes, limits.bloat_share * whole)
