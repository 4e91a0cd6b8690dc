# ruff: noqa: S608 - only the fields of row types and names of mapped tables are put into the SQL
"""Statements of retention purges: begun once a day for a company, or by a command."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import BigInt, rows_as_columns, source, statement
from shared.db.purged import exclude_purged
from shared.records.purge_steps import begins_an_index, list_changing_children
from shared.retention import Retention

MESSAGES: Final = "Messages"
TICKETS: Final = "Tickets"
# Messages have few dependent rows, tickets some twenty.
PORTION: Final = {MESSAGES: 500, TICKETS: 100}
MOST_AT_ONCE: Final = 20  # purges in one transaction, of companies with few old rows
LATE_AFTER_MS: Final = 5_000
KEPT_DAYS: Final = 90  # finished retention purges

NOW = statement("SELECT clock_timestamp()")


class NewRetentionPurge(NamedTuple):
    """A retention purge to begin: of rows of a company's table that are older than a time.

    Rows that changed after `unchanged_since` stay, if there is such a time.
    """

    company_id: int
    table_name: str
    request_id: str
    actor: str | None
    older_than: datetime
    unchanged_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetentionPurge:
    """An open retention purge; `reached_at` and `reached_id` are the last row it has examined."""

    id: int
    company_id: int
    request_id: str
    actor: str | None
    older_than: datetime
    unchanged_since: datetime | None
    reached_at: datetime | None
    reached_id: int | None
    removed: dict[str, int]


@dataclass(frozen=True, slots=True)
class Portion:
    """The next rows in the order of their times: those that may go, and the last of all."""

    ids: Sequence[int] = ()
    last_at: datetime | None = None
    last_id: int | None = None


@dataclass(slots=True)
class Progress:
    """What a portion did: the deleted rows by table, and how far it came."""

    removed: Mapping[str, int] = field(default_factory=dict)
    reached_at: datetime | None = None
    reached_id: int | None = None
    is_finished: bool = False


class _Count(NamedTuple):
    name: str
    rows: BigInt


# Tickets go when their messages have gone, so purges of messages of the same company come first.
OPEN = statement("""
SELECT p.id, p."companyId" AS company_id, p."requestId" AS request_id, p.actor,
       p."olderThan" AS older_than, p."unchangedSince" AS unchanged_since,
       p."reachedAt" AS reached_at, p."reachedId" AS reached_id, p.removed
FROM "Purges" p
WHERE p."finishedAt" IS NULL AND p."olderThan" IS NOT NULL AND p."tableName" = :table
  AND (p."tableName" = 'Messages' OR NOT EXISTS (
    SELECT FROM "Purges" first
    WHERE first."finishedAt" IS NULL AND first."olderThan" IS NOT NULL
      AND first."tableName" = 'Messages' AND first."companyId" = p."companyId"))
ORDER BY p.id LIMIT :most
""")

BEGIN = statement(f"""
INSERT INTO "Purges" ("companyId", "tableName", "requestId", actor, "olderThan", "unchangedSince",
                      deleted)
SELECT b.*, '{{}}' FROM {source(NewRetentionPurge)}
ON CONFLICT DO NOTHING
""")

# Those whose limit is set and who have no purge of this day. Tickets wait for the day's messages.
DUE = statement(f"""
SELECT s."companyId" AS company_id, s."messageRetentionDays" AS message_days,
       s."closedTicketRetentionDays" AS closed_ticket_days
FROM "CompaniesSettings" s
JOIN "Companies" c ON c.id = s."companyId" AND {exclude_purged("Companies", "c")}
WHERE CASE :table WHEN 'Messages' THEN s."messageRetentionDays"
                  ELSE s."closedTicketRetentionDays" END IS NOT NULL
  AND NOT EXISTS (
    SELECT FROM "Purges" p
    WHERE p."tableName" = :table AND p."companyId" = s."companyId" AND p."requestId" = :request
      AND p."olderThan" IS NOT NULL)
  AND (:table = 'Messages' OR s."messageRetentionDays" IS NULL OR EXISTS (
    SELECT FROM "Purges" p
    WHERE p."tableName" = 'Messages' AND p."companyId" = s."companyId"
      AND p."requestId" = :request AND p."olderThan" IS NOT NULL AND p."finishedAt" IS NOT NULL))
ORDER BY s."companyId"
""")

FORGET_FINISHED = statement("""
DELETE FROM "Purges"
WHERE "olderThan" IS NOT NULL
  AND "finishedAt" < CAST(:now AS timestamptz) - CAST(:kept AS int) * interval '1 day'
