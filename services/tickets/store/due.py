"""Finding tickets whose time has come, by the database's clock; after downtime all that is late."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.rules.waiting import (
    DRAW,
    EXPIRE,
    EXPIRE_RATING,
    NEXT_LANE,
    REDIRECT,
    WARN,
    Due,
)
from shared.db.bulk import statement
from shared.db.purged import stays

MOST_AT_ONCE = 500  # tickets of each kind

# Minutes that were written as text, by people.
MINUTES = """CASE WHEN w.{0} ~ '^ *[0-9]{{1,6}} *$' THEN CAST(w.{0} AS int) ELSE 0 END"""

# A line's not-closed tickets are found by the partial unique index of theirs.
DUE = statement(f"""
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
(SELECT "companyId", ticket_id, '{WARN}' AS what, "updatedAt", NULL::int AS queue_id,
        FALSE AS closes
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
   AND {stays("Queues", "q")}
   AND COALESCE(k."createdAt", late."updatedAt") < now() - sends
 ORDER BY late."updatedAt" LIMIT :most)
""")


# Whom a queue with a router gives a ticket to, for a while: somebody who is there, by lot.
DRAWN = statement(f"""
SELECT t."companyId", t.id, '{DRAW}', t."updatedAt", t."queueId", FALSE, drawn.id
FROM "Queues" q
JOIN "Tickets" t ON t."companyId" = q."companyId" AND t."queueId" = q.id AND t.status = 'pending'
CROSS JOIN LATERAL (
  SELECT u.id FROM "UserQueues" s
  JOIN "Users" u ON u."companyId" = s."companyId" AND u.id = s."userId"
  WHERE s."companyId" = q."companyId" AND s."queueId" = q.id
    AND {stays("Users", "u")}
    AND u.online AND u.profile = 'user' AND u.id IS DISTINCT FROM t."userId"
  ORDER BY random() LIMIT 1
) AS drawn
WHERE q."ativarRoteador"
  AND (t."userId" IS NULL
       OR (q."tempoRoteador" > 0
           AND t."updatedAt" < now() - q."tempoRoteador" * interval '1 minute'))
ORDER BY t."updatedAt" LIMIT :most
""")

# A timer counts where its ticket stands, and says nothing once the lane is no longer timed. The
# customer may have answered already, in a message that tickets have not heard of.
NEXT_LANES = statement(f"""
SELECT l."companyId", l."ticketId", '{NEXT_LANE}', t."updatedAt", NULL::int, FALSE, NULL::int,
       next.id, COALESCE(next."greetingMessageLane", '')
FROM "LaneTimers" l
JOIN "Tickets" t ON t."companyId" = l."companyId" AND t.id = l."ticketId" AND t.status <> 'closed'
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


async def due(conn: AsyncConnection) -> list[Due]:
    """Find what is to be done with tickets that nobody has touched or answered for long."""
    most = {"most": MOST_AT_ONCE}
    late = [Due(*row) for row in await conn.execute(DUE, most)]
    late += [Due(*row) for row in await conn.execute(DRAWN, most)]
    return late + [Due(*row) for row in await conn.execute(NEXT_LANES, most)]
