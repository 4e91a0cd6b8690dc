"""Bringing tickets up to date with their messages, and taking back what a copy began."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.store import attendances
from services.tickets.store.state import NEXT_VERSION, STATE, Change, pairs, state
from shared.contracts.ticket import TicketDiscarded, TicketReopened, TicketUpdated
from shared.db.bulk import statement

LOCK = statement("""
SELECT t."companyId", t.id,
       t.status IN ('nps', 'lgpd')
         OR (t.status = 'pending' AND t."userId" IS NULL AND NOT t."isGroup"
             AND t.imported IS NULL
             AND ((t."queueId" IS NULL AND EXISTS (
                    SELECT FROM "WhatsappQueues" q
                    WHERE q."companyId" = t."companyId" AND q."whatsappId" = t."whatsappId"))
                  OR EXISTS (
                    SELECT FROM "CompaniesSettings" s
                    WHERE s."companyId" = t."companyId"
                      AND s."scheduleType" IN ('company', 'connection', 'queue')))) AS asks,
       EXISTS (SELECT FROM "LaneTimers" l
               WHERE l."companyId" = t."companyId" AND l."ticketId" = t.id)
         OR EXISTS (SELECT FROM "TicketTags" w
                    JOIN "Tags" g ON g."companyId" = w."companyId" AND g.id = w."tagId"
                    WHERE w."ticketId" = t.id AND g.kanban = 1 AND g."timeLane" > 0) AS is_timed
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
JOIN "Tickets" t ON t."companyId" = b.company_id AND t.id = b.ticket_id
ORDER BY t.id FOR NO KEY UPDATE OF t
""")

# Unread and last message are state, not deltas (design 5.3): computed from the rows, so neither
# order nor repetition matters. The caller holds the rows' locks, so this snapshot is the newest.
# What a ticket that goes on as another one still has is on its way there, and counted there.
REFRESH = statement(f"""
UPDATE "Tickets" t
SET "unreadMessages" = s.unread, "lastMessage" = s.last_message, "fromMe" = s.from_me,
    "sendInactiveMessage" = t."sendInactiveMessage" AND s.from_me,
    "updatedAt" = {NEXT_VERSION}
FROM (
  SELECT b.company_id, b.ticket_id, unread.number AS unread, last."fromMe" AS from_me,
         COALESCE(NULLIF(last.body, ''), substring(last."mediaUrl" FROM '[^/?]+(?=[?]|$)'),
                  last."mediaType", '') AS last_message
  FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
  CROSS JOIN LATERAL (
    SELECT body, "mediaUrl", "mediaType", "fromMe" FROM "Messages"
    WHERE "ticketId" = b.ticket_id AND "isPrivate" IS NOT TRUE
    ORDER BY "createdAt" DESC, wid DESC LIMIT 1
  ) AS last
  LEFT JOIN LATERAL (
    SELECT "createdAt" AS at FROM "Messages"
    WHERE "ticketId" = b.ticket_id AND ("fromMe" OR read) AND "isPrivate" IS NOT TRUE
    ORDER BY "createdAt" DESC LIMIT 1
  ) AS mark ON TRUE
  CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM "Messages"
    WHERE "ticketId" = b.ticket_id AND NOT "fromMe" AND "isPrivate" IS NOT TRUE
      AND "createdAt" > COALESCE(mark.at, '-infinity')
  ) AS unread
) AS s
WHERE t."companyId" = s.company_id AND t.id = s.ticket_id
  AND (t."unreadMessages", t."lastMessage", t."fromMe")
      IS DISTINCT FROM (s.unread, s.last_message, s.from_me)
  AND NOT EXISTS (SELECT FROM "TicketSuccessors" f
                  WHERE f."companyId" = t."companyId" AND f."ticketId" = t.id)
RETURNING {STATE}
""")

# Nobody has accepted the ticket and its attendance has no message: it began for a copy only.
TAKE_BACK = statement(f"""
UPDATE "Tickets" t
SET status = 'closed', "closedAt" = now(), lid = NULL, jid = NULL, "updatedAt" = {NEXT_VERSION}
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
WHERE t."companyId" = b.company_id AND t.id = b.ticket_id
  AND t.status IN ('pending', 'group', 'lgpd', 'open')
  AND NOT EXISTS (
    SELECT FROM "TicketTraking" k
    WHERE k."ticketId" = t.id AND k."finishedAt" IS NULL
      AND (k."startedAt" IS NOT NULL
           OR EXISTS (SELECT FROM "Messages" m WHERE m."ticketTrakingId" = k.id)))
