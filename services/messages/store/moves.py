"""Moving messages to other tickets and contacts, and marking those that were seen there."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.rules.moves import Ticket
from shared.db.bulk import statement

# Where they go is read now: a successor may have got a successor meanwhile.
FOLLOW = statement("""
WITH moved AS (
  UPDATE "Messages" m
  SET "ticketId" = s."successorId",
      "updatedAt" = GREATEST(clock_timestamp(), m."updatedAt" + interval '1 microsecond')
  FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[])) AS b(company_id, ticket_id)
  JOIN "TicketSuccessors" s ON s."companyId" = b.company_id AND s."ticketId" = b.ticket_id
  WHERE m."companyId" = b.company_id AND m."ticketId" = b.ticket_id
  RETURNING m."companyId", s."ticketId", s."successorId"
)
SELECT DISTINCT * FROM moved
""")

REASSIGN = statement("""
UPDATE "Messages" m
SET "contactId" = c."mergedIntoContactId",
    "updatedAt" = GREATEST(clock_timestamp(), m."updatedAt" + interval '1 microsecond')
FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[])) AS b(company_id, contact_id)
JOIN "Contacts" c ON c."companyId" = b.company_id AND c.id = b.contact_id
  AND c."mergedIntoContactId" IS NOT NULL
WHERE m."companyId" = b.company_id AND m."contactId" = b.contact_id
""")


# A ticket that was viewed may go on as another one by now, with its messages or before them.
SEE = statement("""
WITH unseen AS (
  SELECT m.id, m."companyId", b.ticket_id, m."ticketId"
  FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[]), CAST(:until AS timestamptz[]))
    AS b(company_id, ticket_id, until)
  LEFT JOIN "TicketSuccessors" s ON s."companyId" = b.company_id AND s."ticketId" = b.ticket_id
  JOIN "Messages" m ON m."companyId" = b.company_id
                   AND m."ticketId" IN (b.ticket_id, s."successorId")
                   AND NOT m."fromMe" AND NOT m.read AND m."createdAt" <= b.until
  ORDER BY m.id FOR NO KEY UPDATE OF m
), marked AS (
  UPDATE "Messages" m
  SET read = TRUE,
      "updatedAt" = GREATEST(clock_timestamp(), m."updatedAt" + interval '1 microsecond')
  FROM unseen WHERE m."companyId" = unseen."companyId" AND m.id = unseen.id
)
SELECT DISTINCT "companyId", ticket_id, "ticketId" FROM unseen
""")


async def follow(conn: AsyncConnection, tickets: Collection[Ticket]) -> list[tuple[Ticket, int]]:
    """Move the messages of these tickets to their successors; gives from where to where."""
    if not tickets:
        return []
    rows = await conn.execute(FOLLOW, _by_name(tickets))
    return [((row[0], row[1]), row[2]) for row in rows]


async def reassign(conn: AsyncConnection, contacts: Collection[tuple[int, int]]) -> None:
    """Let messages be of the contacts that theirs were merged into."""
    await conn.execute(REASSIGN, _by_name(contacts))


async def see(conn: AsyncConnection, until: Mapping[Ticket, datetime]) -> list[tuple[Ticket, int]]:
    """Mark what contacts wrote in these tickets until then as read; gives where there was any."""
    if not until:
        return []
    ordered = sorted(until)
    rows = await conn.execute(SEE, {**_by_name(until), "until": [until[key] for key in ordered]})
    return [((row[0], row[1]), row[2]) for row in rows]


def _by_name(pairs: Collection[tuple[int, int]]) -> dict[str, list[Any]]:
    ordered = sorted(pairs)
    return {"company_id": [pair[0] for pair in ordered], "id": [pair[1] for pair in ordered]}
