"""What a migration that was broken off leaves: invalid indexes and unvalidated constraints.

A transaction leaves nothing; CREATE INDEX CONCURRENTLY and ADD CONSTRAINT … NOT VALID can.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from shared.db.bulk import statement
from shared.db.errors import describe_refusal

# A build holds SHARE UPDATE EXCLUSIVE on its table. VACUUM does too, and is then waited for;
# autovacuum, which has no user, gives way.
INVALID_INDEXES = statement("""
SELECT c.relname::text AS name, t.relname::text AS "table", EXISTS (
  SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  WHERE l.relation = i.indrelid AND l.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL
    AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted) AS is_busy
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE NOT i.indisvalid AND t.relnamespace = 'public'::regnamespace ORDER BY t.relname, c.relname
""")

UNVALIDATED = statement("""
SELECT k.conname::text AS name, t.relname::text AS "table"
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
WHERE NOT k.convalidated AND t.relnamespace = 'public'::regnamespace ORDER BY t.relname, k.conname
""")

# REINDEX CONCURRENTLY builds under such a name; the index that it was to replace is still there.
OF_REINDEX = re.compile(r"_cc(new|old)[0-9]*$")


class Kind(StrEnum):
    """What is left."""

    INDEX = "invalid index"
    CONSTRAINT = "constraint NOT VALID"


@dataclass(frozen=True, slots=True)
class Leftover:
    """An index or a constraint; busy if another session builds the index, or vacuums its table."""

    kind: Kind
    table: str
    name: str
    is_busy: bool = False

    @override
    def __str__(self) -> str:
        return f"{self.name} of {self.table}"


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of a leftover, in words, and whether it is gone."""

    leftover: Leftover
    result: str
    is_done: bool = True


async def find_leftovers(conn: AsyncConnection) -> list[Leftover]:
    """Return what is left in the schema `public`."""
    indexes = (await conn.execute(INVALID_INDEXES)).all()
    constraints = (await conn.execute(UNVALIDATED)).all()
    return [
        *(Leftover(Kind.INDEX, row.table, row.name, is_busy=row.is_busy) for row in indexes),
        *(Leftover(Kind.CONSTRAINT, row.table, row.name) for row in constraints),
    ]


async def repair_leftovers(
    conn: AsyncConnection, found: Sequence[Leftover], *, is_upgrade_pending: bool
) -> list[Repaired]:
    """Drop or rebuild indexes, validate constraints; nothing here blocks reads or writes.

    `conn` is in autocommit mode. While an upgrade is pending, an invalid index is dropped, because
    its migration creates it again; otherwise it is rebuilt.
    """
    return [
        await _repair(conn, leftover, is_upgrade_pending=is_upgrade_pending) for leftover in found
    ]


async def _repair(
    conn: AsyncConnection, leftover: Leftover, *, is_upgrade_pending: bool
) -> Repaired:
    if leftover.is_busy:
        return Repaired(leftover, "another session works on its table", is_done=False)
    if leftover.kind is Kind.CONSTRAINT:
        table, name = _quote(leftover.table), _quote(leftover.name)
        sql = f"ALTER TABLE public.{table} VALIDATE CONSTRAINT {name}"
        result = "validated"
    elif is_upgrade_pending or OF_REINDEX.search(leftover.name):
        sql, result = f"DROP INDEX CONCURRENTLY public.{_quote(leftover.name)}", "dropped"
    else:
        sql, result = f"REINDEX INDEX CONCURRENTLY public.{_quote(leftover.name)}", "rebuilt"
    try:
        await conn.execute(text(sql.replace(":", r"\:")))
    except DBAPIError as error:
        return Repaired(leftover, describe_refusal(error), is_done=False)
    return Repaired(leftover, result)


def _quote(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
