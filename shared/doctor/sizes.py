"""Sizes of the database and its tables, and how fast they grow by the samples that are kept.

A sample is kept a day, in the row of "Deployment": {"at": seconds since 1970, "database": bytes,
"tables": {name: bytes}}; of the tables only those of a megabyte and more.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.doctor.findings import MB

SAMPLED_BYTES = MB
EVERY_S = 20 * 3600  # less than a day, so that a daily run is never too early
KEPT = 100
PERIOD_S = 30 * 86_400  # growth is that of the last month
SHORTEST_S = 3600  # of two samples, below which growth says nothing

DATABASE = statement("""
SELECT current_database() AS name, pg_database_size(current_database())::bigint AS bytes,
       extract(epoch FROM clock_timestamp())::float8 AS at
""")

TABLES = statement("""
SELECT c.relname::text AS name, GREATEST(c.reltuples, s.n_live_tup, 0)::bigint AS rows,
       pg_relation_size(c.oid)::bigint AS main, pg_indexes_size(c.oid)::bigint AS indexes,
       COALESCE(pg_total_relation_size(NULLIF(c.reltoastrelid, 0)), 0)::bigint AS toast,
       pg_total_relation_size(c.oid)::bigint AS total
FROM pg_class c LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
ORDER BY total DESC, c.relname
""")

INDEXES = statement("""
SELECT c.relname::text AS name, pg_relation_size(c.oid)::bigint AS bytes,
       COALESCE(s.idx_scan, 0)::bigint AS scans, i.indisunique AS is_unique,
       i.indisvalid AS is_valid
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
LEFT JOIN pg_stat_all_indexes s ON s.indexrelid = c.oid
WHERE i.indrelid = to_regclass(:table) ORDER BY bytes DESC, c.relname
""")

SAMPLES = statement('SELECT sizes FROM "Deployment"')

KEEP = statement("""
UPDATE "Deployment" SET sizes = (
  SELECT jsonb_agg(kept.sample ORDER BY (kept.sample ->> 'at')::float8) FROM (
    SELECT sample FROM jsonb_array_elements(sizes || CAST(:sample AS jsonb)) AS each(sample)
    ORDER BY (sample ->> 'at')::float8 DESC LIMIT :kept) AS kept)
WHERE NOT EXISTS (
  SELECT FROM jsonb_array_elements(sizes) AS each(sample)
  WHERE (sample ->> 'at')::float8 > CAST(:at AS float8) - CAST(:every AS float8))
""")


@dataclass(frozen=True, slots=True)
class TableSize:
    """The bytes of a table: rows, indexes and TOAST with its index; `rows` is an estimate.

    The total has the free space map and the visibility map, too.
    """

    name: str
    rows: int
    main: int
    indexes: int
    toast: int
    total: int


@dataclass(frozen=True, slots=True)
class IndexSize:
    """The bytes of an index, and how often it was used since statistics began."""

    name: str
    bytes: int
    scans: int
    is_unique: bool
    is_valid: bool


@dataclass(frozen=True, slots=True)
class Sizes:
    """The database and its tables at a moment, in seconds since 1970, the largest first."""

    database: str
    at: float
    bytes: int
    tables: Sequence[TableSize]


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes a day of the database and of tables, over so many seconds until now."""

    seconds: float
    database: float
    tables: Mapping[str, float]


async def load_sizes(conn: AsyncConnection) -> Sizes:
    """Load the sizes of the database and of its tables."""
    tables = [TableSize(*row) for row in await conn.execute(TABLES)]
    database = (await conn.execute(DATABASE)).one()
    return Sizes(database.name, database.at, database.bytes, tables)


async def load_index_sizes(conn: AsyncConnection, table: str) -> list[IndexSize]:
    """Load the indexes of a table, given as a quoted name, the largest first."""
    return [IndexSize(*row) for row in await conn.execute(INDEXES, {"table": table})]


async def load_samples(conn: AsyncConnection) -> list[Mapping[str, Any]]:
    """Load the samples that are kept, the oldest first."""
    return list((await conn.execute(SAMPLES)).scalar_one())


async def keep_sample(conn: AsyncConnection, sizes: Sizes) -> None:
    """Keep a sample unless one of this day is there; the oldest of more than a hundred is dropped.

    Raises DBAPIError (42501) if the login may not write "Deployment".
    """
    await conn.execute(
        KEEP,
        {"sample": json.dumps(build_sample(sizes)), "kept": KEPT, "at": sizes.at, "every": EVERY_S},
    )


def build_sample(sizes: Sizes) -> dict[str, Any]:
    """Return what is kept of sizes."""
    large = {table.name: table.total for table in sizes.tables if table.total >= SAMPLED_BYTES}
    return {"at": sizes.at, "database": sizes.bytes, "tables": large}


def compute_growth(samples: Iterable[Mapping[str, Any]], sizes: Sizes) -> Growth | None:
    """Return the growth since the oldest sample of the last month; None if there is none.

    A table that was too small to be in that sample is left out.
    """
    in_time = [s for s in samples if SHORTEST_S <= sizes.at - s["at"] <= PERIOD_S]
    if not in_time:
        return None
    oldest = min(in_time, key=lambda sample: sample["at"])
    seconds = sizes.at - oldest["at"]
    days = seconds / 86_400
    return Growth(
        seconds,
        (sizes.bytes - oldest["database"]) / days,
        {
            table.name: (table.total - oldest["tables"][table.name]) / days
            for table in sizes.tables
            if table.name in oldest["tables"]
        },
    )
