"""Finding and moving the tickets of contacts that others stand for."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.rules.merging import ContactKey
from services.tickets.rules.plan import TicketKey
from services.tickets.store.state import pairs
from shared.db.bulk import statement

WINNERS = statement("""
SELECT b.company_id, b.contact_id, c."mergedIntoContactId"
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, contact_id)
JOIN "Contacts" c ON c."companyId" = b.company_id AND c.id = b.contact_id
WHERE c."mergedIntoContactId" IS NOT NULL
""")

LIVE = statement("""
SELECT t."companyId", t.id
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, contact_id)
JOIN "Tickets" t ON t."companyId" = b.company_id AND t."contactId" = b.contact_id
WHERE t.status <> 'closed'
""")

# What is over is told with the merge of the contacts; only where it is found changes.
MOVE_CLOSED = statement("""
UPDATE "Tickets" t SET "contactId" = b.winner_id
FROM unnest(CAST(:company_id AS int[]), CAST(:contact_id AS int[]), CAST(:winner_id AS int[]))
  AS b(company_id, contact_id, winner_id)
WHERE t."companyId" = b.company_id AND t."contactId" = b.contact_id AND t.status = 'closed'
""")

MOVE_NOTES = statement("""
UPDATE "TicketNotes" n SET "contactId" = b.winner_id
FROM unnest(CAST(:company_id AS int[]), CAST(:contact_id AS int[]), CAST(:winner_id AS int[]))
  AS b(company_id, contact_id, winner_id)
WHERE n."companyId" = b.company_id AND n."contactId" = b.contact_id
""")


async def winners(conn: AsyncConnection, contacts: Collection[ContactKey]) -> dict[ContactKey, int]:
    """Read who stands for these contacts now."""
    rows = await conn.execute(WINNERS, pairs(contacts))
    return {(row[0], row[1]): row[2] for row in rows}


async def live(conn: AsyncConnection, contacts: Collection[ContactKey]) -> set[TicketKey]:
    """Name the tickets of these contacts that are not closed."""
    rows = await conn.execute(LIVE, pairs(contacts))
    return {(row[0], row[1]) for row in rows}


async def move(conn: AsyncConnection, found: dict[ContactKey, int]) -> None:
    """Let what is over, and what was noted, be of the contact that stands for the merged one."""
    ordered = sorted(found.items())
    moved = {
        "company_id": [key[0] for key, _ in ordered],
        "contact_id": [key[1] for key, _ in ordered],
        "winner_id": [winner for _, winner in ordered],
    }
    await conn.execute(MOVE_CLOSED, moved)
    await conn.execute(MOVE_NOTES, moved)
