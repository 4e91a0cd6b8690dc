"""SQL of `chatia dead-letters`: find, load, mark and discard."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli.db_errors import explain_database_errors
from shared.db.bulk import statement
from shared.db.engine import create_engine
from shared.db.policies import set_company
from shared.delivery.dead_letters.blanking import BLANKED
from shared.settings import DatabaseSettings

FIND_IDS = statement("""
SELECT id, count(*) OVER () AS total
FROM "DeadLetters"
WHERE service = COALESCE(CAST(:service AS text), service)
  AND topic = ANY(COALESCE(CAST(:topics AS text[]), ARRAY[topic]))
  AND reason = COALESCE(CAST(:reason AS text), reason)
  AND (CAST(:company AS int) IS NULL OR "companyId" = :company)
  AND "createdAt" >= COALESCE(CAST(:since AS timestamptz), '-infinity')
  AND "createdAt" < COALESCE(CAST(:until AS timestamptz), 'infinity')
  AND status = ANY(CAST(:statuses AS text[]))
ORDER BY id * CAST(:direction AS int)
LIMIT :limit
""")

LOAD_DETAILS = statement("""
SELECT id, status, service, topic, partition, "offset", reason, detail, sqlstate, "companyId",
       attempts, "recordTimestamp", "createdAt", "updatedAt", history,
       octet_length(body) AS "bodyBytes"
FROM "DeadLetters" WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id
""")

LOAD_CONTENT = statement("""
SELECT id, service, topic, key, headers, body
FROM "DeadLetters" WHERE id = :id
""")

# Locked in the order of ids, as workers do, to avoid deadlocks.
MARK_REPLAYED = statement("""
WITH locked AS (
  SELECT id FROM "DeadLetters"
  WHERE id = ANY(CAST(:ids AS bigint[])) AND status IN ('open', 'replayed')
  ORDER BY id FOR NO KEY UPDATE
)
UPDATE "DeadLetters" l
SET status = 'replayed', "updatedAt" = now(),
    history = l.history || jsonb_build_object('did', 'replayed', 'by', CAST(:by AS text),
                                              'at', now(), 'reason', l.reason,
                                              'edited', CAST(:edited AS boolean))
FROM locked WHERE l.id = locked.id
RETURNING l.id, l.service, l.topic, l.key, l.headers, l.body
""")

# Of companies that are deleted or being deleted: their events are rejected.
OF_DELETED_TENANTS = statement("""
SELECT l.id FROM "DeadLetters" l
WHERE l.id = ANY(CAST(:ids AS bigint[])) AND EXISTS (
  SELECT FROM "PurgedRows" r
  WHERE r."tableName" = 'Companies' AND r."companyId" = l."companyId"
    AND (NOT EXISTS (SELECT FROM "Purges" p WHERE p.id = r."purgeId" AND p."finishedAt" IS NOT NULL)
         OR NOT EXISTS (SELECT FROM "Companies" c WHERE c.id = r."companyId")))
ORDER BY l.id
""")

# Secrets of requests about rows are blanked in their dead letters.
BLANKED_REQUESTS = statement("""
SELECT id FROM "DeadLetters"
WHERE id = ANY(CAST(:ids AS bigint[])) AND topic LIKE '%.requests'
  AND position(CAST(:mark AS bytea) IN body) > 0
ORDER BY id
""")

MARK_DISCARDED = statement("""
WITH locked AS (
  SELECT id FROM "DeadLetters"
  WHERE id = ANY(CAST(:ids AS bigint[])) AND status IN ('open', 'replayed')
  ORDER BY id FOR NO KEY UPDATE
)
UPDATE "DeadLetters" l
SET status = 'discarded', "updatedAt" = now(),
    history = l.history || jsonb_build_object('did', 'discarded', 'by', CAST(:by AS text),
                                              'at', now())
FROM locked WHERE l.id = locked.id
RETURNING l.id
""")


@dataclass(frozen=True, slots=True)
class DeadLetterQuery:
    """Filters of dead letters; all that are set must match."""

    statuses: Sequence[str]
    service: str | None = None
    topics: Sequence[str] | None = None
    reason: str | None = None
    company: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RecordContent:
    """The record of a dead letter."""

    id: int
    service: str
    topic: str
    key: bytes | None
    headers: list[list[str | None]]
    body: bytes | None


@asynccontextmanager
async def open_transaction(settings: DatabaseSettings) -> AsyncIterator[AsyncConnection]:
    """Open a transaction on a connection of its own; explain the database's errors."""
    engine = create_engine(settings, "chatia-dead-letters")
    try:
        async with explain_database_errors(), engine.begin() as conn:
            yield conn
    finally:
        await engine.dispose()


@asynccontextmanager
async def open_read_transaction(
    settings: DatabaseSettings, company: int | None
) -> AsyncIterator[AsyncConnection]:
    """Open a transaction for reading; a company is read under the readers' login, if there is one.

    Without a company, all are read under the operator's login.
    """
    readers = settings.for_readers if company is not None else None
    async with open_transaction(readers or settings) as conn:
        if company is not None:
            await set_company(conn, company)
        yield conn


async def find_ids(
    conn: AsyncConnection, query: DeadLetterQuery, *, newest_first: bool = False
) -> tuple[list[int], int]:
    """Return the ids that match, up to the limit, and the number of all that match."""
    values = {name: getattr(query, name) for name in DeadLetterQuery.__slots__}
    rows = (await conn.execute(FIND_IDS, values | {"direction": -1 if newest_first else 1})).all()
    return [row.id for row in rows], rows[0].total if rows else 0


async def load_details(conn: AsyncConnection, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Load everything but the record by id; unknown ids are left out."""
    rows = await conn.execute(LOAD_DETAILS, {"ids": list(ids)})
    return {row["id"]: dict(row) for row in rows.mappings()}


async def load_content(conn: AsyncConnection, dead_letter_id: int) -> RecordContent:
    """Load the record of a dead letter."""
    return RecordContent(*(await conn.execute(LOAD_CONTENT, {"id": dead_letter_id})).one())


async def mark_replayed(
    conn: AsyncConnection, ids: Sequence[int], by: str, *, edited: bool
) -> list[RecordContent]:
    """Mark dead letters that are not settled as replayed; return them, the oldest first."""
    rows = await conn.execute(MARK_REPLAYED, {"ids": ids, "by": by, "edited": edited})
    return sorted((RecordContent(*row) for row in rows), key=lambda content: content.id)


async def find_of_deleted_tenants(conn: AsyncConnection, ids: Sequence[int]) -> list[int]:
    """Return the ids whose company is deleted or being deleted."""
    return [row.id for row in await conn.execute(OF_DELETED_TENANTS, {"ids": ids})]


async def find_blanked(conn: AsyncConnection, ids: Sequence[int]) -> list[int]:
    """Return the ids of requests with blanked secrets, which a replay would save as they are."""
    rows = await conn.execute(BLANKED_REQUESTS, {"ids": ids, "mark": BLANKED})
    return [row.id for row in rows]


async def mark_discarded(conn: AsyncConnection, ids: Sequence[int], by: str) -> list[int]:
    """Mark dead letters that are not settled as discarded; return their ids."""
    rows = await conn.execute(MARK_DISCARDED, {"ids": ids, "by": by})
    return sorted(row.id for row in rows)
