"""Finding the contacts that messages and links are about, and saving what is learnt of them."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.rules.address_book import Changes, Contact, Identity, Known, Merge, Saved
from services.contacts.rules.identifying import Lid, Line
from services.contacts.rules.linking import LidNumber
from services.contacts.store.state import STATE, saved_state
from shared.contracts.contact import ContactMerged
from shared.db.bulk import RacedError, all_columns, columns, same, statement

LINES = statement("""
SELECT w."companyId", w.id, w."allowGroup"
FROM "Whatsapps" w
JOIN unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[])) AS b(company_id, whatsapp_id)
  ON w."companyId" = b.company_id AND w.id = b.whatsapp_id
""")

# By each key apart, so that each has its index.
FOUND = " UNION ".join(
    f"""
  SELECT b.company_id, k.id, k."mergedIntoContactId" AS winner, k.number, k.lid, k.jid
  FROM b JOIN "Contacts" k ON k."companyId" = b.company_id AND k.{column} = b.{given}"""
    for column, given in (
        ("number", "number"),
        ("number", "other_number"),
        ("lid", "lid"),
        ("jid", "jid"),
    )
)

# A merged contact stands for the one that it was merged into, whatever key it is found by.
KNOWN = statement(f"""
WITH b AS (
  SELECT * FROM unnest(CAST(:company_id AS int[]), CAST(:number AS text[]),
                       CAST(:other_number AS text[]), CAST(:lid AS text[]), CAST(:jid AS text[]))
    AS b(company_id, number, other_number, lid, jid)
), found AS ({FOUND})
SELECT DISTINCT found.number, found.lid, found.jid,
       c.id, c."companyId", c.number, c.lid, c.jid, c."remoteJid", c.name, c."isGroup", c.active,
       c.channel, c."whatsappId", c."updatedAt"
FROM found JOIN "Contacts" c ON c.id = COALESCE(found.winner, found.id)
                            AND {same("c", "found.company_id")}
ORDER BY c.id
""")

# Whether somebody's voice messages are taken is the company's wish, until it is his own.
INSERT = statement(f"""
INSERT INTO "Contacts" AS c ("companyId", number, lid, jid, "remoteJid", name, "isGroup",
                             active, channel, "whatsappId", "acceptAudioMessage")
SELECT b.company_id, b.number, b.lid, b.jid, b.remote_jid, b.name, b.is_group, b.active,
       b.channel, b.whatsapp_id, COALESCE(s."acceptAudioMessageContact" <> 'disabled', TRUE)
FROM unnest(CAST(:id AS int[]), CAST(:company_id AS int[]), CAST(:number AS text[]),
            CAST(:lid AS text[]), CAST(:jid AS text[]), CAST(:remote_jid AS text[]),
            CAST(:name AS text[]), CAST(:is_group AS bool[]), CAST(:active AS bool[]),
            CAST(:channel AS text[]), CAST(:whatsapp_id AS int[]))
  AS b(id, company_id, number, lid, jid, remote_jid, name, is_group, active, channel, whatsapp_id)
LEFT JOIN "CompaniesSettings" s ON s."companyId" = b.company_id
ORDER BY b.company_id, b.number, b.lid
RETURNING {STATE}
""")

UPDATE = statement(f"""
UPDATE "Contacts" c
SET number = b.number, lid = b.lid, jid = b.jid, "remoteJid" = b.remote_jid, name = b.name,
    active = COALESCE(b.active, TRUE),
    "updatedAt" = GREATEST(clock_timestamp(), c."updatedAt" + interval '1 microsecond')
FROM unnest(CAST(:id AS int[]), CAST(:company_id AS int[]), CAST(:number AS text[]),
            CAST(:lid AS text[]), CAST(:jid AS text[]), CAST(:remote_jid AS text[]),
            CAST(:name AS text[]), CAST(:active AS bool[]), CAST(:updated_at AS timestamptz[]))
  AS b(id, company_id, number, lid, jid, remote_jid, name, active, updated_at)
WHERE c."companyId" = b.company_id AND c.id = b.id AND c."updatedAt" = b.updated_at
RETURNING {STATE}
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

