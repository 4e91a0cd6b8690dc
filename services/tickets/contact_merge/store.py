"""Statements that find and move the tickets of merged contacts."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.keys import ContactKey, TicketKey
from shared.db.bulk import match, match_company, rows_as_columns, source, statement


class MergedContact(NamedTuple):
    """A contact that was merged into the canonical one."""

    company_id: int
    contact_id: int
    canonical_id: int


CANONICAL = statement(f"""
SELECT b.company_id, b.contact_id, c."mergedIntoContactId" AS canonical_id
FROM {source(ContactKey)}
JOIN "Contacts" c ON c."companyId" = b.company_id AND c.id = b.contact_id
WHERE c."mergedIntoContactId" IS NOT NULL
""")

LIVE = statement(f"""
SELECT t."companyId" AS company_id, t.id
FROM {source(ContactKey)}
JOIN "Tickets" t ON t."contactId" = b.contact_id AND {match_company("t", "b.company_id")}
WHERE t.status <> 'closed'
""")

# No fact and no new version: consumers learn the new contact of closed tickets from contact.merged.
MOVE_CLOSED = statement(f"""
UPDATE "Tickets" t SET "contactId" = b.canonical_id
FROM {source(MergedContact)}
WHERE t."contactId" = b.contact_id AND {match_company("t", "b.company_id")}
  AND {match("t.status", "'closed'")}
""")

MOVE_NOTES = statement(f"""
UPDATE "TicketNotes" n SET "contactId" = b.canonical_id
FROM {source(MergedContact)}
WHERE n."companyId" = b.company_id AND n."contactId" = b.contact_id
""")


async def load_canonical(
    conn: AsyncConnection, contacts: Collection[ContactKey]
) -> dict[ContactKey, int]:
    """Return the canonical contacts of those contacts that were merged."""
    rows = await conn.execute(CANONICAL, rows_as_columns(sorted(contacts), ContactKey))
    return {ContactKey(row.company_id, row.contact_id): row.canonical_id for row in rows}


async def find_live(conn: AsyncConnection, contacts: Collection[ContactKey]) -> set[TicketKey]:
    """Return the tickets of these contacts that are not closed."""
    rows = await conn.execute(LIVE, rows_as_columns(sorted(contacts), ContactKey))
    return {TicketKey(row.company_id, row.id) for row in rows}


async def move_closed(conn: AsyncConnection, canonical: Mapping[ContactKey, int]) -> None:
    """Move closed tickets and notes of merged contacts to the canonical ones."""
    rows = [MergedContact(*key, contact_id) for key, contact_id in sorted(canonical.items())]
    parameters = rows_as_columns(rows, MergedContact)
    await conn.execute(MOVE_CLOSED, parameters)
    await conn.execute(MOVE_NOTES, parameters)
