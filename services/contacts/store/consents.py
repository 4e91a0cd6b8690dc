"""Noting which contacts have consented to the use of their data."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.rules.consenting import ContactKey
from services.contacts.store.state import STATE, saved_state
from shared.contracts.contact import ContactSaved
from shared.db.bulk import statement

# Who stands for a merged contact has consented with it. A merge beside this one is waited for:
# the locked row is read as the merge left it.
CONSENT = statement(f"""
WITH b AS (
  SELECT b.company_id, b.contact_id, b.consented_at,
         COALESCE(named."mergedIntoContactId", named.id) AS standing_id
  FROM unnest(CAST(:company_id AS int[]), CAST(:contact_id AS int[]),
              CAST(:consented_at AS timestamptz[])) AS b(company_id, contact_id, consented_at)
  JOIN "Contacts" named ON named."companyId" = b.company_id AND named.id = b.contact_id
  FOR NO KEY UPDATE OF named
), consented AS (
  UPDATE "Contacts" c
  SET "lgpdAcceptedAt" = first.consented_at,
      "updatedAt" = GREATEST(clock_timestamp(), c."updatedAt" + interval '1 microsecond')
  FROM (SELECT company_id, standing_id, min(consented_at) AS consented_at
        FROM b GROUP BY company_id, standing_id) AS first
  WHERE c."companyId" = first.company_id AND c.id = first.standing_id
    AND c."lgpdAcceptedAt" IS NULL
  RETURNING {STATE}
)
SELECT b.company_id, b.contact_id, consented.* FROM b LEFT JOIN consented
  ON consented."companyId" = b.company_id AND consented.id = b.standing_id
""")


async def note(
    conn: AsyncConnection, consents: Mapping[ContactKey, datetime]
) -> dict[ContactKey, ContactSaved | None]:
    """Note consents of those who had not consented; gives all that there are, by the ids named."""
    ordered = sorted(consents)
    given = {
        "company_id": [key[0] for key in ordered],
        "contact_id": [key[1] for key in ordered],
        "consented_at": [consents[key] for key in ordered],
    }
    rows = await conn.execute(CONSENT, given)
    return {(row.company_id, row.contact_id): saved_state(row) if row.id else None for row in rows}
