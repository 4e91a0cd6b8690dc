"""Statements of the address book: load, insert, update and merge contacts."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.domain.address_book import (
    Changes,
    Contact,
    Identity,
    KnownContact,
    LidNumber,
    Merge,
    Saved,
)
from services.contacts.domain.aliases import Aliases
from services.contacts.domain.keys import LidKey, LineKey
from services.contacts.domain.line import Line
from services.contacts.persistence.contact_state import STATE_COLUMNS, read_state
from shared.contracts.contact import ContactMerged
from shared.db.bulk import ConcurrentUpdateError, match_company, rows_as_columns, source, statement


class FreedLid(NamedTuple):
    """The LID of a canonical contact, set after the merged contact's LID is NULL."""

    company_id: int
    contact_id: int
    lid: str | None


# min() reads one entry of the index; EXISTS may read the whole table if a company has no changes.
LINES = statement(f"""
SELECT w."companyId", w.id, w."allowGroup",
       (SELECT min(g.portfolio) FROM "GatewayConnections" g
        WHERE g."companyId" = w."companyId" AND g."whatsappId" = w.id
          AND g.portfolio <> '') AS portfolio,
       (SELECT min(n.number) FROM "NumberChanges" n
        WHERE n."companyId" = w."companyId") IS NOT NULL AS has_changes,
       s."messageRetentionDays" AS message_days
FROM "Whatsapps" w
JOIN {source(LineKey)}
  ON w."companyId" = b.company_id AND w.id = b.whatsapp_id
LEFT JOIN "CompaniesSettings" s ON s."companyId" = b.company_id
""")

# One query per column, so that each uses its index.
_FOUND = " UNION ".join(
    f"""
  SELECT b.company_id, k.id, k."mergedIntoContactId" AS canonical_id, k.number, k.lid, k.jid,
         CAST(NULL AS text) AS portfolio, CAST(NULL AS text) AS user_id
  FROM b JOIN "Contacts" k ON k."companyId" = b.company_id AND k.{column} = b.{given}"""
    for column, given in (
        ("number", "number"),
        ("number", "other_number"),
        ("lid", "lid"),
        ("jid", "jid"),
    )
)
_FOUND_BY_USER_ID = f"""
  SELECT b.company_id, k.id, k."mergedIntoContactId" AS canonical_id, k.number, k.lid, k.jid,
         b.portfolio, b.user_id
  FROM b JOIN "Contacts" k ON k.id = b.contact_id AND {match_company("k", "b.company_id")}
"""

# A merged contact is replaced by its canonical contact, whatever key found it.
CONTACTS = statement(f"""
WITH b AS (
  SELECT * FROM {source(Identity, other_number="text", contact_id="int")}
), found AS ({_FOUND} UNION {_FOUND_BY_USER_ID})
SELECT DISTINCT found.number AS found_number, found.lid AS found_lid, found.jid AS found_jid,
       found.portfolio AS found_portfolio, found.user_id AS found_user_id,
       c.id, c."companyId", c.number, c.lid, c.jid, c."remoteJid", c.name, c."isGroup", c.active,
       c.channel, c."whatsappId", c."updatedAt"
FROM found JOIN "Contacts" c ON c.id = COALESCE(found.canonical_id, found.id)
                            AND {match_company("c", "found.company_id")}
ORDER BY c.id
""")

# The default of "acceptAudioMessage" is the company's setting. A contact that no user created is
# not in the agenda.
INSERT = statement(f"""
INSERT INTO "Contacts" AS c ("companyId", number, lid, jid, "remoteJid", name, "isGroup",
                             active, channel, "whatsappId", "acceptAudioMessage", source,
                             "isInAgenda")
SELECT b.company_id, b.number, b.lid, b.jid, b.remote_jid, b.name, b.is_group, b.active,
       b.channel, b.whatsapp_id, COALESCE(s."acceptAudioMessageContact" <> 'disabled', TRUE),
       'auto_created', FALSE
FROM {source(Contact)}
LEFT JOIN "CompaniesSettings" s ON s."companyId" = b.company_id
ORDER BY b.company_id, b.number, b.lid
RETURNING {STATE_COLUMNS}, c."remoteJid", c."whatsappId"
""")

