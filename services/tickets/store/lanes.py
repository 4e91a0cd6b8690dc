"""Timed lanes of the kanban board: who stands there, and until when ("LaneTimers")."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.rules.lanes import Standing, Timer, Timers
from services.tickets.rules.plan import TicketKey
from services.tickets.store.state import pairs
from shared.db.bulk import all_columns, statement

STANDING = statement("""
SELECT DISTINCT ON (b.ticket_id) b.company_id, b.ticket_id, lane.id,
       CASE WHEN next.id IS NOT NULL AND lane."timeLane" > 0
            THEN lane."timeLane" * interval '1 minute' END AS stays,
       back.id AS rollback_id, w."createdAt" AS entered_at,
       last."createdAt" AS said_at, last."fromMe" AS by_us,
       l."ticketId" IS NOT NULL AS has_timer, l."nextMoveAt"
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
JOIN "Tickets" t
  ON t."companyId" = b.company_id AND t.id = b.ticket_id AND t.status <> 'closed'
JOIN "TicketTags" w ON w."companyId" = t."companyId" AND w."ticketId" = t.id
JOIN "Tags" lane ON lane."companyId" = w."companyId" AND lane.id = w."tagId" AND lane.kanban = 1
LEFT JOIN "Tags" next ON next."companyId" = lane."companyId" AND next.id = lane."nextLaneId"
                     AND next.kanban = 1 AND next.id <> lane.id
LEFT JOIN "Tags" back ON back."companyId" = lane."companyId" AND back.id = lane."rollbackLaneId"
                     AND back.kanban = 1
CROSS JOIN LATERAL (
  SELECT "createdAt", "fromMe" FROM "Messages"
  WHERE "ticketId" = t.id AND "isPrivate" IS NOT TRUE
  ORDER BY "createdAt" DESC, wid DESC LIMIT 1
) AS last
LEFT JOIN "LaneTimers" l
  ON l."companyId" = t."companyId" AND l."ticketId" = t.id AND l."laneId" = lane.id
ORDER BY b.ticket_id, lane.id
""")

KEEP = statement("""
INSERT INTO "LaneTimers" ("companyId", "ticketId", "laneId", "nextMoveAt")
SELECT b.* FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[]),
                       CAST(:lane_id AS int[]), CAST(:moves_at AS timestamptz[]))
  AS b(company_id, ticket_id, lane_id, moves_at)
ORDER BY b.ticket_id
ON CONFLICT ("companyId", "ticketId") DO UPDATE
SET "laneId" = EXCLUDED."laneId", "nextMoveAt" = EXCLUDED."nextMoveAt"
""")

CANCEL = statement("""
DELETE FROM "LaneTimers" l
USING unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
WHERE l."companyId" = b.company_id AND l."ticketId" = b.ticket_id
""")


async def standings(conn: AsyncConnection, tickets: Iterable[TicketKey]) -> list[Standing]:
    """Read in which lane each of these tickets stands, and who has written last."""
    return [Standing(*row) for row in await conn.execute(STANDING, pairs(tickets))]


async def save(conn: AsyncConnection, timers: Timers) -> None:
    """Start, block and cancel timers."""
    if timers.kept:
        await conn.execute(KEEP, all_columns(timers.kept, Timer))
    if timers.cancelled:
        await conn.execute(CANCEL, pairs(timers.cancelled))
