"""Contacts that something is asked about: loading them with what is beside them, and saving it."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.rules.wishes import House, Named, Person, Plan, key_of, tags_of, users_of
from shared.contracts.base import BEGINNING
from shared.contracts.contact_request import ContactRequest
from shared.db.bulk import RacedError, columns, statement
from shared.db.purged import stays

# A merged contact is stood for by the one that it was merged into.
PEOPLE = statement("""
SELECT b.id AS asked_id, c.id, c."companyId", c.name, c."updatedAt", c.number, c.lid, c.jid,
       c."isGroup", COALESCE(c.active, TRUE) AS active, c.email, c.blocked, c."disableBot",
       c."acceptAudioMessage", tag.ids AS tag_ids, wallet.ids AS wallet_ids, field.pairs,
       clock_timestamp() AS now
FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[])) AS b(company_id, id)
JOIN "Contacts" named ON named."companyId" = b.company_id AND named.id = b.id
JOIN "Contacts" c ON c."companyId" = b.company_id
                 AND c.id = COALESCE(named."mergedIntoContactId", named.id)
CROSS JOIN LATERAL (
  SELECT array_agg("tagId" ORDER BY "tagId") AS ids FROM "ContactTags"
  WHERE "companyId" = b.company_id AND "contactId" = c.id
) AS tag
CROSS JOIN LATERAL (
  SELECT array_agg("walletId" ORDER BY id) AS ids FROM "ContactWallets"
  WHERE "companyId" = b.company_id AND "contactId" = c.id
) AS wallet
CROSS JOIN LATERAL (
  SELECT json_agg(json_build_array(name, value) ORDER BY id) AS pairs FROM "ContactCustomFields"
  WHERE "companyId" = b.company_id AND "contactId" = c.id
) AS field
""")

COMPANIES = statement("""
SELECT id FROM "Companies" WHERE id = ANY(CAST(:id AS int[]))
""")

TAGS = statement("""
SELECT t."companyId", t.id
FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[])) AS b(company_id, id)
JOIN "Tags" t ON t."companyId" = b.company_id AND t.id = b.id
""")

USERS = statement(f"""
SELECT u."companyId", u.id
FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[])) AS b(company_id, id)
JOIN "Users" u ON u."companyId" = b.company_id AND u.id = b.id
WHERE {stays("Users", "u")}
""")

UPDATE = statement("""
UPDATE "Contacts" c
SET name = b.name, email = b.email, blocked = b.blocked, "disableBot" = b.disable_bot,
    "acceptAudioMessage" = b.accept_audio_message, active = b.active, "updatedAt" = b.updated_at
FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[]), CAST(:name AS text[]),
            CAST(:email AS text[]), CAST(:blocked AS bool[]), CAST(:disable_bot AS bool[]),
            CAST(:accept_audio_message AS bool[]), CAST(:active AS bool[]),
            CAST(:updated_at AS timestamptz[]), CAST(:before AS timestamptz[]))
  AS b(company_id, id, name, email, blocked, disable_bot, accept_audio_message, active,
       updated_at, before)
WHERE c."companyId" = b.company_id AND c.id = b.id AND c."updatedAt" = b.before
RETURNING c.id
""")

# The parts of one statement do not see each other's rows, and here they touch different ones.
TAG = statement("""
WITH worn AS (
  SELECT * FROM unnest(CAST(:worn_company_id AS int[]), CAST(:worn_contact_id AS int[]),
                       CAST(:worn_tag_id AS int[])) AS worn(company_id, contact_id, tag_id)
), gone AS (
  DELETE FROM "ContactTags" w
  USING unnest(CAST(:company_id AS int[]), CAST(:id AS int[])) AS b(company_id, id)
  WHERE w."companyId" = b.company_id AND w."contactId" = b.id
    AND NOT EXISTS (SELECT FROM worn
                    WHERE worn.contact_id = w."contactId" AND worn.tag_id = w."tagId")
)
INSERT INTO "ContactTags" ("companyId", "contactId", "tagId")
SELECT * FROM worn ORDER BY contact_id, tag_id
ON CONFLICT ("contactId", "tagId") DO NOTHING
""")

# Who looks after a contact comes in the order of the rows, so another order means other rows.
LEAVE = statement("""
DELETE FROM "ContactWallets" w
USING unnest(CAST(:company_id AS int[]), CAST(:id AS int[])) AS b(company_id, id)
WHERE w."companyId" = b.company_id AND w."contactId" = b.id
""")

LOOK_AFTER = statement("""
INSERT INTO "ContactWallets" ("companyId", "contactId", "walletId")
SELECT b.company_id, b.contact_id, b.wallet_id
FROM unnest(CAST(:company_id AS int[]), CAST(:contact_id AS int[]), CAST(:wallet_id AS int[]))
  WITH ORDINALITY AS b(company_id, contact_id, wallet_id, place)