RETURNING {STATE}
""")

# A message that was on its way to a ticket when that was taken back brings it to life again, as
# does a customer's that was written after the ticket was closed (schema.md 5).
REVIVE = statement(f"""
UPDATE "Tickets" t
SET status = CASE WHEN t."isGroup" AND w."groupAsTicket" <> 'enabled' THEN 'group'
                  ELSE 'pending' END,
    "closedAt" = NULL, lid = c.lid, jid = c.jid, "updatedAt" = {NEXT_VERSION}
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id),
     "Whatsapps" w, "Contacts" c
WHERE t."companyId" = b.company_id AND t.id = b.ticket_id AND t.status = 'closed'
  AND w."companyId" = t."companyId" AND w.id = t."whatsappId"
  AND c."companyId" = t."companyId" AND c.id = t."contactId"
  AND ('delete' = (SELECT l.type FROM "LogTickets" l
                   WHERE l."ticketId" = t.id ORDER BY l.id DESC LIMIT 1)
       OR EXISTS (SELECT FROM "Messages" m
                  WHERE m.id = ANY(CAST(:message_id AS int[])) AND m."companyId" = t."companyId"
                    AND m."ticketId" = t.id AND m."createdAt" > t."closedAt"))
  AND NOT EXISTS (SELECT FROM "TicketSuccessors" f
                  WHERE f."companyId" = t."companyId" AND f."ticketId" = t.id)
  AND NOT EXISTS (SELECT FROM "Tickets" o
                  WHERE o."companyId" = t."companyId" AND o."whatsappId" = t."whatsappId"
                    AND o."contactId" = t."contactId" AND o.status <> 'closed')
RETURNING {STATE}
""")


@dataclass(frozen=True, slots=True)
class Locked:
    """Of the tickets that were locked, those with which more is to be done.

    `asking` wait for an answer of their contact, or are to ask for one; `timed` stand in a lane
    that tickets leave by time.
    """

    asking: set[tuple[int, int]]
    timed: set[tuple[int, int]]


async def lock(conn: AsyncConnection, tickets: Iterable[tuple[int, int]]) -> Locked:
    """Lock rows in id order, so that the next statement sees all that came before."""
    found = pairs(tickets)
    rows = (await conn.execute(LOCK, found)).all() if found else []
    return Locked(
        asking={(row.companyId, row.id) for row in rows if row.asks},
        timed={(row.companyId, row.id) for row in rows if row.is_timed},
    )


async def refresh(
    conn: AsyncConnection, tickets: Iterable[tuple[int, int]]
) -> dict[int, TicketUpdated]:
    """Bring unread count and last message up to date; gives the tickets that changed."""
    found = pairs(tickets)
    return await _changed(conn, REFRESH, found, TicketUpdated) if found else {}


async def revive(
    conn: AsyncConnection, tickets: Iterable[tuple[int, int]], messages: Iterable[int]
) -> dict[int, TicketReopened]:
    """Bring back closed tickets that have a message after all; gives those.

    `messages` are those of contacts that were stored just now.
    """
    found = pairs(tickets)
    if not found:
        return {}
    given = {**found, "message_id": sorted(messages)}
    return await _changed(conn, REVIVE, given, TicketReopened)


async def take_back(
    conn: AsyncConnection, tickets: Iterable[tuple[int, int]]
) -> dict[int, TicketDiscarded]:
    """Close tickets whose attendance stayed empty; gives those that were."""
    found = pairs(tickets)
    if not found:
        return {}
    discarded = await _changed(conn, TAKE_BACK, found, TicketDiscarded)
    await attendances.finish(conn, ((t.company_id, t.ticket_id) for t in discarded.values()))
    return discarded


async def _changed(
    conn: AsyncConnection, sql: TextClause, found: dict[str, list[int]], change: type[Change]
) -> dict[int, Change]:
    rows = await conn.execute(sql, found)
    return {row.id: state(row, change) for row in rows}
