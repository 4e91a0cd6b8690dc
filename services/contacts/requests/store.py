"""Statements that load the contacts that requests name, and save their changes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.domain.keys import ContactKey, TagKey, UserKey
from services.contacts.requests.rules import (
    Plan,
    Profile,
    ReferenceData,
    get_contact_key,
    list_tags,
    list_users,
)
from shared.contracts.base import BEGINNING
from shared.contracts.contact_request import ContactRequest
from shared.db.bulk import ConcurrentUpdateError, match_company, rows_as_columns, source, statement
from shared.db.purged import exclude_purged


class ContactUpdate(NamedTuple):
    """The columns of "Contacts" that a request changes."""

    company_id: int
    id: int
    name: str
    email: str
    blocked: bool
    disable_bot: bool
    accept_audio_message: bool
    active: bool
    updated_at: datetime


class TagOfContact(NamedTuple):
    """A tag to save for a contact; no field is named as in ContactKey: a statement has both."""

    of_company_id: int
    of_contact_id: int
    tag_id: int


class UserOfContact(NamedTuple):
    """A user ("ContactWallets") to save for a contact."""

    company_id: int
    contact_id: int
    wallet_id: int


class FieldOfContact(NamedTuple):
    """A custom field to save for a contact; field names differ from ContactKey's."""

    of_company_id: int
    of_contact_id: int
    name: str
    value: str


