"""Statements of BSUIDs and of changed numbers."""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.domain.address_book import Identity, Saved
from services.contacts.domain.aliases import Aliases, NumberChange, UserId
from services.contacts.domain.keys import NumberKey, UserIdKey
from shared.db.bulk import ConcurrentUpdateError, rows_as_columns, source, statement
from shared.gateways.normalize.numbers import find_other_spelling

# With all successors; UNION ends at a row that was found before.
USER_IDS = statement(f"""
WITH RECURSIVE known AS (
  SELECT u.* FROM {source(UserIdKey)}
  JOIN "BusinessUserIds" u ON u."companyId" = b.company_id AND u.portfolio = b.portfolio
                          AND u."userId" = b.user_id
  UNION
  SELECT u.* FROM known
  JOIN "BusinessUserIds" u ON u."companyId" = known."companyId" AND u.portfolio = known.portfolio
                          AND u."userId" = known."newUserId"
)
SELECT * FROM known
""")

CHANGES = statement(f"""
WITH RECURSIVE known AS (
  SELECT n.* FROM {source(NumberKey)}
  JOIN "NumberChanges" n ON n."companyId" = b.company_id AND n.number = b.number
  UNION
  SELECT n.* FROM known
  JOIN "NumberChanges" n ON n."companyId" = known."companyId" AND n.number = known."newNumber"
)
SELECT * FROM known
""")

# A row that another transaction has changed or inserted since it was loaded is not returned.
SAVE_USER_IDS = statement(f"""
WITH b AS (
  SELECT * FROM {source(UserId)}
), changed AS (
  UPDATE "BusinessUserIds" u
  SET "contactId" = b.contact_id, "newUserId" = b.new_user_id, number = b.number,
      "numberAt" = b.number_at,
      "updatedAt" = GREATEST(clock_timestamp(), u."updatedAt" + interval '1 microsecond')
  FROM b WHERE u."companyId" = b.company_id AND u.portfolio = b.portfolio
           AND u."userId" = b.user_id AND u."updatedAt" = b.updated_at
  RETURNING u."userId"
), added AS (
  INSERT INTO "BusinessUserIds"
    ("companyId", portfolio, "userId", "contactId", "newUserId", number, "numberAt")
  SELECT b.company_id, b.portfolio, b.user_id, b.contact_id, b.new_user_id, b.number, b.number_at
  FROM b WHERE b.updated_at IS NULL
  ORDER BY b.company_id, b.portfolio, b.user_id
  ON CONFLICT ("companyId", portfolio, "userId") DO NOTHING
  RETURNING "userId"
)
SELECT "userId" FROM changed UNION ALL SELECT "userId" FROM added
""")

SAVE_CHANGES = statement(f"""
INSERT INTO "NumberChanges" AS n ("companyId", number, "newNumber", "changedAt")
SELECT b.company_id, b.number, b.new_number, b.changed_at FROM {source(NumberChange)}
ORDER BY b.company_id, b.number, b.new_number
ON CONFLICT ("companyId", number, "newNumber") DO UPDATE SET "changedAt" = EXCLUDED."changedAt"
WHERE n."changedAt" < EXCLUDED."changedAt"
""")


async def load_aliases(conn: AsyncConnection, identities: Collection[Identity]) -> Aliases:
    """Return what is known of the BSUIDs and numbers of these identities, and their successors."""
    keys = {key for identity in identities if (key := identity.user_id_key)}
    rows = await conn.execute(USER_IDS, rows_as_columns(sorted(keys), UserIdKey)) if keys else ()
    user_ids = [
        UserId(
            row.companyId, row.portfolio, row.userId, row.contactId, row.newUserId, row.number,
            row.numberAt, row.updatedAt,
        )
        for row in rows
    ]  # fmt: skip
    return Aliases(user_ids, await _load_changes(conn, identities, user_ids))


async def save_aliases(conn: AsyncConnection, aliases: Aliases, saved: Saved) -> None:
    """Save the planned changes, with the ids of new contacts.

    Raises ConcurrentUpdateError if another transaction has changed a BSUID since it was loaded.
    """
    if aliases.changed:
        rows = [
            replace(row, contact_id=row.contact_id and saved.get_final_id(row.contact_id))
            for row in aliases.changed.values()
        ]
        stored = await conn.execute(SAVE_USER_IDS, rows_as_columns(rows, UserId))
        if len(stored.all()) < len(rows):
            raise ConcurrentUpdateError
    if aliases.new_changes:
        changes = list(aliases.new_changes.values())
        await conn.execute(SAVE_CHANGES, rows_as_columns(changes, NumberChange))


async def _load_changes(
    conn: AsyncConnection, identities: Collection[Identity], user_ids: Collection[UserId]
) -> list[NumberChange]:
    numbers = {(i.company_id, i.number) for i in identities if i.number}
    numbers |= {(u.company_id, u.number) for u in user_ids if u.number}
    keys = {
        NumberKey(company_id, spelling)
        for company_id, number in numbers
        for spelling in (number, find_other_spelling(number))
        if spelling
    }
    if not keys:
        return []
    rows = await conn.execute(CHANGES, rows_as_columns(sorted(keys), NumberKey))
    return [NumberChange(row.companyId, row.number, row.newNumber, row.changedAt) for row in rows]
