"""What an upgrade would lock on this database, and for how long, before anything is done.

The statements are those of Alembic's offline mode, the sizes those of Postgres' catalog, and the
speeds those of a machine with two cores (docs/upgrading.md).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.db.statement_locks import (
    Catalog,
    Effect,
    Lock,
    Work,
    classify,
    find_created_index,
    find_created_table,
)

SIZES = statement("""
SELECT c.relname::text AS name, pg_table_size(c.oid) AS bytes,
       GREATEST(c.reltuples, s.n_live_tup, 0)::bigint AS rows,
       (SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid) AS indexes
FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
""")

INDEX_TABLES = statement("""
SELECT c.relname::text AS name, t.relname::text AS "table"
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE t.relnamespace = 'public'::regnamespace
""")

FOREIGN_KEYS = statement("""
SELECT t.relname::text AS "table", k.conname::text AS name, r.relname::text AS referred
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
WHERE k.contype = 'f' AND t.relnamespace = 'public'::regnamespace
""")

SCAN_BYTES = 150_000_000  # a second
REWRITE_BYTES = 80_000_000  # a second
WORD_INDEX_BYTES = 2_000_000  # a second
INDEX_ROWS = 400_000  # a second
CHANGED_ROWS = 50_000  # a second


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of a table without its indexes, rows and number of indexes."""

    bytes: int = 0
    rows: int = 0
    indexes: int = 0


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration that is to come, with its statements; not transactional: each on its own."""

    revision: str
    title: str
    statements: Sequence[str]
    is_transactional: bool


@dataclass(frozen=True, slots=True)
class TableLock:
    """The strongest lock of a migration on a table, and how many seconds it is held at most.

    `works` is what is done with the table's rows.
    """

    revision: str
    table: str
    lock: Lock
    works: Sequence[Work]
    seconds: float
    size: Size


async def read_sizes(conn: AsyncConnection) -> dict[str, Size]:
    """Return the sizes of all tables by name."""
    rows = (await conn.execute(SIZES)).all()
    return {row.name: Size(row.bytes, row.rows, row.indexes) for row in rows}


async def read_catalog(conn: AsyncConnection) -> Catalog:
    """Return the tables of indexes and foreign keys."""
    indexes = (await conn.execute(INDEX_TABLES)).all()
    keys = (await conn.execute(FOREIGN_KEYS)).all()
    return Catalog(
        {row.name: row.table for row in indexes},
        {(row.table, row.name): row.referred for row in keys},
    )


def plan_locks(
    migrations: Iterable[Migration], sizes: Mapping[str, Size], catalog: Catalog
) -> list[TableLock]:
    """Return the locks on tables that exist before, in the order of the migrations.

    In a migration that is one transaction, a lock is held from its statement until the end.
    """
    created: set[str] = set()
    index_tables = dict(catalog.index_tables)
    known = Catalog(index_tables, catalog.referred_tables)
    planned: list[TableLock] = []
    for migration in migrations:
        timed: list[tuple[Effect, float]] = []
        for sql in migration.statements:
            if table := find_created_table(sql):
                created.add(table)
            if index := find_created_index(sql):  # a later migration may drop it
                index_tables.update([index])
            effects = [each for each in classify(sql, known) if each.table not in created]
            timed += [(each, estimate(each, sizes)) for each in effects]
        planned += _group(migration, timed, sizes)
    return planned


def estimate(effect: Effect, sizes: Mapping[str, Size]) -> float:
    """Return about how many seconds a statement works on a table."""
    size = sizes.get(effect.table, Size())
    scan = size.bytes / SCAN_BYTES
    match effect.work:
        case Work.SCAN:
            return scan
        case Work.CHANGE:
            return scan + size.rows / CHANGED_ROWS
        case Work.INDEX:
            return scan + size.rows / INDEX_ROWS
        case Work.WORD_INDEX:
            return size.bytes / WORD_INDEX_BYTES
        case Work.REWRITE:
            return size.bytes / REWRITE_BYTES + size.indexes * size.rows / INDEX_ROWS
        case _:
            return 0.0


def _group(
    migration: Migration, timed: Sequence[tuple[Effect, float]], sizes: Mapping[str, Size]
) -> Iterator[TableLock]:
    for table in dict.fromkeys(effect.table for effect, _ in timed):
        own = [number for number, (effect, _) in enumerate(timed) if effect.table == table]
        lock = max(timed[number][0].lock for number in own)
        first = next(number for number in own if timed[number][0].lock is lock)
        if migration.is_transactional:
            seconds = sum(spent for _, spent in timed[first:])
        else:
            seconds = max(timed[number][1] for number in own if timed[number][0].lock is lock)
        works = dict.fromkeys(timed[number][0].work for number in own)
        size = sizes.get(table, Size())
        yield TableLock(migration.revision, table, lock, tuple(works), seconds, size)
