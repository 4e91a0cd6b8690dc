"""Statements that change stored messages: acks, edits, deletions, reactions, reads."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.changes.rules import (
    CombinedChange,
    Plan,
    Reaction,
    Target,
)
from services.messages.domain.keys import MessageKey
from shared.contracts.message import MessageUpdated
from shared.db.bulk import match_company, rows_as_columns, source, statement


class MessageMark(NamedTuple):
    """A row of "MessageMarks": when a message was edited last, and why its send failed."""

    company_id: int
    message_id: int
    edited_at: datetime | None
    error_code: str | None
    error: str | None


# Locked (in id order, against deadlocks) so that the next statement sees the latest versions.
LOCK_TARGETS = statement(f"""
SELECT m."companyId", m."whatsappId", m.wid, m.id, m."fromMe", t."isGroup"
FROM {source(MessageKey)}
JOIN "Messages" m
  ON m."companyId" = b.company_id AND m."whatsappId" = b.whatsapp_id AND m.wid = b.wid
JOIN "Tickets" t ON t.id = m."ticketId"
ORDER BY m.id FOR NO KEY UPDATE OF m
""")

# An equal reaction, such as the echo of ours, only moves the time: it is not returned. The messages
# are locked, so the old reactions are those that are replaced.
SAVE_REACTIONS = statement(f"""
WITH b AS (
  SELECT * FROM {source(Reaction)}
), old AS (
  SELECT r."messageId", r.author, r.emoji
  FROM b JOIN "Reactions" r ON r."companyId" = b.company_id AND r."messageId" = b.message_id
                           AND r.author = b.author
), saved AS (
  INSERT INTO "Reactions" AS r ("companyId", "messageId", author, emoji, "reactedAt")
  SELECT b.* FROM b ORDER BY b.message_id, b.author
  ON CONFLICT ("companyId", "messageId", author) DO UPDATE
  SET emoji = EXCLUDED.emoji, "reactedAt" = EXCLUDED."reactedAt"
  WHERE (EXCLUDED."reactedAt", EXCLUDED.emoji COLLATE "C") > (r."reactedAt", r.emoji COLLATE "C")
  RETURNING r."messageId", r.author, r.emoji
)
SELECT saved."messageId"
FROM saved LEFT JOIN old ON old."messageId" = saved."messageId" AND old.author = saved.author
WHERE old.emoji IS DISTINCT FROM saved.emoji
""")

# With two settings of the company (LGPD) the text of deleted messages is removed, also from the
# gateway's message or the request in "dataJson". A translation is of one text alone.
APPLY = statement(f"""
WITH b AS (
  SELECT * FROM {source(CombinedChange)}
), best AS (
  SELECT b.*, GREATEST(m.ack, b.ack) AS best_ack, b.failed OR m.ack = -1 AS has_failed,
         m.ack AS old_ack, m.body AS old_body, m."isDeleted" AS old_deleted, m.read AS old_read,
         COALESCE(b.edited_at > k."editedAt"
                  OR (b.edited_at = k."editedAt" AND b.body > m.body COLLATE "C"),
                  b.edited_at IS NOT NULL) AS is_newer,
         (m."isDeleted" OR b.deleted) AND COALESCE(
           s."enableLGPD" = 'enabled' AND s."lgpdDeleteMessage" = 'enabled', FALSE) AS forgotten
  FROM b JOIN "Messages" m ON m.id = b.message_id AND {match_company("m", "b.company_id")}
  LEFT JOIN "MessageMarks" k ON k."companyId" = b.company_id AND k."messageId" = b.message_id
  LEFT JOIN "CompaniesSettings" s ON s."companyId" = b.company_id
), n AS (
  SELECT best.*,
         CASE WHEN best_ack >= 2 OR NOT has_failed THEN best_ack ELSE -1 END AS new_ack,
         CASE WHEN forgotten THEN '' WHEN is_newer THEN body ELSE old_body END AS new_body,
         NOT forgotten AND NOT (is_newer AND body <> old_body) AS keeps_text
  FROM best
)
UPDATE "Messages" m
SET ack = n.new_ack, body = n.new_body,
    "dataJson" = CASE WHEN NOT n.forgotten THEN m."dataJson" END,
    "translatedBody" = CASE WHEN n.keeps_text THEN m."translatedBody" END,
    "originalLanguage" = CASE WHEN n.keeps_text THEN m."originalLanguage" END,
    "isEdited" = m."isEdited" OR n.edited_at IS NOT NULL,
    "isDeleted" = n.old_deleted OR n.deleted, read = n.old_read OR n.read,
    "updatedAt" = GREATEST(clock_timestamp(), m."updatedAt" + interval '1 microsecond')
FROM n
WHERE m.id = n.message_id AND {match_company("m", "n.company_id")}
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

SAVE_MARKS = statement(f"""
INSERT INTO "MessageMarks" AS k ("companyId", "messageId", "editedAt", "errorCode", error)
SELECT b.* FROM {source(MessageMark)}
ORDER BY b.message_id
ON CONFLICT ("companyId", "messageId") DO UPDATE
SET "editedAt" = GREATEST(k."editedAt", EXCLUDED."editedAt"),
    error = CASE WHEN EXCLUDED."errorCode" < k."errorCode" COLLATE "C" THEN EXCLUDED.error
                 ELSE COALESCE(k.error, EXCLUDED.error) END,
    "errorCode" = LEAST(k."errorCode" COLLATE "C", EXCLUDED."errorCode")
""")


async def lock_targets(
    conn: AsyncConnection, keys: Collection[MessageKey]
) -> dict[MessageKey, Target]:
    """Lock the stored ones of these messages, in id order, and return them."""
    if not keys:
        return {}
    rows = await conn.execute(LOCK_TARGETS, rows_as_columns(sorted(keys), MessageKey))
    return {
        MessageKey(row.companyId, row.whatsappId, row.wid): Target(
            row.id, from_me=row.fromMe, is_group=row.isGroup
        )
        for row in rows
    }


async def save_changes(conn: AsyncConnection, plan: Plan) -> dict[int, MessageUpdated]:
    """Save the changes of locked messages; return a fact per message that differs now, by id."""
    if not plan.changes:
        return {}
    await _save_reactions(conn, plan)
    changes = list(plan.changes.values())
    rows = await conn.execute(APPLY, rows_as_columns(changes, CombinedChange))
    facts = {row.id: _build_fact(row, plan) for row in rows}
    marked = [change for change in changes if change.edited_at or change.failed]
    if marked:
        await conn.execute(SAVE_MARKS, rows_as_columns(marked, MessageMark))
    return facts


async def _save_reactions(conn: AsyncConnection, plan: Plan) -> None:
    if not plan.reactions:
        return
    reactions = list(plan.reactions.values())
    rows = await conn.execute(SAVE_REACTIONS, rows_as_columns(reactions, Reaction))
    for message_id in rows.scalars():
        plan.changes[message_id].reacted = True


def _build_fact(row: Row[Any], plan: Plan) -> MessageUpdated:
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
