"""A ticket's attendances ("TicketTraking") and its log ("LogTickets")."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.rules.routing import Ticket
from services.tickets.store.state import pairs
from shared.db.bulk import RacedError, columns, statement

# An attendance ends when its ticket is closed; one left open would swallow the next one's times.
FINISH_TRAKING = statement("""
UPDATE "TicketTraking" k SET "finishedAt" = now(), "closedAt" = COALESCE(k."closedAt", now()),
       "updatedAt" = now()
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
WHERE k."companyId" = b.company_id AND k."ticketId" = b.ticket_id AND k."finishedAt" IS NULL
""")

# A ticket that is closed by another worker meanwhile must not be attended to: so it is locked.
TRAKING = statement("""
WITH b AS (
  SELECT * FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[]),
                       CAST(:whatsapp_id AS int[]), CAST(:user_id AS int[]),
                       CAST(:queue_id AS int[]))
    AS b(company_id, ticket_id, whatsapp_id, user_id, queue_id)
), bare AS (
  SELECT b.* FROM b JOIN "Tickets" t ON t."companyId" = b.company_id AND t.id = b.ticket_id
  WHERE t.status <> 'closed'
    AND NOT EXISTS (SELECT FROM "TicketTraking" k
                    WHERE k."ticketId" = b.ticket_id AND k."finishedAt" IS NULL)
  ORDER BY t.id FOR NO KEY UPDATE OF t
), made AS (
  INSERT INTO "TicketTraking" ("companyId", "ticketId", "whatsappId", "userId", "queueId")
  SELECT * FROM bare ORDER BY ticket_id
  RETURNING id, "ticketId"
)
SELECT "ticketId", id FROM made
UNION ALL
SELECT k."ticketId", k.id FROM b JOIN "TicketTraking" k
  ON k."companyId" = b.company_id AND k."ticketId" = b.ticket_id AND k."finishedAt" IS NULL
""")

LOG = statement("""
INSERT INTO "LogTickets" ("companyId", "ticketId", type)
SELECT b.company_id, b.ticket_id, CAST(:type AS text)
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
ORDER BY b.ticket_id
""")


async def find_or_begin(conn: AsyncConnection, tickets: Iterable[Ticket]) -> dict[int, int]:
    """Find or begin each ticket's open attendance: ticket id → tracking id.

    Raises RacedError where a ticket was closed since it was read.
    """
    ordered = sorted(tickets, key=lambda ticket: ticket.id)
    names = ("company_id", "whatsapp_id", "user_id", "queue_id")
    rows = await conn.execute(
        TRAKING, {**columns(ordered, names), "ticket_id": [t.id for t in ordered]}
    )
    found = {row[0]: row[1] for row in rows}
    if len(found) < len(ordered):
        raise RacedError
    return found


async def finish(conn: AsyncConnection, tickets: Iterable[tuple[int, int]]) -> None:
    """End the open attendance of each (company, ticket)."""
    if found := pairs(tickets):
        await conn.execute(FINISH_TRAKING, found)


async def log(conn: AsyncConnection, tickets: Iterable[tuple[int, int]], kind: str) -> None:
    """Append a row of this type (schema.md 3, LogTickets.type) for each (company, ticket)."""
    if found := pairs(tickets):
        await conn.execute(LOG, {**found, "type": kind})