""")

# Whether a batch of the last seconds ended long after Kafka had its newest record. Deferred records
# are late on purpose, and timers have no records.
IS_INGEST_LATE = statement("""
SELECT EXISTS (
  SELECT FROM "Checkpoints"
  WHERE "updatedAt" > clock_timestamp() - interval '10 seconds'
    AND service NOT LIKE '%.bulk' AND topic NOT LIKE 'timer:%'
    AND extract(epoch FROM "updatedAt") * 1000 - "lastTimestamp" > :late_after_ms)
""")

# The expression is that of an index. All messages of the last time are in the portion, so that the
# next one begins after that time. The end is compared outside: with a range, a plan for any values
# expects so few rows that it sorts all of them.
NEXT_MESSAGES = statement(f"""
SELECT m.id, m.at, CAST(:unchanged AS timestamptz) IS NULL OR m."updatedAt" <= :unchanged AS may_go
FROM (SELECT id, "createdAt" AS at, "updatedAt" FROM "Messages"
      WHERE "companyId" = :company
        AND timezone('UTC', "createdAt") > timezone('UTC', CAST(:at AS timestamptz))
      ORDER BY timezone('UTC', "createdAt")
      FETCH FIRST {PORTION[MESSAGES]} ROWS WITH TIES) AS m
WHERE m.at < CAST(:before AS timestamptz)
ORDER BY m.at
""")

LOCK_MESSAGES = statement("""
SELECT m.id FROM "Messages" m
WHERE m."companyId" = :company AND m.id = ANY(CAST(:ids AS int[]))
  AND m."createdAt" < :before
  AND (CAST(:unchanged AS timestamptz) IS NULL OR m."updatedAt" <= :unchanged)
ORDER BY m.id FOR UPDATE SKIP LOCKED
""")


def _find_changed_child(table: str, column: str) -> str:
    company = "" if begins_an_index(table, column) else ' AND k."companyId" = t."companyId"'
    return f"""(SELECT TRUE FROM "{table}" k
          WHERE k."{column}" = t.id{company} AND k."updatedAt" > :unchanged LIMIT 1)"""


CHANGED_CHILDREN = ", ".join(
    _find_changed_child(table, column) for table, column in list_changing_children(TICKETS)
)

# A ticket that changed after it was closed counts from then. NULLS as in the index. Subqueries with
# LIMIT are run for each ticket; of EXISTS the planner may make a hash of the whole table.
NEXT_TICKETS = statement(f"""
SELECT t.id, t."updatedAt" AS at,
  CASE WHEN t."closedAt" >= :before THEN FALSE
       WHEN (SELECT TRUE FROM "Messages" m WHERE m."ticketId" = t.id LIMIT 1) THEN FALSE
       WHEN NOT {exclude_purged("Tickets", "t")} THEN FALSE
       ELSE CAST(:unchanged AS timestamptz) IS NULL
            OR (t."updatedAt" <= :unchanged AND COALESCE({CHANGED_CHILDREN}) IS NULL)
  END AS may_go
FROM (SELECT id, "updatedAt", "closedAt", "companyId" FROM "Tickets"
      WHERE "companyId" = :company AND status = 'closed'
        AND ("updatedAt", id) > (CAST(:at AS timestamptz), CAST(:id AS int))
      ORDER BY "updatedAt" ASC NULLS FIRST, id ASC NULLS FIRST
      LIMIT {5 * PORTION[TICKETS]}) AS t
WHERE t."updatedAt" < CAST(:before AS timestamptz)
ORDER BY t."updatedAt", t.id
""")

LOCK_TICKETS = statement("""
SELECT t.id FROM "Tickets" t
WHERE t."companyId" = :company AND t.id = ANY(CAST(:ids AS int[]))
  AND t.status = 'closed' AND t."updatedAt" < :before
  AND (CAST(:unchanged AS timestamptz) IS NULL OR t."updatedAt" <= :unchanged)
