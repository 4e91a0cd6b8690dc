"""Statements for tickets whose messages changed: unread counts, empty and closed tickets."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.keys import TicketKey
from services.tickets.domain.reopening import ClosedTicket
from services.tickets.domain.ticket import Ticket
from services.tickets.persistence.tickets import COLUMNS, build_row_ticket
from services.tickets.unread.rules import QuestionCandidate
from shared.db.bulk import match_company, rows_as_columns, source, statement


class RefreshedTicket(NamedTuple):
    """A ticket whose messages changed, and the `updatedAt` to set if its row changes."""

    company_id: int
    ticket_id: int
    updated_at: datetime


# Unread count and last message are computed from "Messages", so that neither order nor repetition
# matters. The caller has locked the tickets, so this snapshot is the newest. Messages of a ticket
# with a successor will be moved to the successor, and are counted there. A ticket whose messages
# have all gone (retention) has none unread, and keeps its preview.
REFRESH = statement(f"""
UPDATE "Tickets" t
SET "unreadMessages" = s.unread,
    "lastMessage" = CASE WHEN s.has_messages THEN s.last_message ELSE t."lastMessage" END,
    "fromMe" = COALESCE(s.from_me, t."fromMe"),
    "sendInactiveMessage" = t."sendInactiveMessage" AND COALESCE(s.from_me, t."fromMe"),
    "updatedAt" = s.updated_at
FROM (
  SELECT b.company_id, b.ticket_id, b.updated_at, unread.number AS unread, last."fromMe" AS from_me,
         last.id IS NOT NULL AS has_messages,
         COALESCE(NULLIF(last.body, ''), substring(last."mediaUrl" FROM '[^/?]+(?=[?]|$)'),
                  last."mediaType", '') AS last_message
  FROM {source(RefreshedTicket)}
  LEFT JOIN LATERAL (
    SELECT id, body, "mediaUrl", "mediaType", "fromMe" FROM "Messages"
    WHERE "ticketId" = b.ticket_id AND "isPrivate" IS NOT TRUE
    ORDER BY "createdAt" DESC, wid DESC LIMIT 1
  ) AS last ON TRUE
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
  AND (t."unreadMessages" IS DISTINCT FROM s.unread
       OR s.has_messages AND (t."lastMessage", t."fromMe")
                             IS DISTINCT FROM (s.last_message, s.from_me))
  AND NOT EXISTS (SELECT FROM "TicketSuccessors" f
                  WHERE f."companyId" = t."companyId" AND f."ticketId" = t.id)
RETURNING {COLUMNS}
""")

# Tickets that nobody has accepted and whose attendance has no message.
EMPTY = statement(f"""
SELECT b.company_id, b.ticket_id
FROM {source(TicketKey)}
WHERE NOT EXISTS (
  SELECT FROM "TicketTraking" k
  WHERE k."ticketId" = b.ticket_id AND k."finishedAt" IS NULL
    AND (k."startedAt" IS NOT NULL
         OR EXISTS (SELECT FROM "Messages" m WHERE m."ticketTrakingId" = k.id)))
""")

CLOSED = statement(f"""
SELECT b.company_id, b.ticket_id, w."groupAsTicket" = 'enabled' AS group_as_ticket,
       COALESCE('delete' = (SELECT l.type FROM "LogTickets" l
                            WHERE l."ticketId" = t.id ORDER BY l.id DESC LIMIT 1), FALSE)
         AS was_discarded,
       EXISTS (SELECT FROM "Messages" m
               WHERE m.id = ANY(CAST(:message_id AS int[]))
                 AND m."ticketId" = t.id AND {match_company("m", 't."companyId"')}
                 AND m."createdAt" > t."closedAt") AS has_new_message,
       EXISTS (SELECT FROM "TicketSuccessors" f
               WHERE f."companyId" = t."companyId" AND f."ticketId" = t.id) AS has_successor,
       other.id AS other_ticket_id
FROM {source(TicketKey)}
JOIN "Tickets" t ON t."companyId" = b.company_id AND t.id = b.ticket_id
JOIN "Whatsapps" w ON w."companyId" = t."companyId" AND w.id = t."whatsappId"
LEFT JOIN "Tickets" other
  ON other."companyId" = t."companyId" AND other."whatsappId" = t."whatsappId"
 AND other."contactId" = t."contactId" AND other.status <> 'closed'
ORDER BY t.id
""")

FOLLOW_UPS = statement(f"""
SELECT b.company_id, b.ticket_id,
       EXISTS (SELECT FROM "WhatsappQueues" q
               WHERE q."companyId" = t."companyId" AND q."whatsappId" = t."whatsappId")
         AS has_menu,
       EXISTS (SELECT FROM "CompaniesSettings" s
               WHERE s."companyId" = t."companyId"
                 AND s."scheduleType" IN ('company', 'connection', 'queue')) AS has_hours,
       EXISTS (SELECT FROM "LaneTimers" l
               WHERE l."companyId" = t."companyId" AND l."ticketId" = t.id)
         OR EXISTS (SELECT FROM "TicketTags" w
                    JOIN "Tags" g ON g."companyId" = w."companyId" AND g.id = w."tagId"
                    WHERE w."ticketId" = t.id AND g.kanban = 1 AND g."timeLane" > 0) AS is_timed
FROM {source(TicketKey)}
JOIN "Tickets" t ON t."companyId" = b.company_id AND t.id = b.ticket_id
""")


async def refresh(conn: AsyncConnection, tickets: Collection[RefreshedTicket]) -> list[Ticket]:
    """Save unread counts and last messages; return the rows of changed tickets."""
    if not tickets:
        return []
    rows = await conn.execute(REFRESH, rows_as_columns(sorted(tickets), RefreshedTicket))
    return [build_row_ticket(row) for row in rows]


async def find_empty(conn: AsyncConnection, tickets: Collection[TicketKey]) -> list[TicketKey]:
    """Return the tickets whose attendance has no messages."""
    if not tickets:
        return []
    rows = await conn.execute(EMPTY, rows_as_columns(sorted(tickets), TicketKey))
    return [TicketKey(row.company_id, row.ticket_id) for row in rows]


async def load_closed(
    conn: AsyncConnection, tickets: Collection[TicketKey], messages: Collection[int]
) -> list[ClosedTicket]:
    """Load closed tickets as candidates for reopening; `messages` are contacts' new messages."""
    if not tickets:
        return []
    parameters = rows_as_columns(sorted(tickets), TicketKey)
    rows = await conn.execute(CLOSED, {**parameters, "message_id": sorted(messages)})
    return [ClosedTicket(**row._asdict()) for row in rows]


async def load_follow_ups(
    conn: AsyncConnection, tickets: Collection[TicketKey]
) -> list[QuestionCandidate]:
    """Load whether menus, business hours or lane timers apply to tickets with new messages."""
    if not tickets:
        return []
    rows = await conn.execute(FOLLOW_UPS, rows_as_columns(sorted(tickets), TicketKey))
    return [QuestionCandidate(**row._asdict()) for row in rows]
