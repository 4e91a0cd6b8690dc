"""The contacts service's statements: each one serves a whole batch."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.rules import Contact, Identity, Known, Line
from shared.contracts.contact import ContactSaved
from shared.db.bulk import RacedError, all_columns, statement

LINES = statement("""
SELECT w."companyId", w.id, w."allowGroup"
FROM "Whatsapps" w
JOIN unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[])) AS b(company_id, whatsapp_id)
  ON w."companyId" = b.company_id AND w.id = b.whatsapp_id
""")

# A merged contact stands for the one that it was merged into, whatever key it is found by.
KNOWN = statement("""
SELECT DISTINCT found.number, found.lid, found.jid,
       c.id, c."companyId", c.number, c.lid, c.jid, c."remoteJid", c.name, c."isGroup", c.active,
       c.channel, c."whatsappId", c."updatedAt"
FROM unnest(CAST(:company_id AS int[]), CAST(:number AS text[]), CAST(:lid AS text[]),
            CAST(:jid AS text[])) AS b(company_id, number, lid, jid)
CROSS JOIN LATERAL (
  SELECT id, "mergedIntoContactId" AS winner, number, lid, jid FROM "Contacts"
  WHERE "companyId" = b.company_id AND number = b.number
  UNION SELECT id, "mergedIntoContactId", number, lid, jid FROM "Contacts"
  WHERE "companyId" = b.company_id AND lid = b.lid
  UNION SELECT id, "mergedIntoContactId", number, lid, jid FROM "Contacts"
  WHERE "companyId" = b.company_id AND jid = b.jid
) AS found
JOIN "Contacts" c ON c."companyId" = b.company_id AND c.id = COALESCE(found.winner, found.id)
ORDER BY c.id
""")

INSERT = statement("""
INSERT INTO "Contacts" ("companyId", number, lid, jid, "remoteJid", name, "isGroup", active,
                        channel, "whatsappId")
SELECT b.company_id, b.number, b.lid, b.jid, b.remote_jid, b.name, b.is_group, b.active,
       b.channel, b.whatsapp_id
FROM unnest(CAST(:id AS int[]), CAST(:company_id AS int[]), CAST(:number AS text[]),
            CAST(:lid AS text[]), CAST(:jid AS text[]), CAST(:remote_jid AS text[]),
            CAST(:name AS text[]), CAST(:is_group AS bool[]), CAST(:active AS bool[]),
            CAST(:channel AS text[]), CAST(:whatsapp_id AS int[]))
  AS b(id, company_id, number, lid, jid, remote_jid, name, is_group, active, channel, whatsapp_id)
ORDER BY b.company_id, b.number, b.lid
RETURNING id, "companyId", number, lid, jid, name, "isGroup", active,
          CAST(extract(epoch FROM "updatedAt") * 1000000 AS bigint) AS version
""")

UPDATE = statement("""
UPDATE "Contacts" c
SET number = b.number, lid = b.lid, jid = b.jid, "remoteJid" = b.remote_jid, name = b.name,
    active = COALESCE(b.active, TRUE),
    "updatedAt" = GREATEST(clock_timestamp(), c."updatedAt" + interval '1 microsecond')
FROM unnest(CAST(:id AS int[]), CAST(:company_id AS int[]), CAST(:number AS text[]),
            CAST(:lid AS text[]), CAST(:jid AS text[]), CAST(:remote_jid AS text[]),
            CAST(:name AS text[]), CAST(:active AS bool[]), CAST(:updated_at AS timestamptz[]))
  AS b(id, company_id, number, lid, jid, remote_jid, name, active, updated_at)
WHERE c."companyId" = b.company_id AND c.id = b.id AND c."updatedAt" = b.updated_at
RETURNING c.id, c."companyId", c.number, c.lid, c.jid, c.name, c."isGroup", c.active,
          CAST(extract(epoch FROM c."updatedAt") * 1000000 AS bigint) AS version
""")


async def lines(
    conn: AsyncConnection, keys: Collection[tuple[int, int]]
) -> dict[tuple[int, int], Line]:
    """Read the lines that exist among (company, line)."""
    company_ids, whatsapp_ids = zip(*keys, strict=True)
    rows = await conn.execute(
        LINES, {"company_id": list(company_ids), "whatsapp_id": list(whatsapp_ids)}
    )
    return {(row[0], row[1]): Line(*row) for row in rows}


async def known(conn: AsyncConnection, identities: Collection[Identity]) -> list[Known]:
    """Read the contacts that any key of these identities finds, each under the keys found."""
    rows = await conn.execute(KNOWN, all_columns(list(identities), Identity))
    return [
        Known(Identity(row.companyId, row[0], row[1], row[2]), Contact(*row[3:])) for row in rows
    ]


async def save(
    conn: AsyncConnection, new: Mapping[int, Contact], changed: Mapping[int, Contact]
) -> dict[int, ContactSaved]:
    """Update and insert; gives, for each planned id, the contact as it now stands.

    Raises RacedError when a contact to update is no longer as it was read.
    """
    saved: dict[int, ContactSaved] = {}
    if changed:
        rows = await conn.execute(UPDATE, all_columns(list(changed.values()), Contact))
        saved = {row.id: _saved(row) for row in rows}
        if len(saved) < len(changed):
            raise RacedError
    if new:
        rows = await conn.execute(INSERT, all_columns(list(new.values()), Contact))
        planned = {_natural_key(c.company_id, c.number, c.lid): i for i, c in new.items()}
        for row in rows:
            saved[planned[_natural_key(row.companyId, row.number, row.lid)]] = _saved(row)
    return saved


def _natural_key(
    company_id: int, number: str | None, lid: str | None
) -> tuple[int, str | None, str | None]:
    return company_id, number, lid


def _saved(row: Row[Any]) -> ContactSaved:
    return ContactSaved(
        company_id=row.companyId,
        contact_id=row.id,
        version=row.version,
        name=row.name,
        number=row.number,
        lid=row.lid,
        jid=row.jid,
        is_group=row.isGroup,
        active=row.active,
    )