UPDATE = statement(f"""
UPDATE "Contacts" c
SET number = b.number, lid = b.lid, jid = b.jid, "remoteJid" = b.remote_jid, name = b.name,
    active = COALESCE(b.active, TRUE),
    "updatedAt" = GREATEST(clock_timestamp(), c."updatedAt" + interval '1 microsecond')
FROM {source(Contact)}
WHERE c."companyId" = b.company_id AND c.id = b.id AND c."updatedAt" = b.updated_at
RETURNING {STATE_COLUMNS}
""")

# Numbers and JIDs are unique: a contact loses its own before another one gets them.
GIVE_NUMBERS = statement(f"""
UPDATE "Contacts" c SET number = NULL, jid = NULL
FROM {source(Contact)}
WHERE c."companyId" = b.company_id AND c.id = b.id AND c."updatedAt" = b.updated_at
""")

MERGE = statement(f"""
UPDATE "Contacts" c
SET "mergedIntoContactId" = b.canonical_id, active = FALSE,
    lid = CASE WHEN b.frees_lid AND c.id = b.merged_id THEN NULL ELSE c.lid END,
    "updatedAt" = GREATEST(clock_timestamp(), c."updatedAt" + interval '1 microsecond')
FROM {source(Merge)}
WHERE {match_company("c", "b.company_id")}
  AND ((c.id = b.merged_id AND c."mergedIntoContactId" IS NULL)
       OR c."mergedIntoContactId" = b.merged_id)
RETURNING c.id, c."companyId", c."mergedIntoContactId" AS canonical_id,
          CAST(extract(epoch FROM c."updatedAt") * 1000000 AS bigint) AS version
""")

# Tags and fields of the canonical contact are kept; the users of the merged contact are added after
# its own users; the earlier of both consents is kept. The canonical contact gets all products, and
# what is known only of the merged one.
MOVE_DEPENDENTS = statement(f"""
WITH b AS (
  SELECT * FROM {source(Merge)}
), tag AS (
  DELETE FROM "ContactTags" t USING b
  WHERE t."contactId" = b.merged_id AND {match_company("t", "b.company_id")}
  RETURNING b.company_id, b.canonical_id, t."tagId"
), wallet AS (
  DELETE FROM "ContactWallets" w USING b
  WHERE w."companyId" = b.company_id AND w."contactId" = b.merged_id
  RETURNING b.company_id, b.canonical_id, w."walletId", w.id
), field AS (
  DELETE FROM "ContactCustomFields" f USING b
  WHERE f."companyId" = b.company_id AND f."contactId" = b.merged_id
  RETURNING b.company_id, b.canonical_id, f.name, f.value, f.id
), tagged AS (
  INSERT INTO "ContactTags" ("companyId", "contactId", "tagId")
  SELECT DISTINCT company_id, canonical_id, "tagId" FROM tag
  ON CONFLICT ("contactId", "tagId") DO NOTHING
), inherited AS (
  INSERT INTO "ContactWallets" ("companyId", "contactId", "walletId")
  SELECT company_id, canonical_id, "walletId" FROM wallet ORDER BY id
  ON CONFLICT ("walletId", "contactId") DO NOTHING
), product AS (
  UPDATE "ContactProducts" p
  SET "contactId" = b.canonical_id,
      "updatedAt" = GREATEST(clock_timestamp(), p."updatedAt" + interval '1 microsecond')
  FROM b WHERE p."companyId" = b.company_id AND p."contactId" = b.merged_id
), known AS (
  SELECT b.company_id, b.canonical_id, min(merged."lgpdAcceptedAt") AS consented_at,
         bool_or(merged."isInAgenda") AS is_in_agenda, min(merged.language) AS language,
         string_agg(merged."followUp", E'\\n' ORDER BY merged.id) AS follow_up
  FROM b JOIN "Contacts" merged ON merged."companyId" = b.company_id AND merged.id = b.merged_id
  GROUP BY b.company_id, b.canonical_id
), completed AS (
  UPDATE "Contacts" c
  SET "lgpdAcceptedAt" = LEAST(c."lgpdAcceptedAt", known.consented_at),
      "isInAgenda" = c."isInAgenda" OR known.is_in_agenda,
      language = COALESCE(c.language, known.language),
      "followUp" = COALESCE(c."followUp", known.follow_up)
  FROM known
  WHERE c."companyId" = known.company_id AND c.id = known.canonical_id
    AND (known.is_in_agenda OR known.consented_at IS NOT NULL OR known.language IS NOT NULL
         OR known.follow_up IS NOT NULL)
)
INSERT INTO "ContactCustomFields" ("companyId", "contactId", name, value)
SELECT DISTINCT ON (canonical_id, name) company_id, canonical_id, name, value FROM field
WHERE NOT EXISTS (SELECT FROM "ContactCustomFields" own
                  WHERE own."companyId" = field.company_id
                    AND own."contactId" = field.canonical_id AND own.name = field.name)
ORDER BY canonical_id, name, id
""")

