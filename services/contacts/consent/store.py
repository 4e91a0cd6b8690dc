"""The statement that saves consents."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.consent.rules import Consent
from services.contacts.domain.keys import ContactKey
from services.contacts.persistence.contact_state import STATE_COLUMNS, read_state
from shared.contracts.contact import ContactSaved
from shared.db.bulk import rows_as_columns, source, statement

# The consent of a merged contact is that of its canonical contact. The lock waits for a concurrent
# merge; the row is then read as that transaction committed it.
SAVE = statement(f"""
WITH b AS (
  SELECT b.company_id, b.contact_id, b.consented_at,
         COALESCE(named."mergedIntoContactId", named.id) AS canonical_id
  FROM {source(Consent)}
  JOIN "Contacts" named ON named."companyId" = b.company_id AND named.id = b.contact_id
  FOR NO KEY UPDATE OF named
), consented AS (
  UPDATE "Contacts" c
  SET "lgpdAcceptedAt" = first.consented_at,
      "updatedAt" = GREATEST(clock_timestamp(), c."updatedAt" + interval '1 microsecond')
  FROM (SELECT company_id, canonical_id, min(consented_at) AS consented_at
        FROM b GROUP BY company_id, canonical_id) AS first
  WHERE c."companyId" = first.company_id AND c.id = first.canonical_id
    AND c."lgpdAcceptedAt" IS NULL
  RETURNING {STATE_COLUMNS}
)
SELECT b.company_id, b.contact_id, consented.* FROM b LEFT JOIN consented
  ON consented."companyId" = b.company_id AND consented.id = b.canonical_id
""")


async def save_consents(
    conn: AsyncConnection, consents: Sequence[Consent]
) -> dict[ContactKey, ContactSaved | None]:
    """Save first consents; return all existing contacts by the ids in the requests."""
    rows = await conn.execute(SAVE, rows_as_columns(consents, Consent))
    return {
        ContactKey(row.company_id, row.contact_id): read_state(row) if row.id else None
        for row in rows
    }
