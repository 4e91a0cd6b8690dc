"""Statements that find, insert and finish open attendances ("TicketTraking")."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.keys import TicketKey
from shared.db.bulk import ConcurrentUpdateError, rows_as_columns, source, statement


class AttendedTicket(NamedTuple):
    """A ticket that needs an open attendance, with its user and queue."""

    company_id: int
    ticket_id: int
    whatsapp_id: int
    user_id: int | None
    queue_id: int | None


# An attendance ends when its ticket is closed; otherwise the next one would reuse it.
FINISH = statement(f"""
UPDATE "TicketTraking" k SET "finishedAt" = now(), "closedAt" = COALESCE(k."closedAt", now()),
       "updatedAt" = now()
FROM {source(TicketKey)}
WHERE k."companyId" = b.company_id AND k."ticketId" = b.ticket_id AND k."finishedAt" IS NULL
""")

# Tickets are locked, so that no attendance is inserted for one that is being closed concurrently.
FIND_OR_BEGIN = statement(f"""
WITH b AS (
  SELECT * FROM {source(AttendedTicket)}
), bare AS (
  SELECT b.* FROM b JOIN "Tickets" t ON t."companyId" = b.company_id AND t.id = b.ticket_id
  WHERE t.status <> 'closed'
    AND NOT EXISTS (SELECT FROM "TicketTraking" k
                    WHERE k."ticketId" = b.ticket_id AND k."finishedAt" IS NULL)
  ORDER BY t.id FOR NO KEY UPDATE OF t
), made AS (
  INSERT INTO "TicketTraking" ("companyId", "ticketId", "whatsappId", "userId", "queueId")
  SELECT company_id, ticket_id, whatsapp_id, user_id, queue_id FROM bare ORDER BY ticket_id
  RETURNING id, "ticketId"
)
SELECT "ticketId" AS ticket_id, id FROM made
UNION ALL
SELECT k."ticketId", k.id FROM b JOIN "TicketTraking" k
  ON k."companyId" = b.company_id AND k."ticketId" = b.ticket_id AND k."finishedAt" IS NULL
""")


async def find_or_begin(
    conn: AsyncConnection, tickets: Collection[AttendedTicket]
) -> dict[int, int]:
    """Return the open attendance of each ticket by ticket id; insert the missing ones.

    Raises ConcurrentUpdateError if a ticket was closed since it was loaded.
    """
    ordered = sorted(tickets, key=lambda ticket: ticket.ticket_id)
    rows = await conn.execute(FIND_OR_BEGIN, rows_as_columns(ordered, AttendedTicket))
    attendance_ids = {row.ticket_id: row.id for row in rows}
    if len(attendance_ids) < len(ordered):
        raise ConcurrentUpdateError
    return attendance_ids


async def finish(conn: AsyncConnection, tickets: Collection[TicketKey]) -> None:
    """Finish the open attendance of each ticket, if it has one."""
    if tickets:
        await conn.execute(FINISH, rows_as_columns(sorted(tickets), TicketKey))