# LIDs are unique: a new canonical contact gets its LID after the merged contact's is set to NULL.
SET_FREED_LIDS = statement(f"""
UPDATE "Contacts" c SET lid = b.lid
FROM {source(FreedLid)}
WHERE c."companyId" = b.company_id AND c.id = b.contact_id
RETURNING {STATE_COLUMNS}
""")

LID_NUMBERS = statement(f"""
SELECT l."companyId", l.lid, l.number, l."numberAt"
FROM {source(LidKey)}
JOIN "LidNumbers" l ON l."companyId" = b.company_id AND l.lid = b.lid
""")

SAVE_LID_NUMBERS = statement(f"""
INSERT INTO "LidNumbers" AS l ("companyId", lid, number, "numberAt")
SELECT b.company_id, b.lid, b.number, b.number_at FROM {source(LidNumber)}
ORDER BY b.company_id, b.lid
ON CONFLICT ("companyId", lid) DO UPDATE
SET number = EXCLUDED.number, "numberAt" = EXCLUDED."numberAt", "updatedAt" = now()
WHERE l."numberAt" IS NULL OR (EXCLUDED."numberAt", EXCLUDED.number) > (l."numberAt", l.number)
""")


async def load_lines(conn: AsyncConnection, keys: Collection[LineKey]) -> dict[LineKey, Line]:
    """Return which of these lines exist."""
    if not keys:
        return {}
    rows = await conn.execute(LINES, rows_as_columns(sorted(keys), LineKey))
    return {
        LineKey(row.companyId, row.id): Line(
            row.companyId,
            row.id,
            row.allowGroup,
            row.portfolio,
            row.has_changes,
            row.message_days,
        )
        for row in rows
    }


async def load_lid_numbers(
    conn: AsyncConnection, lids: Collection[LidKey]
) -> dict[LidKey, LidNumber]:
    """Return the numbers that are known of these LIDs."""
    if not lids:
        return {}
    rows = await conn.execute(LID_NUMBERS, rows_as_columns(sorted(lids), LidKey))
    return {
        LidKey(row.companyId, row.lid): LidNumber(row.companyId, row.lid, row.number, row.numberAt)
        for row in rows
    }


async def save_lid_numbers(conn: AsyncConnection, numbers: Sequence[LidNumber]) -> None:
    """Save the numbers of LIDs, for messages that name only the LID."""
    if numbers:
        await conn.execute(SAVE_LID_NUMBERS, rows_as_columns(numbers, LidNumber))


async def load_contacts(
    conn: AsyncConnection, identities: Collection[Identity], aliases: Aliases
) -> list[KnownContact]:
    """Return the contacts with any key of these identities, each with the identity that matched.

    `aliases` has the contacts of their BSUIDs.
    """
    ordered = list(identities)
    parameters = {
        **rows_as_columns(ordered, Identity),
        "other_number": [identity.other_number for identity in ordered],
        "contact_id": [aliases.get_contact_id(identity) for identity in ordered],
    }
    return [_read_known(row) for row in await conn.execute(CONTACTS, parameters)]


