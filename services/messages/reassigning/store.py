"""Statements that move messages to other tickets and contacts, or mark them as read."""

from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.domain.keys import ContactKey, TicketKey
from services.messages.reassigning.rules import CurrentTicket, ViewedTicket
from shared.db.bulk import match_company, rows_as_columns, source, statement

# The successor is read from the table, because it may itself have been transferred since.
MOVE = statement(f"""
WITH moved AS (
  UPDATE "Messages" m
  SET "ticketId" = s."successorId",
      "updatedAt" = GREATEST(clock_timestamp(), m."updatedAt" + interval '1 microsecond')
  FROM {source(TicketKey)}
  JOIN "TicketSuccessors" s ON s."companyId" = b.company_id AND s."ticketId" = b.ticket_id
  WHERE m."ticketId" = b.ticket_id AND {match_company("m", "b.company_id")}
  RETURNING m."companyId", s."ticketId", s."successorId"
)
SELECT DISTINCT * FROM moved
""")

REASSIGN = statement(f"""
UPDATE "Messages" m
SET "contactId" = c."mergedIntoContactId",
    "updatedAt" = GREATEST(clock_timestamp(), m."updatedAt" + interval '1 microsecond')
FROM {source(ContactKey)}
JOIN "Contacts" c ON c.id = b.contact_id AND {match_company("c", "b.company_id")}
  AND c."mergedIntoContactId" IS NOT NULL
WHERE m."contactId" = b.contact_id AND {match_company("m", "b.company_id")}
""")

# A viewed ticket may have been transferred since; its messages may or may not have moved yet.
MARK_READ = statement(f"""
WITH unseen AS (
  SELECT m.id, m."companyId", b.ticket_id, m."ticketId"
  FROM {source(ViewedTicket)}
  LEFT JOIN "TicketSuccessors" s ON s."companyId" = b.company_id AND s."ticketId" = b.ticket_id
  CROSS JOIN LATERAL (VALUES (b.company_id, b.ticket_id), (b.company_id, s."successorId"))
    AS of(company_id, ticket_id)
  JOIN "Messages" m ON m."ticketId" = of.ticket_id AND {match_company("m", "of.company_id")}
                   AND NOT m."fromMe" AND NOT m.read AND m."createdAt" <= b.until
  ORDER BY m.id FOR NO KEY UPDATE OF m
), marked AS (
  UPDATE "Messages" m
  SET read = TRUE,
      "updatedAt" = GREATEST(clock_timestamp(), m."updatedAt" + interval '1 microsecond')
  FROM unseen WHERE m.id = unseen.id AND {match_company("m", 'unseen."companyId"')}
)
SELECT DISTINCT "companyId", ticket_id, "ticketId" FROM unseen
""")


async def move_to_successors(
    conn: AsyncConnection, tickets: Collection[TicketKey]
) -> list[CurrentTicket]:
    """Move the messages of these tickets to their successors; return the tickets that had any."""
    if not tickets:
        return []
    rows = await conn.execute(MOVE, rows_as_columns(sorted(tickets), TicketKey))
    return [CurrentTicket(TicketKey(row.companyId, row.ticketId), row.successorId) for row in rows]


async def reassign_contacts(conn: AsyncConnection, contacts: Collection[ContactKey]) -> None:
    """Set the contact of merged contacts' messages to the canonical contact."""
    await conn.execute(REASSIGN, rows_as_columns(sorted(contacts), ContactKey))


async def mark_read(conn: AsyncConnection, seen: Sequence[ViewedTicket]) -> list[CurrentTicket]:
    """Mark the contact's messages up to these times as read; return the tickets that had any."""
    if not seen:
        return []
    rows = await conn.execute(MARK_READ, rows_as_columns(seen, ViewedTicket))
    return [CurrentTicket(TicketKey(row.companyId, row.ticket_id), row.ticketId) for row in rows]
