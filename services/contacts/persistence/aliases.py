"""Statements of BSUIDs and of changed numbers."""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.domain.address_book import Identity, Saved
from services.contacts.domain.aliases import MOST_CHANGES, Aliases, NumberChange, UserId
from services.contacts.domain.keys import NumberKey, UserIdKey
from shared.db.bulk import ConcurrentUpdateError, rows_as_columns, source, statement

# With all successors; UNION ends at a row that was found before. LIMIT keeps the planner from
# joining the whole table: without statistics it expects far too many rows of the recursion.
USER_IDS = statement(f"""
WITH RECURSIVE known AS (
  SELECT u.* FROM {source(UserIdKey)}
  CROSS JOIN LATERAL (
    SELECT * FROM "BusinessUserIds" x
    WHERE x."companyId" = b.company_id AND x.portfolio = b.portfolio AND x."userId" = b.user_id
    LIMIT 1) AS u
  UNION
  SELECT u.* FROM known
  CROSS JOIN LATERAL (
    SELECT * FROM "BusinessUserIds" x
    WHERE x."companyId" = known."companyId" AND x.portfolio = known.portfolio
      AND x."userId" = known."newUserId"
    LIMIT 1) AS u
  WHERE known."newUserId" IS NOT NULL
)
SELECT * FROM known
""")

# The last reports of each number, and of all numbers that came after it.
CHANGES = statement(f"""
WITH RECURSIVE known AS (
  SELECT n.* FROM {source(NumberKey)}
  CROSS JOIN LATERAL (
    SELECT * FROM "NumberChanges" x WHERE x."companyId" = b.company_id AND x.number = b.number
    ORDER BY x."changedAt" DESC LIMIT {MOST_CHANGES}) AS n
  UNION
  SELECT n.* FROM (SELECT DISTINCT "companyId", "newNumber" FROM known) AS b
  CROSS JOIN LATERAL (
    SELECT * FROM "NumberChanges" x
    WHERE x."companyId" = b."companyId" AND x.number = b."newNumber"
    ORDER BY x."changedAt" DESC LIMIT {MOST_CHANGES}) AS n
)
SELECT * FROM known
""")

# Locked in the order of keys, against deadlocks. A row that another transaction has changed or
# inserted since it was loaded is not returned.
SAVE_USER_IDS = statement(f"""
WITH b AS (
  SELECT * FROM {source(UserId)}
), locked AS (
  SELECT u."companyId", u.portfolio, u."userId"
  FROM b JOIN "BusinessUserIds" u ON u."companyId" = b.company_id AND u.portfolio = b.portfolio
                                 AND u."userId" = b.user_id
  ORDER BY u."companyId", u.portfolio, u."userId" FOR NO KEY UPDATE OF u
), changed AS (
  UPDATE "BusinessUserIds" u
  SET "contactId" = b.contact_id, "newUserId" = b.new_user_id, number = b.number,
      "numberAt" = b.number_at,
      "updatedAt" = GREATEST(clock_timestamp(), u."updatedAt" + interval '1 microsecond')
  FROM b JOIN locked l ON l."companyId" = b.company_id AND l.portfolio = b.portfolio
                      AND l."userId" = b.user_id
  WHERE u."companyId" = b.company_id AND u.portfolio = b.portfolio
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
INSERT INTO "NumberChanges" ("companyId", number, "newNumber", "changedAt")
SELECT b.company_id, b.number, b.new_number, b.changed_at FROM {source(NumberChange)}
ORDER BY b.company_id, b.number, b.new_number, b.changed_at
ON CONFLICT ("companyId", number, "newNumber", "changedAt") DO NOTHING
""")


async def load_aliases(
    conn: AsyncConnection, identities: Collection[Identity], changing: Collection[int]
) -> Aliases:
    """Return what is known of the BSUIDs and numbers of these identities, and their successors.

    `changing` are the companies whose changes of numbers are wanted.
    """
    keys = {key for identity in identities if (key := identity.user_id_key)}
    rows = await conn.execute(USER_IDS, rows_as_columns(sorted(keys), UserIdKey)) if keys else ()
    user_ids = [
        UserId(
            row.companyId, row.portfolio, row.userId, row.contactId, row.newUserId, row.number,
            row.numberAt, row.updatedAt,
        )
        for row in rows
    ]  # fmt: skip
    numbers = {(i.company_id, i.number) for i in identities}
    numbers |= {(u.company_id, u.number) for u in user_ids}
    wanted = {NumberKey(company, number) for company, number in numbers if number}
    changes = await _load_changes(conn, {key for key in wanted if key.company_id in changing})
    return Aliases(user_ids, changes)


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
        await conn.execute(SAVE_CHANGES, rows_as_columns(aliases.new_changes, NumberChange))


async def _load_changes(
    conn: AsyncConnection, numbers: Collection[NumberKey]
) -> list[NumberChange]:
    if not numbers:
        return []
    rows = await conn.execute(CHANGES, rows_as_columns(sorted(numbers), NumberKey))
    return [NumberChange(row.companyId, row.number, row.newNumber, row.changedAt) for row in rows]