async def save_changes(conn: AsyncConnection, changes: Changes) -> Saved:
    """Insert, merge and update contacts; return their facts by planned id.

    Raises ConcurrentUpdateError if a contact to update or merge was changed by another transaction.
    """
    saved = Saved()
    await _insert(conn, changes, saved)
    await _merge(conn, changes, saved)
    await _set_freed_lids(conn, changes, saved)
    if giving := changes.giving_number:
        await conn.execute(GIVE_NUMBERS, rows_as_columns(giving, Contact))
    if changes.changed:
        rows = await conn.execute(UPDATE, rows_as_columns(list(changes.changed.values()), Contact))
        saved.contacts |= {row.id: read_state(row) for row in rows}
        if not changes.changed.keys() <= saved.contacts.keys():
            raise ConcurrentUpdateError
    return saved


async def _insert(conn: AsyncConnection, changes: Changes, saved: Saved) -> None:
    if not changes.new:
        return
    new = changes.new | {i: replace(c, lid=None) for i, c in changes.taking_lid.items()}
    rows = await conn.execute(INSERT, rows_as_columns(list(new.values()), Contact))
    # People without number and LID may have equal rows: any of these is as good as the other.
    planned: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for i, c in new.items():
        planned[c.company_id, c.number, c.lid, c.remote_jid, c.whatsapp_id, c.name].append(i)
    for row in rows:
        key = (row.companyId, row.number, row.lid, row.remoteJid, row.whatsappId, row.name)
        saved.contacts[planned[key].pop()] = read_state(row)


async def _merge(conn: AsyncConnection, changes: Changes, saved: Saved) -> None:
    if not changes.merged:
        return
    merges = [
        replace(
            merge,
            merged_id=saved.get_final_id(merge.merged_id),
            canonical_id=saved.get_final_id(merge.canonical_id),
        )
        for merge in changes.merged.values()
    ]
    planned = {saved.get_final_id(m.canonical_id): m.canonical_id for m in changes.merged.values()}
    parameters = rows_as_columns(merges, Merge)
    rows = (await conn.execute(MERGE, parameters)).all()
    if not {merge.merged_id for merge in merges} <= {row.id for row in rows}:
        raise ConcurrentUpdateError
    await conn.execute(MOVE_DEPENDENTS, parameters)
    for row in rows:
        fact = ContactMerged(
            company_id=row.companyId,
            contact_id=row.canonical_id,
            version=row.version,
            merged_contact_id=row.id,
        )
        saved.merged_into.setdefault(planned[row.canonical_id], []).append(fact)


async def _set_freed_lids(conn: AsyncConnection, changes: Changes, saved: Saved) -> None:
    if not changes.taking_lid:
        return
    planned = {saved.get_final_id(i): i for i in changes.taking_lid}
    lids = [
        FreedLid(contact.company_id, saved.get_final_id(i), contact.lid)
        for i, contact in changes.taking_lid.items()
    ]
    for row in await conn.execute(SET_FREED_LIDS, rows_as_columns(lids, FreedLid)):
        saved.contacts[planned[row.id]] = read_state(row)


def _read_known(row: Row[Any]) -> KnownContact:
    contact = Contact(
        id=row.id,
        company_id=row.companyId,
        number=row.number,
        lid=row.lid,
        jid=row.jid,
        remote_jid=row.remoteJid,
        name=row.name,
        is_group=row.isGroup,
        active=row.active,
        channel=row.channel,
        whatsapp_id=row.whatsappId,
        updated_at=row.updatedAt,
    )
    found_by = Identity(
        row.companyId,
        row.found_number,
        row.found_lid,
        row.found_jid,
        row.found_portfolio,
        row.found_user_id,
    )
    return KnownContact(found_by, contact)
