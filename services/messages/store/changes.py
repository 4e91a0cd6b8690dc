"""Changing stored messages, and keeping changes that wait: each statement serves a whole batch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.rules.changes import Awaited, Edition, Plan, Reaction, Target, Waiting
from services.messages.rules.messages import Wid
from shared.contracts.message import MessageUpdated
from shared.db.bulk import all_columns, statement

RACE = timedelta(minutes=5)  # longer than any transaction may last
MOST_AT_ONCE = 2_000

# Locked, so that the next statement sees what others have committed meanwhile.
LOCK = statement("""
SELECT m."companyId", m."whatsappId", m.wid, m.id, m."fromMe", t."isGroup"
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:wid AS text[]))
  AS b(company_id, whatsapp_id, wid)
JOIN "Messages" m
  ON m."companyId" = b.company_id AND m."whatsappId" = b.whatsapp_id AND m.wid = b.wid
JOIN "Tickets" t ON t.id = m."ticketId"
ORDER BY m.id FOR NO KEY UPDATE OF m
""")

REACT = statement("""
INSERT INTO "Reactions" AS r ("companyId", "messageId", author, emoji, "reactedAt")
SELECT b.* FROM unnest(CAST(:company_id AS int[]), CAST(:message_id AS int[]),
                       CAST(:author AS text[]), CAST(:emoji AS text[]),
                       CAST(:reacted_at AS timestamptz[]))
  AS b(company_id, message_id, author, emoji, reacted_at)
ORDER BY b.message_id, b.author
ON CONFLICT ("companyId", "messageId", author) DO UPDATE
SET emoji = EXCLUDED.emoji, "reactedAt" = EXCLUDED."reactedAt"
WHERE (EXCLUDED."reactedAt", EXCLUDED.emoji COLLATE "C") > (r."reactedAt", r.emoji COLLATE "C")
RETURNING "messageId"
""")

# The companies that have deleted words forgotten say so in their settings (schema.md 6).
APPLY = statement("""
WITH b AS (
  SELECT * FROM unnest(CAST(:company_id AS int[]), CAST(:message_id AS int[]),
                       CAST(:ack AS int[]), CAST(:failed AS bool[]),
                       CAST(:edited_at AS timestamptz[]), CAST(:body AS text[]),
                       CAST(:deleted AS bool[]), CAST(:read AS bool[]), CAST(:reacted AS bool[]))
    AS b(company_id, message_id, ack, failed, edited_at, body, deleted, read, reacted)
), best AS (
  SELECT b.*, GREATEST(m.ack, b.ack) AS best_ack, b.failed OR m.ack = -1 AS has_failed,
         m.ack AS old_ack, m.body AS old_body, m."isDeleted" AS old_deleted, m.read AS old_read,
         COALESCE(b.edited_at > k."editedAt"
                  OR (b.edited_at = k."editedAt" AND b.body > m.body COLLATE "C"),
                  b.edited_at IS NOT NULL) AS is_newer,
         (m."isDeleted" OR b.deleted) AND COALESCE(
           s."enableLGPD" = 'enabled' AND s."lgpdDeleteMessage" = 'enabled', FALSE) AS forgotten
  FROM b JOIN "Messages" m ON m."companyId" = b.company_id AND m.id = b.message_id
  LEFT JOIN "MessageMarks" k ON k."companyId" = b.company_id AND k."messageId" = b.message_id
  LEFT JOIN "CompaniesSettings" s ON s."companyId" = b.company_id
), n AS (
  SELECT best.*,
         CASE WHEN best_ack >= 2 OR NOT has_failed THEN best_ack ELSE -1 END AS new_ack,
         CASE WHEN forgotten THEN '' WHEN is_newer THEN body ELSE old_body END AS new_body
  FROM best
)
UPDATE "Messages" m
SET ack = n.new_ack, body = n.new_body, "isEdited" = m."isEdited" OR n.edited_at IS NOT NULL,
    "isDeleted" = n.old_deleted OR n.deleted, read = n.old_read OR n.read,
    "updatedAt" = GREATEST(clock_timestamp(), m."updatedAt" + interval '1 microsecond')
FROM n
WHERE m."companyId" = n.company_id AND m.id = n.message_id
  AND (n.reacted OR n.new_ack <> n.old_ack OR n.new_body <> n.old_body
       OR (n.edited_at IS NOT NULL AND m."isEdited" IS NOT TRUE)
       OR (n.deleted AND NOT n.old_deleted) OR (n.read AND NOT n.old_read))
RETURNING m.id, m."ticketId", m.ack, m."isEdited", m."isDeleted", m.read,
          CAST(extract(epoch FROM m."updatedAt") * 1000000 AS bigint) AS version,
          array_remove(ARRAY[
            CASE WHEN n.new_ack <> n.old_ack THEN 'ack' END,
            CASE WHEN n.new_body <> n.old_body THEN 'body' END,
            CASE WHEN n.deleted AND NOT n.old_deleted THEN 'deleted' END,
            CASE WHEN n.read AND NOT n.old_read THEN 'read' END,
            CASE WHEN n.reacted THEN 'reactions' END], NULL) AS changes
""")

MARK = statement("""
INSERT INTO "MessageMarks" AS k ("companyId", "messageId", "editedAt", "errorCode", error)
SELECT b.* FROM unnest(CAST(:company_id AS int[]), CAST(:message_id AS int[]),
                       CAST(:edited_at AS timestamptz[]), CAST(:error_code AS text[]),
                       CAST(:error AS text[]))
  AS b(company_id, message_id, edited_at, error_code, error)
