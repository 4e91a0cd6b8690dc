"""Statements of timed lanes of the kanban board ("LaneTimers")."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.keys import TicketKey
from services.tickets.kanban.rules import LaneChanges, LaneTimer, TicketInLane
from shared.db.bulk import match_company, rows_as_columns, source, statement

STAYS = statement(f"""
SELECT DISTINCT ON (b.ticket_id) b.company_id, b.ticket_id, lane.id AS lane_id,
       CASE WHEN next.id IS NOT NULL AND lane."timeLane" > 0
            THEN lane."timeLane" * interval '1 minute' END AS duration,
       back.id AS rollback_id, w."createdAt" AS entered_at,
       last."createdAt" AS last_message_at, last."fromMe" AS is_last_from_us,
       l."ticketId" IS NOT NULL AS has_timer, l."nextMoveAt" AS moves_at
FROM {source(TicketKey)}
JOIN "Tickets" t
  ON t."companyId" = b.company_id AND t.id = b.ticket_id AND t.status <> 'closed'
JOIN "TicketTags" w ON w."ticketId" = t.id AND {match_company("w", 't."companyId"')}
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

SAVE = statement(f"""
INSERT INTO "LaneTimers" ("companyId", "ticketId", "laneId", "nextMoveAt")
SELECT b.company_id, b.ticket_id, b.lane_id, b.moves_at FROM {source(LaneTimer)}
ORDER BY b.ticket_id
ON CONFLICT ("companyId", "ticketId") DO UPDATE
SET "laneId" = EXCLUDED."laneId", "nextMoveAt" = EXCLUDED."nextMoveAt"
""")

CANCEL = statement(f"""
DELETE FROM "LaneTimers" l
USING {source(TicketKey)}
WHERE l."companyId" = b.company_id AND l."ticketId" = b.ticket_id
""")


async def load_stays(conn: AsyncConnection, tickets: Collection[TicketKey]) -> list[TicketInLane]:
    """Load the lane and the last message of each ticket that is in a lane."""
    rows = await conn.execute(STAYS, rows_as_columns(sorted(tickets), TicketKey))
    return [TicketInLane(**row._asdict()) for row in rows]


async def save_timers(conn: AsyncConnection, changes: LaneChanges) -> None:
    """Start, block and cancel timers."""
    if changes.saved:
        await conn.execute(SAVE, rows_as_columns(changes.saved, LaneTimer))
    if changes.cancelled:
        await conn.execute(CANCEL, rows_as_columns(sorted(changes.cancelled), TicketKey))
