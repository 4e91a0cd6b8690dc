"""Plans of statements as they run, and the pages that they touch, foreign keys included."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

SEQUENTIAL = re.compile(r'Seq Scan on "?(\w+)"?')
INDEX = re.compile(r'(?:Scan(?: Backward)? using|Bitmap Index Scan on) "?(\w+)"?')
# An index scan and the condition by which it looks up, in the line below it.
LOOKUP = re.compile(rf"{INDEX.pattern}[^\n]*\n\s*Index Cond: ([^\n]*)")
# The last column of an expression, such as a function, is one as well.
COLUMN = re.compile(r'[(,] ?"?(\w+)"?\)?(?:::\w+)? (?:[=<>]|IS)')
# Columns whose values many rows of a company share: an index that looks up by these alone reads
# much of the company.
SHARED_COLUMNS = frozenset({"companyId", "whatsappId", "status", "fromMe", "read", "active"})
NOT_WATCHED = (
    "DISCARD",
    "SET",
    "RESET",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE SAVEPOINT",
)
# What this session has counted since its last commit, triggers included.
COUNTERS = """
SELECT c.relname::text AS name, pg_stat_get_xact_blocks_fetched(c.oid) AS pages,
       CASE WHEN c.relkind = 'r' THEN pg_stat_get_xact_numscans(c.oid) ELSE 0 END AS whole_scans
FROM pg_class c
WHERE c.relkind IN ('r', 'i') AND c.relnamespace = 'public'::regnamespace
  AND pg_stat_get_xact_blocks_fetched(c.oid) > 0
"""
INDEXES = """
SELECT c.relname::text AS index_name, t.relname::text AS table_name FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE c.relnamespace = 'public'::regnamespace AND i.indpred IS NULL
"""


@dataclass(frozen=True, slots=True)
class Executed:
    """A statement that ran: its plan, the pages of each table and index, the tables read whole."""

    sql: str
    plan: str
    pages: Mapping[str, int]
    whole_scans: frozenset[str]

    @override
    def __str__(self) -> str:
        return f"{self.sql}\n{self.plan}\n{dict(self.pages)}"


@dataclass(frozen=True, slots=True)
class LargeTables:
    """Tables with many rows, and their indexes without a condition, by name."""

    names: frozenset[str]
    indexes: frozenset[str]

    def find_whole_scans(self, plan: str) -> frozenset[str]:
        """Return the large tables that a plan reads as a whole."""
        return self.names & set(SEQUENTIAL.findall(plan))

    def find_wide_lookups(self, plan: str) -> list[str]:
        """Return the conditions by which a plan finds much of a company in a large table."""
        return [
            f"{index}: {condition}"
            for index, condition in LOOKUP.findall(plan)
            if index in self.indexes
            and (columns := set(COLUMN.findall(condition)))
            and columns <= SHARED_COLUMNS
        ]


async def describe_large_tables(conn: AsyncConnection, names: Collection[str]) -> LargeTables:
    """Return these tables with their indexes."""
    rows = (await conn.exec_driver_sql(INDEXES)).all()
    return LargeTables(
        frozenset(names), frozenset(row.index_name for row in rows if row.table_name in names)
    )


@dataclass
class _Watch:
    """Explains each statement before it runs, and reads the counters before and after."""

    executed: list[Executed] = field(default_factory=list)
    plan: str = ""
    pages: Counter[str] = field(default_factory=Counter)
    whole_scans: Counter[str] = field(default_factory=Counter)
    is_own: bool = False

    # Any: the arguments of the events have many types.
    def begin(self, conn: Connection, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        if self.is_own or sql.startswith(NOT_WATCHED):
            return
        self.is_own = True
        self.plan = "\n".join(conn.exec_driver_sql(f"EXPLAIN {sql}", parameters).scalars())
        self.pages, self.whole_scans = self._count(conn)
        self.is_own = False

    def end(self, conn: Connection, _cursor: Any, sql: str, *_: Any) -> None:
        if self.is_own or sql.startswith(NOT_WATCHED):
            return
        self.is_own = True
        pages, whole_scans = self._count(conn)
        scanned = frozenset(whole_scans - self.whole_scans)
        self.executed.append(Executed(sql, self.plan, pages - self.pages, scanned))
        self.is_own = False

    def _count(self, conn: Connection) -> tuple[Counter[str], Counter[str]]:
        rows = conn.exec_driver_sql(COUNTERS).all()
        return (
            Counter({row.name: row.pages for row in rows}),
            Counter({row.name: row.whole_scans for row in rows}),
        )


@contextmanager
def watch_plans(conn: AsyncConnection) -> Iterator[list[Executed]]:
    """Yield a list to which each statement is added as it ends; a transaction must be open."""
    watch = _Watch()
    engine = conn.engine.sync_engine
    event.listen(engine, "before_cursor_execute", watch.begin)
    event.listen(engine, "after_cursor_execute", watch.end)
    try:
        yield watch.executed
    finally:
        event.remove(engine, "before_cursor_execute", watch.begin)
        event.remove(engine, "after_cursor_execute", watch.end)