# What the winner has already is kept as it is; who looks after the loser comes after its own, and
# the earlier consent of the two counts.
INHERIT = statement("""
WITH b AS (
  SELECT * FROM unnest(CAST(:company_id AS int[]), CAST(:loser_id AS int[]),
                       CAST(:winner_id AS int[])) AS b(company_id, loser_id, winner_id)
), tag AS (
  DELETE FROM "ContactTags" t USING b
  WHERE t."companyId" = b.company_id AND t."contactId" = b.loser_id
  RETURNING b.company_id, b.winner_id, t."tagId"
), wallet AS (
  DELETE FROM "ContactWallets" w USING b
  WHERE w."companyId" = b.company_id AND w."contactId" = b.loser_id
  RETURNING b.company_id, b.winner_id, w."walletId", w.id
), field AS (
  DELETE FROM "ContactCustomFields" f USING b
  WHERE f."companyId" = b.company_id AND f."contactId" = b.loser_id
  RETURNING b.company_id, b.winner_id, f.name, f.value, f.id
), tagged AS (
  INSERT INTO "ContactTags" ("companyId", "contactId", "tagId")
  SELECT DISTINCT company_id, winner_id, "tagId" FROM tag
  ON CONFLICT ("contactId", "tagId") DO NOTHING
), looked_after AS (
  INSERT INTO "ContactWallets" ("companyId", "contactId", "walletId")
  SELECT company_id, winner_id, "walletId" FROM wallet ORDER BY id
  ON CONFLICT ("walletId", "contactId") DO NOTHING
), consent AS (
  SELECT b.company_id, b.winner_id, min(loser."lgpdAcceptedAt") AS given_at
  FROM b JOIN "Contacts" loser ON loser."companyId" = b.company_id AND loser.id = b.loser_id
  GROUP BY b.company_id, b.winner_id
), consented AS (
  UPDATE "Contacts" c SET "lgpdAcceptedAt" = LEAST(c."lgpdAcceptedAt", consent.given_at)
  FROM consent
  WHERE c."companyId" = consent.company_id AND c.id = consent.winner_id
    AND consent.given_at IS NOT NULL
)
INSERT INTO "ContactCustomFields" ("companyId", "contactId", name, value)
SELECT DISTINCT ON (winner_id, name) company_id, winner_id, name, value FROM field
WHERE NOT EXISTS (SELECT FROM "ContactCustomFields" own
                  WHERE own."companyId" = field.company_id
                    AND own."contactId" = field.winner_id AND own.name = field.name)
ORDER BY winner_id, name, id
""")

# A new contact gets the LID of one that is merged into it once that one has let it go.
INHERIT_LID = statement(f"""
UPDATE "Contacts" c SET lid = b.lid
FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[]), CAST(:lid AS text[]))
  AS b(company_id, id, lid)
WHERE c."companyId" = b.company_id AND c.id = b.id
RETURNING {STATE}
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
    await _inherit_lids(conn, changes, saved)
    if changes.changed:
        rows = await conn.execute(UPDATE, all_columns(list(changes.changed.values()), Contact))
        saved.contacts |= {row.id: saved_state(row) for row in rows}
        if not changes.changed.keys() <= saved.contacts.keys():
            raise RacedError
    return saved


async def _insert(conn: AsyncConnection, changes: Changes, saved: Saved) -> None:
    if not changes.new:
        return
    new = changes.new | {i: replace(c, lid=None) for i, c in changes.inheriting.items()}
    rows = await conn.execute(INSERT, all_columns(list(new.values()), Contact))
    planned = {(c.company_id, c.number, c.lid): i for i, c in new.items()}
    for row in rows:
        saved.contacts[planned[row.companyId, row.number, row.lid]] = saved_state(row)


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
    await conn.execute(INHERIT, columns(merges, ("company_id", "loser_id", "winner_id")))
    for row in rows:
        fact = ContactMerged(
            company_id=row.companyId,
            contact_id=row.winner,
            version=row.version,
            merged_contact_id=row.id,
        )
        saved.merged_into.setdefault(planned[row.winner], []).append(fact)


async def _inherit_lids(conn: AsyncConnection, changes: Changes, saved: Saved) -> None:
    if not changes.inheriting:
        return
    planned = {saved.final(i): i for i in changes.inheriting}
    given = {
        "company_id": [c.company_id for c in changes.inheriting.values()],
        "id": list(planned),
        "lid": [c.lid for c in changes.inheriting.values()],
    }
    for row in await conn.execute(INHERIT_LID, given):
        saved.contacts[planned[row.id]] = saved_state(row)
