"""Planner statistics, dead rows and the age of transaction ids, table by table."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.db.bulk import statement
from shared.doctor.findings import (
    Code,
    Examined,
    Finding,
    Limits,
    Severity,
    count,
    format_bytes,
    quote_argument,
)

# Postgres refuses writes at 2^31 transaction ids, less three million.
AGE_LIMIT = 2**31
AGE_WARNING = 750_000_000
AGE_ERROR = 1_500_000_000
PATIENCE = 1.1  # times the age at which autovacuum begins

TABLES = statement("""
SELECT c.relname::text AS name, pg_relation_size(c.oid) AS bytes,
       GREATEST(s.n_live_tup, 0) AS rows, s.n_dead_tup AS dead, s.n_mod_since_analyze AS changed,
       EXISTS (SELECT FROM pg_stats p
               WHERE p.schemaname = 'public' AND p.tablename = c.relname) AS is_analyzed
FROM pg_class c JOIN pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
ORDER BY c.relname
""")

AGES = statement("""
SELECT datname::text AS database, datname = current_database() AS is_own,
       age(datfrozenxid) AS age, mxid_age(datminmxid) AS multi_age,
       current_setting('autovacuum_freeze_max_age')::int AS freeze_at,
       current_setting('autovacuum_multixact_freeze_max_age')::int AS multi_freeze_at
FROM pg_database ORDER BY datname
""")


@dataclass(frozen=True, slots=True)
class TableActivity:
    """A table's size in bytes, its rows, dead rows and rows changed since the last ANALYZE."""

    name: str
    bytes: int
    rows: int
    dead: int
    changed: int
    is_analyzed: bool


@dataclass(frozen=True, slots=True)
class DatabaseAge:
    """How many transaction ids ago a database was frozen, and from when autovacuum freezes."""

    database: str
    is_own: bool
    age: int
    multi_age: int
    freeze_at: int
    multi_freeze_at: int


async def find(examined: Examined) -> list[Finding]:
    """Find tables that need ANALYZE or VACUUM, and databases near the end of their ids."""
    tables = [TableActivity(*row) for row in await examined.conn.execute(TABLES)]
    ages = [DatabaseAge(*row) for row in await examined.conn.execute(AGES)]
    limits = examined.limits
    return [
        *judge_statistics(tables, limits),
        *(found for table in tables if (found := judge_dead_rows(table, limits))),
        *(found for age in ages if (found := judge_age(age))),
    ]


def judge_statistics(tables: Sequence[TableActivity], limits: Limits) -> list[Finding]:
    """Return findings for tables that were never analyzed, or long ago by their changes."""
    missing = [t for t in tables if not t.is_analyzed and t.bytes >= limits.unanalyzed_bytes]
    stale = [
        t
        for t in tables
        if t.is_analyzed and t.changed > limits.stale_rows + limits.stale_share * t.rows
    ]
    found = [
        Finding(
            Code.STATISTICS_MISSING,
            Severity.WARNING,
            f"{table.name}, of {format_bytes(table.bytes)}, has no planner statistics.",
            "It was filled or restored, and not analyzed since: plans for it are guesses, and may "
            "take 30 times as long.",
            f"chatia db analyze --table {table.name}",
        )
        for table in missing
    ]
    return found + [
        Finding(
            Code.STATISTICS_STALE,
            Severity.WARNING,
            f"{count(table.changed, 'row')} of {table.name} changed since its last ANALYZE; it has "
            f"{count(table.rows, 'row')}.",
            "Autovacuum is off, or does not keep up: plans for the table are for other rows.",
            f"chatia db analyze --table {table.name}",
        )
        for table in stale
    ]


def judge_dead_rows(table: TableActivity, limits: Limits) -> Finding | None:
    """Return a finding if much of a table is rows that no transaction can see."""
    if table.dead < limits.dead_rows or table.dead < limits.dead_share * (table.dead + table.rows):
        return None
    return Finding(
        Code.DEAD_ROWS,
        Severity.WARNING,
        f"{table.name} has {count(table.dead, 'dead row')} beside {count(table.rows, 'live row')}.",
        "Autovacuum is off, does not keep up, or a long transaction or a replication slot still "
        "needs them.",
        f"chatia db vacuum --table {table.name}",
    )


def judge_age(age: DatabaseAge) -> Finding | None:
    """Return a finding if a database's transaction ids or multixact ids are not frozen in time."""
    ids, oldest, freeze_at = max(
        ("transaction ids", age.age, age.freeze_at),
        ("multixact ids", age.multi_age, age.multi_freeze_at),
        key=lambda each: each[1],
    )
    if oldest < max(AGE_WARNING, PATIENCE * freeze_at):
        return None
    fix = f"vacuumdb --freeze {quote_argument(age.database)}"
    return Finding(
        Code.WRAPAROUND,
        Severity.ERROR if oldest >= AGE_ERROR else Severity.WARNING,
        f"The oldest rows of the database {age.database} are {oldest:,} {ids} old: "
        f"{oldest / AGE_LIMIT:.0%} of what is possible.",
        "Autovacuum could not freeze rows, because of a long transaction, a replication slot, "
        "locks or a failure. At 100% Postgres refuses every write of the whole server.",
        "chatia db vacuum --freeze" if age.is_own else fix,
    )
