"""Statements that save send results, rename the rows of sends, and absorb echoes."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.domain.keys import MessageKey, MessageRef, SendKey
from services.messages.send_results.change_results import DueChange, MessageState, TargetKey
from services.messages.send_results.rules import Echo, MatchedSend, SendOutcome
from shared.db.bulk import match, match_company, rows_as_columns, source, statement


class EchoKeys(NamedTuple):
    """The id of an echo's row, and of the row that absorbs it."""

    company_id: int
    message_id: int
    echo_id: int


LOCK_SENDS = statement(f"""
SELECT 1 FROM {source(SendKey)}
JOIN "Sends" s ON s."companyId" = b.company_id AND s."sendId" = b.send_id
ORDER BY s."companyId", s."sendId" FOR NO KEY UPDATE OF s
""")

# Precedence of results: sent, failed, unknown. The gateway's wid, once known, does not change. A
# requested change is returned as it was before, with the status of the last answer;
# it is removed when it is done.
SAVE_RESULTS = statement(f"""
WITH b AS (
  SELECT * FROM {source(SendOutcome)}
), n AS (
  SELECT b.*, s."whatsappId" AS old_line, s.wid AS old_wid, s.status AS old_status, s.change,
         COALESCE(array_position(ARRAY['unknown', 'failed', 'sent'], b.status) >
                  array_position(ARRAY['unknown', 'failed', 'sent'], s.status), TRUE)
           AS is_stronger
  FROM b LEFT JOIN "Sends" s ON s."companyId" = b.company_id AND s."sendId" = b.send_id
  WHERE s."sendId" IS NOT NULL OR :may_be_new
), saved AS (
INSERT INTO "Sends" AS s ("companyId", "sendId", "whatsappId", chat, place, wid, status,
                          "errorClass", "errorCode", error)
SELECT company_id, send_id, COALESCE(old_line, whatsapp_id), chat, 0,
       COALESCE(wid, old_wid, wid_in_advance),
       CASE WHEN is_stronger THEN status ELSE old_status END, error_class, error_code, error
FROM n ORDER BY company_id, send_id
ON CONFLICT ("companyId", "sendId") DO UPDATE
SET wid = EXCLUDED.wid, status = EXCLUDED.status, request = NULL,
    "errorClass" = CASE WHEN EXCLUDED.status = s.status THEN s."errorClass"
                        ELSE EXCLUDED."errorClass" END,
    "errorCode" = CASE WHEN EXCLUDED.status = s.status THEN s."errorCode"
                       ELSE EXCLUDED."errorCode" END,
    error = CASE WHEN EXCLUDED.status = s.status THEN s.error ELSE EXCLUDED.error END,
    change = CASE WHEN EXCLUDED.status = 'sent' THEN NULL
                  ELSE s.change || jsonb_build_object('answered', EXCLUDED.status) END
RETURNING s."companyId" AS company_id, s."sendId" AS send_id, s."whatsappId" AS whatsapp_id, s.wid,
          s."messageId" AS message_id, s.status
)
SELECT saved.*, CAST(n.change AS text) AS change
FROM saved JOIN n ON n.company_id = saved.company_id AND n.send_id = saved.send_id
ORDER BY saved.company_id, saved.send_id
""")

# The row of an absorbed echo has another id now, and the wid that the request named.
TARGETS = statement(f"""
SELECT b.company_id, b.whatsapp_id, b.message_id AS named_id, b.wid AS named_wid,
       m.id AS message_id, m.wid, m."ticketId" AS ticket_id,
       CAST(extract(epoch FROM m."updatedAt") * 1000000 AS bigint) AS version, m.ack,
       COALESCE(m."isEdited", FALSE) AS is_edited, m."isDeleted" AS is_deleted, m.read
FROM {source(TargetKey)}
JOIN LATERAL (
  SELECT 1 AS rank, n.* FROM "Messages" n
  WHERE n.id = b.message_id AND {match_company("n", "b.company_id")}
    AND {match('n."whatsappId"', "b.whatsapp_id")}
  UNION ALL SELECT 2, n.* FROM "Messages" n
  WHERE n."companyId" = b.company_id AND n."whatsappId" = b.whatsapp_id AND n.wid = b.wid
  ORDER BY rank LIMIT 1) AS m ON TRUE
""")

LOCK_MESSAGES = statement(f"""
WITH b AS (
  SELECT * FROM {source(MessageRef)}
)
SELECT 1 FROM "Messages" m
JOIN (SELECT company_id, message_id AS id FROM b
      UNION SELECT e."companyId", e.id FROM b JOIN "Messages" e
        ON e."companyId" = b.company_id AND e."whatsappId" = b.whatsapp_id AND e.wid = b.wid) AS i
  ON m.id = i.id AND {match_company("m", "i.company_id")}
ORDER BY m.id FOR UPDATE OF m
""")

