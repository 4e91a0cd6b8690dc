"""Statements that find due actions by the database's clock, including overdue ones."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.timers.rules import (
    ASSIGN,
    EXPIRE,
    EXPIRE_RATING,
    NEXT_LANE,
    REDIRECT,
    WARN,
    DueAction,
)
from shared.db.bulk import match_company, statement
from shared.db.purged import exclude_purged

MAX_ACTIONS = 500  # of each kind

# Minutes in text columns; text that is not a number counts as 0.
MINUTES = """CASE WHEN w.{0} ~ '^ *[0-9]{{1,6}} *$' THEN CAST(w.{0} AS int) ELSE 0 END"""

# A line's not-closed tickets are found by their partial unique index.
OF_LINES = statement(f"""
WITH line AS (
  SELECT w."companyId", w.id, w.status = 'CONNECTED' AS is_connected,
         COALESCE(w."expiresTicket", 0) * interval '1 minute' AS expires,
         COALESCE(w."whenExpiresTicket", '') = '1' AS only_ours,
         {MINUTES.format('"timeInactiveMessage"')} * interval '1 minute' AS warns,
         {MINUTES.format('"expiresTicketNPS"')} * interval '1 minute' AS forgets,
         COALESCE(w."timeSendQueue", 0) * interval '1 minute' AS sends, w."sendIdQueue"
  FROM "Whatsapps" w
), late AS (
  SELECT line.*, t.id AS ticket_id, t.status, t."updatedAt", t."queueId", t."sendInactiveMessage",
         t.status = 'open' AND is_connected AND expires > interval '0' AND t.imported IS NULL
           AND (t."fromMe" OR NOT only_ours) AS may_expire
  FROM line JOIN "Tickets" t ON t."companyId" = line."companyId" AND t."whatsappId" = line.id
                            AND t.status <> 'closed'
  WHERE (is_connected AND expires > interval '0') OR forgets > interval '0'
     OR (sends > interval '0' AND line."sendIdQueue" IS NOT NULL)
)
(SELECT "companyId" AS company_id, ticket_id, '{WARN}' AS action, "updatedAt" AS updated_at,
        NULL::int AS queue_id, FALSE AS closes
 FROM late
 WHERE may_expire AND warns > interval '0' AND NOT "sendInactiveMessage"
   AND "updatedAt" < now() - warns
 ORDER BY "updatedAt" LIMIT :most)
UNION ALL
(SELECT "companyId", ticket_id, '{EXPIRE}', "updatedAt", NULL, FALSE FROM late
 WHERE may_expire AND (warns = interval '0' OR "sendInactiveMessage")
   AND "updatedAt" < now() - expires
 ORDER BY "updatedAt" LIMIT :most)
UNION ALL
(SELECT "companyId", ticket_id, '{EXPIRE_RATING}', "updatedAt", NULL, FALSE FROM late
 WHERE status = 'nps' AND forgets > interval '0' AND "updatedAt" < now() - forgets
 ORDER BY "updatedAt" LIMIT :most)
UNION ALL
(SELECT late."companyId", late.ticket_id, '{REDIRECT}', late."updatedAt", q.id, q."closeTicket"
 FROM late JOIN "Queues" q ON q."companyId" = late."companyId" AND q.id = late."sendIdQueue"
 LEFT JOIN "TicketTraking" k ON k."ticketId" = late.ticket_id AND k."finishedAt" IS NULL
 WHERE late.status = 'pending' AND late."queueId" IS NULL AND sends > interval '0'
   AND {exclude_purged("Queues", "q")}
   AND COALESCE(k."createdAt", late."updatedAt") < now() - sends
 ORDER BY late."updatedAt" LIMIT :most)
""")

# A queue with ativarRoteador assigns a ticket to a random online user of the queue.
OF_ROUTERS = statement(f"""
SELECT t."companyId" AS company_id, t.id AS ticket_id, '{ASSIGN}' AS action,
       t."updatedAt" AS updated_at, t."queueId" AS queue_id, chosen.id AS user_id
FROM "Queues" q
JOIN "Tickets" t ON t."companyId" = q."companyId" AND t."queueId" = q.id AND t.status = 'pending'
CROSS JOIN LATERAL (
  SELECT u.id FROM "UserQueues" s
  JOIN "Users" u ON u."companyId" = s."companyId" AND u.id = s."userId"
  WHERE s."companyId" = q."companyId" AND s."queueId" = q.id
    AND {exclude_purged("Users", "u")}
    AND u.online AND u.profile = 'user' AND u.id IS DISTINCT FROM t."userId"
  ORDER BY random() LIMIT 1
) AS chosen
WHERE q."ativarRoteador"
  AND (t."userId" IS NULL
       OR (q."tempoRoteador" > 0
           AND t."updatedAt" < now() - q."tempoRoteador" * interval '1 minute'))
ORDER BY t."updatedAt" LIMIT :most
""")

# A timer is valid only while its ticket is in its lane and the lane has a time. Messages are read
# from the table, because the contact may have replied in one that tickets has not consumed yet.
OF_LANES = statement(f"""
SELECT l."companyId" AS company_id, l."ticketId" AS ticket_id, '{NEXT_LANE}' AS action,
       t."updatedAt" AS updated_at, next.id AS lane_id,
       COALESCE(next."greetingMessageLane", '') AS greeting
FROM "LaneTimers" l
JOIN "Tickets" t ON t.id = l."ticketId" AND {match_company("t", 'l."companyId"')}
                AND t.status <> 'closed'
JOIN "TicketTags" w
  ON w."companyId" = l."companyId" AND w."ticketId" = l."ticketId" AND w."tagId" = l."laneId"
JOIN "Tags" lane ON lane."companyId" = l."companyId" AND lane.id = l."laneId"
                AND lane.kanban = 1 AND lane."timeLane" > 0
JOIN "Tags" next ON next."companyId" = l."companyId" AND next.id = lane."nextLaneId"
                AND next.kanban = 1 AND next.id <> lane.id
CROSS JOIN LATERAL (
  SELECT "createdAt", "fromMe" FROM "Messages"
  WHERE "ticketId" = t.id AND "isPrivate" IS NOT TRUE
  ORDER BY "createdAt" DESC, wid DESC LIMIT 1
) AS last
WHERE l."nextMoveAt" < now() AND last."fromMe"
  AND last."createdAt" + lane."timeLane" * interval '1 minute' < now()
ORDER BY l."nextMoveAt" LIMIT :most
""")


async def find_due_actions(conn: AsyncConnection) -> list[DueAction]:
    """Return the due actions, at most MOST_AT_ONCE of each kind."""
    most = {"most": MAX_ACTIONS}
    of_lines = (await conn.execute(OF_LINES, most)).all()
    of_routers = (await conn.execute(OF_ROUTERS, most)).all()
    of_lanes = (await conn.execute(OF_LANES, most)).all()
    return [DueAction(**row._asdict()) for row in (*of_lines, *of_routers, *of_lanes)]
