"""The contacts service's statements: each one serves a whole batch."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.rules.address_book import Changes, Contact, Identity, Known, Merge, Saved
from services.contacts.rules.identifying import Lid, Line
from services.contacts.rules.linking import LidNumber
from shared.contracts.contact import ContactMerged, ContactSaved
from shared.db.bulk import RacedError, all_columns, columns, statement

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
FROM unnest(CAST(:company_id AS int[]), CAST(:number AS text[]), CAST(:other_number AS text[]),
            CAST(:lid AS text[]), CAST(:jid AS text[]))
  AS b(company_id, number, other_number, lid, jid)
CROSS JOIN LATERAL (
  SELECT id, "mergedIntoContactId" AS winner, number, lid, jid FROM "Contacts"
  WHERE "companyId" = b.company_id AND number IN (b.number, b.other_number)
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


MERGE = statement("""
UPDATE "Contacts" c
SET "mergedIntoContactId" = b.winner_id, active = FALSE,
    lid = CASE WHEN b.frees AND c.id = b.loser_id THEN NULL ELSE c.lid END,
    "updatedAt" = GREATEST(clock_timestamp(), c."updatedAt" + interval '1 microsecond')
FROM unnest(CAST(:company_id AS int[]), CAST(:loser_id AS int[]), CAST(:winner_id AS int[]),
            CAST(:frees AS bool[])) AS b(company_id, loser_id, winner_id, frees)
WHERE c."companyId" = b.company_id
  AND ((c.id = b.loser_id AND c."mergedIntoContactId" IS NULL)
       OR c."mergedIntoContactId" = b.loser_id)
RETURNING c.id, c."companyId", c."mergedIntoContactId" AS winner,
          CAST(extract(epoch FROM c."updatedAt") * 1000000 AS bigint) AS version
""")

NUMBERS = statement("""
SELECT l."companyId", l.lid, l.number
FROM unnest(CAST(:company_id AS int[]), CAST(:lid AS text[])) AS b(company_id, lid)
JOIN "LidNumbers" l ON l."companyId" = b.company_id AND l.lid = b.lid
""")

REMEMBER = statement("""
INSERT INTO "LidNumbers" AS l ("companyId", lid, number)
SELECT b.* FROM unnest(CAST(:company_id AS int[]), CAST(:lid AS text[]), CAST(:number AS text[]))
  AS b(company_id, lid, number)
ORDER BY b.company_id, b.lid
ON CONFLICT ("companyId", lid) DO UPDATE SET number = EXCLUDED.number, "updatedAt" = now()
WHERE l.number <> EXCLUDED.number
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


async def numbers(conn: AsyncConnection, lids: Collection[Lid]) -> dict[Lid, str]:
    """Read the numbers that are known of these LIDs."""
    if not lids:
        return {}
    ordered = sorted(lids)
    given = {"company_id": [lid[0] for lid in ordered], "lid": [lid[1] for lid in ordered]}
    return {(row[0], row[1]): row[2] for row in await conn.execute(NUMBERS, given)}


async def remember(conn: AsyncConnection, found: Sequence[LidNumber]) -> None:
    """Keep the numbers behind LIDs, for messages that say only the LID."""
    if found:
        await conn.execute(REMEMBER, all_columns(found, LidNumber))


async def known(conn: AsyncConnection, identities: Collection[Identity]) -> list[Known]:
    """Read the contacts that any key of these identities finds, each under the keys found."""
    names = ("company_id", "number", "other_number", "lid", "jid")
    rows = await conn.execute(KNOWN, columns(list(identities), names))
    return [
        Known(Identity(row.companyId, row[0], row[1], row[2]), Contact(*row[3:])) for row in rows
    ]


async def save(conn: AsyncConnection, changes: Changes) -> Saved:
    """Insert, merge and update; gives what was saved, by the planned ids.

    Raises RacedError when a contact to update or to merge is no longer as it was read.
    """
    saved = Saved()
    await _insert(conn, changes, saved)
    await _merge(conn, changes, saved)
    if changes.changed:
        rows = await conn.execute(UPDATE, all_columns(list(changes.changed.values()), Contact))
        saved.contacts |= {row.id: _saved(row) for row in rows}
        if not changes.changed.keys() <= saved.contacts.keys():
            raise RacedError
    return saved


async def _insert(conn: AsyncConnection, changes: Changes, saved: Saved) -> None:
    if not changes.new:
        return
    rows = await conn.execute(INSERT, all_columns(list(changes.new.values()), Contact))
    planned = {_natural_key(c.company_id, c.number, c.lid): i for i, c in changes.new.items()}
    for row in rows:
        saved.contacts[planned[_natural_key(row.companyId, row.number, row.lid)]] = _saved(row)


async def _merge(conn: AsyncConnection, changes: Changes, saved: Saved) -> None:
    if not changes.merged:
        return
    merges = [
        replace(m, loser_id=saved.final(m.loser_id), winner_id=saved.final(m.winner_id))
        for m in changes.merged.values()
    ]
    planned = {saved.final(m.winner_id): m.winner_id for m in changes.merged.values()}
    rows = (await conn.execute(MERGE, all_columns(merges, Merge))).all()
    if not {m.loser_id for m in merges} <= {row.id for row in rows}:
        raise RacedError
    for row in rows:
        fact = ContactMerged(
            company_id=row.companyId,
            contact_id=row.winner,
            version=row.version,
            merged_contact_id=row.id,
        )
        saved.merged_into.setdefault(planned[row.winner], []).append(fact)


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
