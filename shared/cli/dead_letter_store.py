"""SQL of `chatia dead-letters`: find, load, mark and discard."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.cli.db_errors import explain_database_errors
from shared.db.bulk import statement
from shared.db.engine import create_engine
from shared.db.policies import set_company
from shared.delivery.dead_letters.blanking import BLANKED
from shared.delivery.kafka.record import TOO_LARGE
from shared.settings import DatabaseSettings

# What all the filters of a query have in common. The id is compared first: it has an index.
MATCHES = """
id > :after AND id <= :through
  AND service = COALESCE(CAST(:service AS text), service)
  AND topic = ANY(COALESCE(CAST(:topics AS text[]), ARRAY[topic]))
  AND reason = COALESCE(CAST(:reason AS text), reason)
  AND (CAST(:company AS int) IS NULL OR "companyId" = :company)
  AND (CAST(:line AS text) IS NULL OR line = :line)
  AND (CAST(:ids AS bigint[]) IS NULL OR id = ANY(CAST(:ids AS bigint[])))
  AND "createdAt" >= COALESCE(CAST(:since AS timestamptz), '-infinity')
  AND "createdAt" < COALESCE(CAST(:until AS timestamptz), 'infinity')
  AND status = ANY(CAST(:statuses AS text[]))
"""

FIND_NEWEST = statement(f"""
SELECT id, count(*) OVER () AS total FROM "DeadLetters"
WHERE {MATCHES} ORDER BY id DESC LIMIT :limit
""")  # noqa: S608 - only the filters are filled in

FIND_OLDEST = statement(f"""
SELECT id FROM "DeadLetters" WHERE {MATCHES} ORDER BY id LIMIT :limit
""")  # noqa: S608 - only the filters are filled in

MEASURE = statement(f"""
SELECT count(*) AS total, max(id) AS last, array_agg(DISTINCT topic) AS topics
FROM (SELECT id, topic FROM "DeadLetters" WHERE {MATCHES} ORDER BY id LIMIT :limit) AS matching
""")  # noqa: S608 - only the filters are filled in

# Letters whose bodies fit into memory, at least one; each with the reason why it is not replayed.
# Companies that are deleted or being deleted: their events are rejected. Secrets of requests about
# rows are blanked in their dead letters.
FIND_REPLAYABLE = statement(f"""
SELECT l.id,
       CASE WHEN EXISTS (
              SELECT FROM "PurgedRows" r
              WHERE r."tableName" = 'Companies' AND r."companyId" = l."companyId"
                AND (NOT EXISTS (SELECT FROM "Purges" p
                                 WHERE p.id = r."purgeId" AND p."finishedAt" IS NOT NULL)
                     OR NOT EXISTS (SELECT FROM "Companies" c WHERE c.id = r."companyId")))
            THEN 'deleted'
            WHEN l.topic LIKE '%.requests' AND position(CAST(:mark AS bytea) IN l.body) > 0
            THEN 'blanked'
            WHEN l.reason = :too_large THEN 'too-large'
            WHEN l.reason = 'too-old' THEN 'too-old'
       END AS obstacle
FROM (
  SELECT *, sum(COALESCE(octet_length(body), 0)) OVER (ORDER BY id)
            - COALESCE(octet_length(body), 0) AS "bytesBefore"
  FROM (SELECT * FROM "DeadLetters" WHERE {MATCHES} ORDER BY id LIMIT :limit) AS matching
) AS l
WHERE l."bytesBefore" < :most_bytes ORDER BY l.id
""")  # noqa: S608 - only the filters are filled in

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

# Of letters that a replay has marked: `replayed` until their service has read them again.
LOAD_OUTCOMES = statement("""
SELECT id, status, reason, left(detail, 200) AS detail
FROM "DeadLetters" WHERE id = ANY(CAST(:ids AS bigint[]))
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


MAX_BIGINT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class DeadLetterQuery:
    """Filters of dead letters; all that are set must match.

    `after` and `through` are ids, the first not included; `limit` is a number of letters.
    """

    statuses: Sequence[str]
    service: str | None = None
    topics: Sequence[str] | None = None
    reason: str | None = None
    company: int | None = None
    line: str | None = None
    ids: Sequence[int] | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0
    through: int = MAX_BIGINT
    limit: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of MATCHES, and the limit."""
        return {name: getattr(self, name) for name in DeadLetterQuery.__slots__}


@dataclass(frozen=True, slots=True)
class Selection:
    """How many letters match a query, the id of the last one, and their topics."""

    count: int
    last: int
    topics: Sequence[str]


@dataclass(frozen=True, slots=True)
class RecordContent:
    """The record of a dead letter."""

    id: int
    service: str
    topic: str
    key: bytes | None
    headers: list[list[str | None]]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a replayed letter: its status, and the first characters of its detail."""

    id: int
    status: str
    reason: str
    detail: str


@asynccontextmanager
async def open_engine(settings: DatabaseSettings) -> AsyncIterator[AsyncEngine]:
    """Open an engine for several transactions; explain the database's errors."""
    engine = create_engine(settings, "chatia-dead-letters")
    try:
        async with explain_database_errors():
            yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def open_transaction(settings: DatabaseSettings) -> AsyncIterator[AsyncConnection]:
    """Open a transaction on a connection of its own; explain the database's errors."""
    async with open_engine(settings) as engine, engine.begin() as conn:
        yield conn


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


async def find_newest(conn: AsyncConnection, query: DeadLetterQuery) -> tuple[list[int], int]:
    """Return the newest ids that match, up to the limit, and the number of all that match."""
    rows = (await conn.execute(FIND_NEWEST, query.parameters)).all()
    return [row.id for row in rows], rows[0].total if rows else 0


async def find_oldest(conn: AsyncConnection, query: DeadLetterQuery) -> list[int]:
    """Return the oldest ids that match, up to the limit, in ascending order."""
    return list((await conn.execute(FIND_OLDEST, query.parameters)).scalars())


async def measure(conn: AsyncConnection, query: DeadLetterQuery) -> Selection:
    """Count the letters that match, the oldest up to the limit, and find their last id."""
    row = (await conn.execute(MEASURE, query.parameters)).one()
    return Selection(row.total, row.last or 0, row.topics or ())


async def find_replayable(
    conn: AsyncConnection, query: DeadLetterQuery, most_bytes: int
) -> dict[int, str | None]:
    """Return the oldest ids that match, up to the limit and to these bytes of bodies.

    The value is the reason why a letter cannot be replayed as it is: `deleted`, `blanked`,
    `too-large` or `too-old`; None if it can.
    """
    values = {"mark": BLANKED, "too_large": TOO_LARGE, "most_bytes": most_bytes}
    rows = await conn.execute(FIND_REPLAYABLE, query.parameters | values)
    return {row.id: row.obstacle for row in rows}


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


async def load_outcomes(conn: AsyncConnection, ids: Sequence[int]) -> dict[int, Outcome]:
    """Return what became of replayed letters so far; letters that are deleted are left out."""
    rows = await conn.execute(LOAD_OUTCOMES, {"ids": ids})
    return {row.id: Outcome(*row) for row in rows}


async def mark_discarded(conn: AsyncConnection, ids: Sequence[int], by: str) -> list[int]:
    """Mark dead letters that are not settled as discarded; return their ids."""
    rows = await conn.execute(MARK_DISCARDED, {"ids": ids, "by": by})
    return sorted(row.id for row in rows)