ORDER BY b.place
""")

FILL_IN = statement("""
WITH filled AS (
  SELECT * FROM unnest(CAST(:field_company_id AS int[]), CAST(:field_contact_id AS int[]),
                       CAST(:field_name AS text[]), CAST(:field_value AS text[]))
    AS filled(company_id, contact_id, name, value)
), gone AS (
  DELETE FROM "ContactCustomFields" f
  USING unnest(CAST(:company_id AS int[]), CAST(:id AS int[])) AS b(company_id, id)
  WHERE f."companyId" = b.company_id AND f."contactId" = b.id
    AND NOT EXISTS (SELECT FROM filled
                    WHERE filled.contact_id = f."contactId" AND filled.name = f.name)
), kept AS (
  UPDATE "ContactCustomFields" f SET value = filled.value, "updatedAt" = now()
  FROM filled
  WHERE f."companyId" = filled.company_id AND f."contactId" = filled.contact_id
    AND f.name = filled.name AND f.value <> filled.value
)
INSERT INTO "ContactCustomFields" ("companyId", "contactId", name, value)
SELECT * FROM filled
WHERE NOT EXISTS (SELECT FROM "ContactCustomFields" f
                  WHERE f."companyId" = filled.company_id
                    AND f."contactId" = filled.contact_id AND f.name = filled.name)
ORDER BY contact_id, name
""")


async def plan(conn: AsyncConnection, batch: Collection[ContactRequest]) -> Plan:
    """Read the contacts that requests are about, and begin a plan for them."""
    asked = {key_of(request) for request in batch}
    rows = (await conn.execute(PEOPLE, _columns(asked))).all()
    return Plan(
        people={(row.companyId, row.id): _person(row) for row in rows},
        standing={(row.companyId, row.asked_id): (row.companyId, row.id) for row in rows},
        now=max((row.now for row in rows), default=BEGINNING),
    )


async def house(conn: AsyncConnection, batch: Collection[ContactRequest]) -> House:
    """Read which companies, tags and users that requests name there are."""
    companies = sorted({request.company_id for request in batch})
    return House(
        companies={row.id for row in await conn.execute(COMPANIES, {"id": companies})},
        tags=await _there(conn, TAGS, tags_of(batch)),
        users=await _there(conn, USERS, users_of(batch)),
    )


async def save(conn: AsyncConnection, plan: Plan) -> None:
    """Write a plan's rows; raises RacedError where a contact is no longer as it was read."""
    if not plan.changed:
        return
    await _update(conn, plan)
    await _tag(conn, plan.changed_in("tag_ids"))
    await _look_after(conn, plan.changed_in("wallet_ids"))
    await _fill_in(conn, plan.changed_in("custom_fields"))


async def _there(conn: AsyncConnection, sql: TextClause, named: Collection[Named]) -> set[Named]:
    if not named:
        return set()
    return {(row[0], row[1]) for row in await conn.execute(sql, _columns(named))}


async def _update(conn: AsyncConnection, plan: Plan) -> None:
    names = (
        "company_id", "id", "name", "email", "blocked", "disable_bot", "accept_audio_message",
        "active", "updated_at",
    )  # fmt: skip
    before = [plan.before[person.key].updated_at for person in plan.changed]
    rows = await conn.execute(UPDATE, {**columns(plan.changed, names), "before": before})
    if len(rows.all()) < len(plan.changed):
        raise RacedError


async def _tag(conn: AsyncConnection, people: Sequence[Person]) -> None:
    if people:
        worn = [(p.company_id, p.id, tag) for p in people for tag in p.tag_ids]
        names = ("worn_company_id", "worn_contact_id", "worn_tag_id")
        await conn.execute(TAG, _columns({p.key for p in people}) | _turned(worn, names))


async def _look_after(conn: AsyncConnection, people: Sequence[Person]) -> None:
    if people:
        await conn.execute(LEAVE, _columns({p.key for p in people}))
        users = [(p.company_id, p.id, user) for p in people for user in p.wallet_ids]
        await conn.execute(LOOK_AFTER, _turned(users, ("company_id", "contact_id", "wallet_id")))


async def _fill_in(conn: AsyncConnection, people: Sequence[Person]) -> None:
    if people:
        filled = [(p.company_id, p.id, *field) for p in people for field in p.custom_fields]
        names = ("field_company_id", "field_contact_id", "field_name", "field_value")
        await conn.execute(FILL_IN, _columns({p.key for p in people}) | _turned(filled, names))


def _turned(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> dict[str, list[Any]]:
    return {name: [row[n] for row in rows] for n, name in enumerate(names)}


def _columns(named: Collection[Named]) -> dict[str, list[Any]]:
    return _turned(sorted(named), ("company_id", "id"))


def _person(row: Row[Any]) -> Person:
    return Person(
        id=row.id,
        company_id=row.companyId,
        name=row.name,
        updated_at=row.updatedAt,
        number=row.number,
        lid=row.lid,
        jid=row.jid,
        is_group=row.isGroup,
        active=row.active,
        email=row.email,
        blocked=row.blocked,
        disable_bot=row.disableBot,
        accept_audio_message=row.acceptAudioMessage,
        tag_ids=tuple(row.tag_ids or ()),
        wallet_ids=tuple(row.wallet_ids or ()),
        custom_fields=tuple(sorted(dict(row.pairs or ()).items())),
    )