ORDER BY t.id FOR UPDATE SKIP LOCKED
""")

# After the lock nobody adds a message; one that came before it is seen by this statement.
WITHOUT_MESSAGES = statement("""
SELECT listed.id FROM unnest(CAST(:ids AS int[])) AS listed(id)
WHERE NOT EXISTS (SELECT FROM "Messages" m WHERE m."ticketId" = listed.id)
""")

# This service has no DELETE on tickets; the function proves again that they may go.
DELETE_TICKETS = statement("SELECT purge_old_tickets(:purge, CAST(:ids AS int[]))")

SAVE = statement(f"""
UPDATE "Purges" p
SET removed = p.removed || (
      SELECT COALESCE(
        jsonb_object_agg(b.name, b.rows + COALESCE((p.removed ->> b.name)::bigint, 0)), '{{}}')
      FROM {source(_Count)}),
    "reachedAt" = :reached_at, "reachedId" = :reached_id,
    "finishedAt" = CASE WHEN CAST(:finished AS boolean) THEN clock_timestamp() END
WHERE p.id = :id
RETURNING p.removed, clock_timestamp() AS at
""")


async def load_open(conn: AsyncConnection, table: str) -> list[RetentionPurge]:
    """Return the oldest retention purges of a table that may run now."""
    rows = await conn.execute(OPEN, {"table": table, "most": MOST_AT_ONCE})
    return [RetentionPurge(**row) for row in rows.mappings()]


async def load_due(
    conn: AsyncConnection, table: str, request_id: str
) -> list[tuple[int, Retention]]:
    """Return the companies that have a limit for a table, and no purge of this day yet."""
    rows = await conn.execute(DUE, {"table": table, "request": request_id})
    return [(row.company_id, Retention(row.message_days, row.closed_ticket_days)) for row in rows]


async def begin(conn: AsyncConnection, purges: Sequence[NewRetentionPurge]) -> None:
    """Save purges; one of the same company, table and request that is there already stays."""
    if purges:
        await conn.execute(BEGIN, rows_as_columns(purges, NewRetentionPurge))


async def forget_finished(conn: AsyncConnection, now: datetime) -> None:
    """Delete the reports of retention purges that ended long ago."""
    await conn.execute(FORGET_FINISHED, {"now": now, "kept": KEPT_DAYS})


async def is_ingest_late(conn: AsyncConnection) -> bool:
    """Return whether a worker of any service is behind."""
    return bool(await conn.scalar(IS_INGEST_LATE, {"late_after_ms": LATE_AFTER_MS}))


async def find_portion(conn: AsyncConnection, table: str, purge: RetentionPurge) -> Portion:
    """Return the next rows after those that were examined; without `last_at` there are none."""
    sql = NEXT_MESSAGES if table == MESSAGES else NEXT_TICKETS
    parameters: dict[str, Any] = {
        "company": purge.company_id,
        "at": purge.reached_at or datetime.min.replace(tzinfo=purge.older_than.tzinfo),
        "id": purge.reached_id or 0,
        "before": purge.older_than,
        "unchanged": purge.unchanged_since,
    }
    names = sql.compile().params
    rows = (await conn.execute(sql, {name: parameters[name] for name in names})).all()
    if not rows:
        return Portion()
    ids = [row.id for row in rows if row.may_go]
    return Portion(ids, rows[-1].at, rows[-1].id)


async def lock(
    conn: AsyncConnection, table: str, purge: RetentionPurge, ids: Sequence[int]
) -> list[int]:
    """Lock the rows that still may go and that nobody has locked; return their ids."""
    if not ids:
        return []
    parameters = {
        "company": purge.company_id,
        "ids": ids,
        "before": purge.older_than,
        "unchanged": purge.unchanged_since,
    }
    sql = LOCK_MESSAGES if table == MESSAGES else LOCK_TICKETS
    locked = list((await conn.execute(sql, parameters)).scalars())
    if table == MESSAGES or not locked:
        return locked
    return list((await conn.execute(WITHOUT_MESSAGES, {"ids": locked})).scalars())


async def delete_tickets(conn: AsyncConnection, purge: RetentionPurge, ids: Sequence[int]) -> int:
    """Delete tickets that may go and have no dependent rows any more; return their number."""
    parameters = {"purge": purge.id, "ids": list(ids)}
    return int((await conn.execute(DELETE_TICKETS, parameters)).scalar_one())


async def save(
    conn: AsyncConnection, purge: RetentionPurge, progress: Progress
) -> tuple[dict[str, int], datetime]:
    """Save what a portion did; return the deleted rows by table so far, and the time."""
    parameters = rows_as_columns([_Count(*each) for each in progress.removed.items()], _Count) | {
        "id": purge.id,
        "reached_at": progress.reached_at,
        "reached_id": progress.reached_id,
        "finished": progress.is_finished,
    }
    row = (await conn.execute(SAVE, parameters)).one()
    return row.removed, row.at