# A merged contact is replaced by its canonical contact.
CONTACTS = statement(f"""
SELECT b.contact_id AS named_id, c.id, c."companyId", c.name, c."updatedAt", c.number, c.lid, c.jid,
       c."isGroup", COALESCE(c.active, TRUE) AS active, c.email, c.blocked, c."disableBot",
       c."acceptAudioMessage", tag.ids AS tag_ids, wallet.ids AS wallet_ids, field.pairs,
       clock_timestamp() AS now
FROM {source(ContactKey)}
JOIN "Contacts" named ON named.id = b.contact_id AND {match_company("named", "b.company_id")}
JOIN "Contacts" c ON c.id = COALESCE(named."mergedIntoContactId", named.id)
                 AND {match_company("c", 'named."companyId"')}
CROSS JOIN LATERAL (
  SELECT array_agg("tagId" ORDER BY "tagId") AS ids FROM "ContactTags" t
  WHERE "contactId" = c.id AND {match_company("t", "b.company_id")}
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

TAGS = statement(f"""
SELECT t."companyId", t.id
FROM {source(TagKey)}
JOIN "Tags" t ON t."companyId" = b.company_id AND t.id = b.tag_id
""")

USERS = statement(f"""
SELECT u."companyId", u.id
FROM {source(UserKey)}
JOIN "Users" u ON u."companyId" = b.company_id AND u.id = b.user_id
WHERE {exclude_purged("Users", "u")}
""")

UPDATE = statement(f"""
UPDATE "Contacts" c
SET name = b.name, email = b.email, blocked = b.blocked, "disableBot" = b.disable_bot,
    "acceptAudioMessage" = b.accept_audio_message, active = b.active, "updatedAt" = b.updated_at
FROM {source(ContactUpdate, before="timestamptz")}
WHERE c."companyId" = b.company_id AND c.id = b.id AND c."updatedAt" = b.before
RETURNING c.id
""")

# The CTEs of one statement do not see each other's changes; they change different rows.
REPLACE_TAGS = statement(f"""
WITH wanted AS (
  SELECT * FROM {source(TagOfContact, "t")}
), gone AS (
  DELETE FROM "ContactTags" w
  USING {source(ContactKey)}
  WHERE w."contactId" = b.contact_id AND {match_company("w", "b.company_id")}
    AND NOT EXISTS (SELECT FROM wanted
                    WHERE wanted.of_contact_id = w."contactId" AND wanted.tag_id = w."tagId")
)
INSERT INTO "ContactTags" ("companyId", "contactId", "tagId")
SELECT * FROM wanted ORDER BY of_contact_id, tag_id
ON CONFLICT ("contactId", "tagId") DO NOTHING
""")

# Users are ordered by row id, so all rows are replaced when the order changes.
DELETE_WALLETS = statement(f"""
DELETE FROM "ContactWallets" w
USING {source(ContactKey)}
WHERE w."companyId" = b.company_id AND w."contactId" = b.contact_id
""")

INSERT_WALLETS = statement(f"""
INSERT INTO "ContactWallets" ("companyId", "contactId", "walletId")
SELECT b.company_id, b.contact_id, b.wallet_id
FROM {source(UserOfContact, position="int")}
ORDER BY b.position
""")

REPLACE_FIELDS = statement(f"""
WITH wanted AS (
  SELECT * FROM {source(FieldOfContact, "f")}
), gone AS (
  DELETE FROM "ContactCustomFields" f
  USING {source(ContactKey)}
  WHERE f."companyId" = b.company_id AND f."contactId" = b.contact_id
    AND NOT EXISTS (SELECT FROM wanted
                    WHERE wanted.of_contact_id = f."contactId" AND wanted.name = f.name)
), kept AS (
  UPDATE "ContactCustomFields" f SET value = wanted.value, "updatedAt" = now()
  FROM wanted
  WHERE f."companyId" = wanted.of_company_id AND f."contactId" = wanted.of_contact_id
    AND f.name = wanted.name AND f.value <> wanted.value
)
INSERT INTO "ContactCustomFields" ("companyId", "contactId", name, value)
SELECT * FROM wanted
WHERE NOT EXISTS (SELECT FROM "ContactCustomFields" f
                  WHERE f."companyId" = wanted.of_company_id
                    AND f."contactId" = wanted.of_contact_id AND f.name = wanted.name)
ORDER BY of_contact_id, name
""")


async def load_plan(conn: AsyncConnection, batch: Collection[ContactRequest]) -> Plan:
    """Load the contacts that requests name; return a plan without changes."""
    keys = sorted({get_contact_key(request) for request in batch})
    rows = (await conn.execute(CONTACTS, rows_as_columns(keys, ContactKey))).all()
    return Plan(
        profiles={ContactKey(row.companyId, row.id): _read_profile(row) for row in rows},
        canonical={
            ContactKey(row.companyId, row.named_id): ContactKey(row.companyId, row.id)
            for row in rows
        },
        now=max((row.now for row in rows), default=BEGINNING),
    )


async def load_reference_data(
    conn: AsyncConnection, batch: Collection[ContactRequest]
) -> ReferenceData:
    """Return the existing ones of the companies, tags and users that requests name."""
    companies = sorted({request.company_id for request in batch})
    return ReferenceData(
        companies=set((await conn.execute(COMPANIES, {"id": companies})).scalars()),
        tags=await _find_tags(conn, list_tags(batch)),
        users=await _find_users(conn, list_users(batch)),
    )


async def save_plan(conn: AsyncConnection, plan: Plan) -> None:
    """Save a plan's changes; raises ConcurrentUpdateError if a contact changed meanwhile."""
    if not plan.changed:
        return
    await _update(conn, plan)
    await _replace_tags(conn, plan.list_changed_in("tag_ids"))
    await _replace_wallets(conn, plan.list_changed_in("wallet_ids"))
    await _replace_fields(conn, plan.list_changed_in("custom_fields"))


async def _find_tags(conn: AsyncConnection, tags: Collection[TagKey]) -> set[TagKey]:
    if not tags:
        return set()
    rows = await conn.execute(TAGS, rows_as_columns(sorted(tags), TagKey))
    return {TagKey(row.companyId, row.id) for row in rows}


async def _find_users(conn: AsyncConnection, users: Collection[UserKey]) -> set[UserKey]:
    if not users:
        return set()
    rows = await conn.execute(USERS, rows_as_columns(sorted(users), UserKey))
    return {UserKey(row.companyId, row.id) for row in rows}


async def _update(conn: AsyncConnection, plan: Plan) -> None:
    before = [plan.before[profile.key].updated_at for profile in plan.changed]
    parameters = {**rows_as_columns(plan.changed, ContactUpdate), "before": before}
    rows = await conn.execute(UPDATE, parameters)
    if len(rows.all()) < len(plan.changed):
        raise ConcurrentUpdateError


async def _replace_tags(conn: AsyncConnection, profiles: Sequence[Profile]) -> None:
    if profiles:
        tags = [TagOfContact(*p.key, tag) for p in profiles for tag in p.tag_ids]
        parameters = _build_keys(profiles) | rows_as_columns(tags, TagOfContact)
        await conn.execute(REPLACE_TAGS, parameters)


async def _replace_wallets(conn: AsyncConnection, profiles: Sequence[Profile]) -> None:
    if profiles:
        await conn.execute(DELETE_WALLETS, _build_keys(profiles))
        users = [UserOfContact(*p.key, user) for p in profiles for user in p.wallet_ids]
        positions = {"position": list(range(len(users)))}
        await conn.execute(INSERT_WALLETS, rows_as_columns(users, UserOfContact) | positions)


async def _replace_fields(conn: AsyncConnection, profiles: Sequence[Profile]) -> None:
    if profiles:
        fields = [FieldOfContact(*p.key, *field) for p in profiles for field in p.custom_fields]
        parameters = _build_keys(profiles) | rows_as_columns(fields, FieldOfContact)
        await conn.execute(REPLACE_FIELDS, parameters)


def _build_keys(profiles: Sequence[Profile]) -> dict[str, list[Any]]:
    return rows_as_columns([profile.key for profile in profiles], ContactKey)


def _read_profile(row: Row[Any]) -> Profile:
    return Profile(
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