ORDER BY b.message_id
ON CONFLICT ("companyId", "messageId") DO UPDATE
SET "editedAt" = GREATEST(k."editedAt", EXCLUDED."editedAt"),
    error = CASE WHEN EXCLUDED."errorCode" < k."errorCode" COLLATE "C" THEN EXCLUDED.error
                 ELSE COALESCE(k.error, EXCLUDED.error) END,
    "errorCode" = LEAST(k."errorCode" COLLATE "C", EXCLUDED."errorCode")
""")

WAIT = statement("""
INSERT INTO "AwaitedChanges" ("companyId", "whatsappId", wid, type, change, digest)
SELECT b.* FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]),
                       CAST(:wid AS text[]), CAST(:type AS text[]), CAST(:change AS text[]),
                       CAST(:digest AS bytea[]))
  AS b(company_id, whatsapp_id, wid, type, change, digest)
ORDER BY b.company_id, b.whatsapp_id, b.wid, b.digest
ON CONFLICT ("companyId", "whatsappId", wid, digest) DO NOTHING
""")

ARRIVED = statement("""
DELETE FROM "AwaitedChanges" a
USING unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:wid AS text[]))
  AS b(company_id, whatsapp_id, wid)
WHERE a."companyId" = b.company_id AND a."whatsappId" = b.whatsapp_id AND a.wid = b.wid
RETURNING a.id, a.type, a.change, a."createdAt"
""")

# A change and its message that were stored at the same instant did not see each other.
MISSED = statement("""
DELETE FROM "AwaitedChanges" WHERE id IN (
  SELECT a.id FROM "AwaitedChanges" a
  JOIN "Messages" m
    ON m."companyId" = a."companyId" AND m."whatsappId" = a."whatsappId" AND m.wid = a.wid
  WHERE a."createdAt" > now() - CAST(:race AS interval)
     OR a."createdAt" < now() - CAST(:kept AS interval)
  ORDER BY a.id LIMIT :most FOR UPDATE OF a SKIP LOCKED)
RETURNING id, type, change, "createdAt"
""")

EXPIRED = statement("""
DELETE FROM "AwaitedChanges" WHERE id IN (
  SELECT id FROM "AwaitedChanges" WHERE "createdAt" < now() - CAST(:kept AS interval)
  ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)
RETURNING id, type, change, "createdAt"
""")


async def lock(conn: AsyncConnection, wids: Collection[Wid]) -> dict[Wid, Target]:
    """Lock those of these messages that are stored, in id order; gives what they are."""
    if not wids:
        return {}
    rows = await conn.execute(LOCK, _by_name(wids))
    return {(row[0], row[1], row[2]): Target(*row[3:]) for row in rows}


async def apply(conn: AsyncConnection, plan: Plan) -> dict[int, MessageUpdated]:
    """Change locked messages; gives those that are different now."""
    if not plan.editions:
        return {}
    await _react(conn, plan)
    editions = list(plan.editions.values())
    rows = await conn.execute(APPLY, all_columns(editions, Edition))
    facts = {row.id: _told(row, plan) for row in rows}
    marked = [edition for edition in editions if edition.edited_at or edition.failed]
    if marked:
        await conn.execute(MARK, all_columns(marked, Edition))
    return facts


async def wait(conn: AsyncConnection, awaited: Sequence[Awaited]) -> None:
    """Keep changes whose messages have not arrived."""
    if awaited:
        await conn.execute(WAIT, all_columns(awaited, Awaited))


async def arrived(conn: AsyncConnection, wids: Collection[Wid]) -> list[Waiting]:
    """Take out the changes that waited for these messages."""
    if not wids:
        return []
    return [Waiting(*row) for row in await conn.execute(ARRIVED, _by_name(wids))]


async def missed(conn: AsyncConnection, kept: timedelta) -> list[Waiting]:
    """Take out the changes that wait although their messages are here."""
    rows = await conn.execute(MISSED, {"race": RACE, "kept": kept, "most": MOST_AT_ONCE})
    return [Waiting(*row) for row in rows]


async def expired(conn: AsyncConnection, kept: timedelta) -> list[Waiting]:
    """Take out the changes that waited for too long."""
    rows = await conn.execute(EXPIRED, {"kept": kept, "most": MOST_AT_ONCE})
    return [Waiting(*row) for row in rows]


async def _react(conn: AsyncConnection, plan: Plan) -> None:
    if not plan.reactions:
        return
    rows = await conn.execute(REACT, all_columns(list(plan.reactions.values()), Reaction))
    for (message_id,) in rows:
        plan.editions[message_id].reacted = True


def _told(row: Row[Any], plan: Plan) -> MessageUpdated:
    cause = plan.causes[row.id]
    return MessageUpdated(
        company_id=cause.company_id,
        whatsapp_id=cause.whatsapp_id,
        chat=cause.chat,
        wid=cause.wid,
        message_id=row.id,
        ticket_id=row.ticketId,
        version=row.version,
        ack=row.ack,
        is_edited=row.isEdited,
        is_deleted=row.isDeleted,
        read=row.read,
        changes=tuple(row.changes),
    )


def _by_name(wids: Iterable[Wid]) -> Mapping[str, list[Any]]:
    ordered = sorted(wids)
    return {
        "company_id": [wid[0] for wid in ordered],
        "whatsapp_id": [wid[1] for wid in ordered],
        "wid": [wid[2] for wid in ordered],
    }
