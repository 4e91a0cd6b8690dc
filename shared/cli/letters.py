"""Dead letters in the database, as an operator finds, marks and discards them."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli.db_errors import explained
from shared.db.bulk import statement
from shared.db.engine import create_engine
from shared.db.policies import name_company
from shared.delivery.blanking import BLANKED
from shared.settings import DatabaseSettings

FIND = statement("""
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

DESCRIBE = statement("""
SELECT id, status, service, topic, partition, "offset", reason, detail, sqlstate, "companyId",
       attempts, "recordTimestamp", "createdAt", "updatedAt", history,
       octet_length(body) AS "bodyBytes"
FROM "DeadLetters" WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id
""")

CONTENT = statement("""
SELECT id, service, topic, key, headers, body
FROM "DeadLetters" WHERE id = :id
""")

# Locked in the order of their ids, as workers do, so that neither waits for the other for ever.
MARK_REPLAYED = statement("""
WITH held AS (
  SELECT id FROM "DeadLetters"
  WHERE id = ANY(CAST(:ids AS bigint[])) AND status IN ('open', 'replayed')
  ORDER BY id FOR NO KEY UPDATE
)
UPDATE "DeadLetters" l
SET status = 'replayed', "updatedAt" = now(),
    history = l.history || jsonb_build_object('did', 'replayed', 'by', CAST(:by AS text),
                                              'at', now(), 'reason', l.reason,
                                              'edited', CAST(:edited AS boolean))
FROM held WHERE l.id = held.id
RETURNING l.id, l.service, l.topic, l.key, l.headers, l.body
""")

# A company that is being deleted, or is deleted: what comes for it is refused.
OF_LEAVING = statement("""
SELECT l.id FROM "DeadLetters" l
WHERE l.id = ANY(CAST(:ids AS bigint[])) AND EXISTS (
  SELECT FROM "PurgedRows" r
  WHERE r."tableName" = 'Companies' AND r."companyId" = l."companyId"
    AND (NOT EXISTS (SELECT FROM "Purges" p WHERE p.id = r."purgeId" AND p."finishedAt" IS NOT NULL)
         OR NOT EXISTS (SELECT FROM "Companies" c WHERE c.id = r."companyId")))
ORDER BY l.id
""")

# What a request about rows carried of secrets is not in its letter.
WITHOUT_SECRETS = statement("""
SELECT id FROM "DeadLetters"
WHERE id = ANY(CAST(:ids AS bigint[])) AND topic LIKE '%.requests'
  AND position(CAST(:mark AS bytea) IN body) > 0
ORDER BY id
""")

DISCARD = statement("""
WITH held AS (
  SELECT id FROM "DeadLetters"
  WHERE id = ANY(CAST(:ids AS bigint[])) AND status IN ('open', 'replayed')
  ORDER BY id FOR NO KEY UPDATE
)
UPDATE "DeadLetters" l
SET status = 'discarded', "updatedAt" = now(),
    history = l.history || jsonb_build_object('did', 'discarded', 'by', CAST(:by AS text),
                                              'at', now())
FROM held WHERE l.id = held.id
RETURNING l.id
""")


@dataclass(frozen=True, slots=True)
class Query:
    """Which letters: those that fit everything that is set."""

    statuses: Sequence[str]
    service: str | None = None
    topics: Sequence[str] | None = None
    reason: str | None = None
    company: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What of a letter goes back onto its topic."""

    id: int
    service: str
    topic: str
    key: bytes | None
    headers: list[list[str | None]]
    body: bytes | None


@asynccontextmanager
async def transaction(settings: DatabaseSettings) -> AsyncIterator[AsyncConnection]:
    """Open one transaction on a connection of its own; the database's trouble is explained."""
    engine = create_engine(settings, "chatia-dead-letters")
    try:
        async with explained(), engine.begin() as conn:
            yield conn
    finally:
        await engine.dispose()


@asynccontextmanager
async def reading(
    settings: DatabaseSettings, company: int | None
) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that only reads: what one company may see, where a company is named.

    Without one it is the operator's look at all companies, under the operator's own login.
    """
    readers = settings.for_readers if company is not None else None
    async with transaction(readers or settings) as conn:
        if company is not None:
            await name_company(conn, company)
        yield conn


async def find(
    conn: AsyncConnection, query: Query, *, newest_first: bool = False
) -> tuple[list[int], int]:
    """Give the ids of the letters that fit, as many as are allowed, and how many there are."""
    values = {name: getattr(query, name) for name in Query.__slots__}
    rows = (await conn.execute(FIND, values | {"direction": -1 if newest_first else 1})).all()
    return [row.id for row in rows], rows[0].total if rows else 0


async def describe(conn: AsyncConnection, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Give what is known of letters apart from the record itself; unknown ids are left out."""
    rows = await conn.execute(DESCRIBE, {"ids": list(ids)})
    return {row["id"]: dict(row) for row in rows.mappings()}


async def content(conn: AsyncConnection, letter_id: int) -> Content:
    """Give the record that a letter holds."""
    return Content(*(await conn.execute(CONTENT, {"id": letter_id})).one())


async def mark_replayed(
    conn: AsyncConnection, ids: Sequence[int], by: str, *, edited: bool
) -> list[Content]:
    """Mark those that are not settled; gives them, oldest first, to be put on their topics."""
    rows = await conn.execute(MARK_REPLAYED, {"ids": ids, "by": by, "edited": edited})
    return sorted((Content(*row) for row in rows), key=lambda letter: letter.id)


async def of_leaving(conn: AsyncConnection, ids: Sequence[int]) -> list[int]:
    """Give those of companies that are being deleted, or are deleted."""
    return [row.id for row in await conn.execute(OF_LEAVING, {"ids": ids})]


async def without_secrets(conn: AsyncConnection, ids: Sequence[int]) -> list[int]:
    """Give the requests of which a replay would save a mark where a secret was."""
    rows = await conn.execute(WITHOUT_SECRETS, {"ids": ids, "mark": BLANKED})
    return [row.id for row in rows]


async def discard(conn: AsyncConnection, ids: Sequence[int], by: str) -> list[int]:
    """Give up those that are not settled for good; gives their ids."""
    rows = await conn.execute(DISCARD, {"ids": ids, "by": by})
    return sorted(row.id for row in rows)
