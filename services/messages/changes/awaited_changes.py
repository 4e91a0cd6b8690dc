"""Statements of "AwaitedChanges", where a change waits until its message arrives."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.changes.rules import EarlyChange, SavedChange
from services.messages.domain.keys import MessageKey
from shared.db.bulk import rows_as_columns, source, statement

LONGEST_RACE = timedelta(minutes=5)  # longer than the longest transaction
MOST_AT_ONCE = 2_000  # rows per run of a timer

SAVE_EARLY = statement(f"""
INSERT INTO "AwaitedChanges" ("companyId", "whatsappId", wid, type, change, digest)
SELECT b.* FROM {source(EarlyChange)}
ORDER BY b.company_id, b.whatsapp_id, b.wid, b.digest
ON CONFLICT ("companyId", "whatsappId", wid, digest) DO NOTHING
""")

TAKE_EARLY = statement(f"""
DELETE FROM "AwaitedChanges" a
USING {source(MessageKey)}
WHERE a."companyId" = b.company_id AND a."whatsappId" = b.whatsapp_id AND a.wid = b.wid
RETURNING a.id AS number, a.type, a.change, a."createdAt" AS since
""")

# Finds changes that were saved while their message was inserted in a concurrent transaction. Each
# message is looked up by its key; a join may read all of them.
TAKE_MISSED = statement("""
DELETE FROM "AwaitedChanges" WHERE id IN (
  SELECT id FROM "AwaitedChanges" a
  WHERE ("createdAt" > now() - CAST(:race AS interval)
         OR "createdAt" < now() - CAST(:kept AS interval))
    AND (SELECT m.id FROM "Messages" m
         WHERE m."companyId" = a."companyId" AND m."whatsappId" = a."whatsappId"
           AND m.wid = a.wid) IS NOT NULL
  ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)
RETURNING id AS number, type, change, "createdAt" AS since
""")

TAKE_EXPIRED = statement("""
DELETE FROM "AwaitedChanges" WHERE id IN (
  SELECT id FROM "AwaitedChanges" WHERE "createdAt" < now() - CAST(:kept AS interval)
  ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)
RETURNING id AS number, type, change, "createdAt" AS since
""")


async def save_early(conn: AsyncConnection, changes: Sequence[EarlyChange]) -> None:
    """Save changes whose messages have not arrived."""
    if changes:
        await conn.execute(SAVE_EARLY, rows_as_columns(changes, EarlyChange))


async def take_early(conn: AsyncConnection, keys: Collection[MessageKey]) -> list[SavedChange]:
    """Delete and return the changes that waited for these messages."""
    if not keys:
        return []
    rows = await conn.execute(TAKE_EARLY, rows_as_columns(sorted(keys), MessageKey))
    return [SavedChange(**row) for row in rows.mappings()]


async def take_missed(conn: AsyncConnection, kept: timedelta) -> list[SavedChange]:
    """Delete and return changes whose messages were inserted by a concurrent transaction."""
    parameters = {"race": LONGEST_RACE, "kept": kept, "most": MOST_AT_ONCE}
    rows = await conn.execute(TAKE_MISSED, parameters)
    return [SavedChange(**row) for row in rows.mappings()]


async def take_expired(conn: AsyncConnection, kept: timedelta) -> list[SavedChange]:
    """Delete and return the changes that were saved for longer than `kept`."""
    rows = await conn.execute(TAKE_EXPIRED, {"kept": kept, "most": MOST_AT_ONCE})
    return [SavedChange(**row) for row in rows.mappings()]