# The row of another send is not an echo, even if a gateway returns the same wid for two sends.
FIND_ECHOES = statement(f"""
SELECT b.company_id, b.whatsapp_id, b.wid, b.message_id, e.id AS echo_id,
       e."ticketId" AS ticket_id, e.ack, e.body, COALESCE(e."isEdited", FALSE) AS is_edited,
       e."isDeleted" AS is_deleted, k."editedAt" AS edited_at, k."errorCode" AS error_code,
       k.error, e."createdAt" AS created_at
FROM {source(MessageRef)}
JOIN "Messages" e ON e."companyId" = b.company_id AND e."whatsappId" = b.whatsapp_id
                 AND e.wid = b.wid AND e.id <> b.message_id AND e."fromMe"
LEFT JOIN "MessageMarks" k ON k."companyId" = e."companyId" AND k."messageId" = e.id
WHERE NOT EXISTS (SELECT FROM "Sends" o
                  WHERE o."messageId" = e.id AND {match_company("o", 'e."companyId"')})
ORDER BY e.id
""")

MOVE_DEPENDENTS = statement(f"""
WITH b AS (
  SELECT * FROM {source(EchoKeys)}
), quotes AS (
  UPDATE "Messages" m SET "quotedMsgId" = b.message_id
  FROM b WHERE m."quotedMsgId" = b.echo_id AND {match_company("m", "b.company_id")}
)
UPDATE "Reactions" r SET "messageId" = b.message_id
FROM b WHERE r."companyId" = b.company_id AND r."messageId" = b.echo_id
""")

DELETE_ECHOES = statement(f"""
DELETE FROM "Messages" m
USING {source(EchoKeys)}
WHERE m."companyId" = b.company_id AND m.id = b.echo_id
""")

RENAME_MESSAGES = statement(f"""
UPDATE "Messages" m SET wid = b.wid, "messageId" = b.wid
FROM {source(MessageRef)}
WHERE m."companyId" = b.company_id AND m.id = b.message_id AND m.wid IS DISTINCT FROM b.wid
""")

FIND_SENT = statement(f"""
SELECT s."companyId", s."whatsappId", s.wid
FROM {source(MessageKey)}
JOIN "Sends" s ON s."companyId" = b.company_id AND s."whatsappId" = b.whatsapp_id AND s.wid = b.wid
WHERE s."messageId" IS NULL OR NOT :without_row
""")


async def save_results(
    conn: AsyncConnection, results: Sequence[SendOutcome], *, may_be_new: bool
) -> list[MatchedSend]:
    """Save results and return their sends; insert unknown sends if `may_be_new`."""
    await conn.execute(LOCK_SENDS, rows_as_columns(results, SendKey))
    parameters = {**rows_as_columns(results, SendOutcome), "may_be_new": may_be_new}
    rows = await conn.execute(SAVE_RESULTS, parameters)
    return [MatchedSend(**row) for row in rows.mappings()]


async def load_targets(
    conn: AsyncConnection, due: Sequence[DueChange]
) -> dict[TargetKey, MessageState]:
    """Return the messages that requests change, as their rows are now."""
    if not due:
        return {}
    keys = sorted({one.target for one in due})
    rows = await conn.execute(TARGETS, rows_as_columns(keys, TargetKey))
    return {
        TargetKey(row.company_id, row.whatsapp_id, row.named_id, row.named_wid): MessageState(
            message_id=row.message_id,
            wid=row.wid,
            ticket_id=row.ticket_id,
            version=row.version,
            ack=row.ack,
            is_edited=row.is_edited,
            is_deleted=row.is_deleted,
            read=row.read,
        )
        for row in rows
    }


async def absorb_echoes(conn: AsyncConnection, ids: Mapping[MessageKey, int]) -> list[Echo]:
    """Set the wids of our rows; delete and return echoes' rows that had these wids.

    Quotes and reactions that reference an echo's row are moved to our row.
    """
    refs = rows_as_columns([MessageRef(*key, ids[key]) for key in sorted(ids)], MessageRef)
    await conn.execute(LOCK_MESSAGES, refs)
    echoes = [Echo(**row) for row in (await conn.execute(FIND_ECHOES, refs)).mappings()]
    if echoes:
        keys = rows_as_columns(echoes, EchoKeys)
        await conn.execute(MOVE_DEPENDENTS, keys)
        await conn.execute(DELETE_ECHOES, keys)
    await conn.execute(RENAME_MESSAGES, refs)
    return echoes


async def find_sent(
    conn: AsyncConnection, keys: Collection[MessageKey], *, without_row: bool = False
) -> set[MessageKey]:
    """Return the keys that are sends; with `without_row`, only those without a message."""
    if not keys:
        return set()
    parameters = {**rows_as_columns(sorted(keys), MessageKey), "without_row": without_row}
    rows = await conn.execute(FIND_SENT, parameters)
    return {MessageKey(row.companyId, row.whatsappId, row.wid) for row in rows}
