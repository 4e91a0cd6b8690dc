"""Joining answers to the rows of what was sent: each statement serves a whole batch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.rules.answers import Answer, Echo, Joined
from services.messages.rules.messages import Wid
from shared.db.bulk import all_columns, columns, statement

LOCK = statement("""
SELECT 1 FROM unnest(CAST(:company_id AS int[]), CAST(:send_id AS text[])) AS b(company_id, send_id)
JOIN "Sends" s ON s."companyId" = b.company_id AND s."sendId" = b.send_id
ORDER BY s."companyId", s."sendId" FOR NO KEY UPDATE OF s
""")

# Of two answers the heavier one stands; a name, once the gateway has given one, is kept.
SAVE = statement("""
WITH b AS (
  SELECT * FROM unnest(CAST(:company_id AS int[]), CAST(:send_id AS text[]),
                       CAST(:whatsapp_id AS int[]), CAST(:chat AS text[]), CAST(:wid AS text[]),
                       CAST(:wid_in_advance AS text[]), CAST(:status AS text[]),
                       CAST(:error_class AS text[]), CAST(:error_code AS text[]),
                       CAST(:error AS text[]))
    AS b(company_id, send_id, whatsapp_id, chat, wid, wid_in_advance, status, error_class,
         error_code, error)
), n AS (
  SELECT b.*, s."whatsappId" AS old_line, s.wid AS old_wid, s.status AS old_status,
         COALESCE(array_position(ARRAY['unknown', 'failed', 'sent'], b.status) >
                  array_position(ARRAY['unknown', 'failed', 'sent'], s.status), TRUE)
           AS is_heavier
  FROM b LEFT JOIN "Sends" s ON s."companyId" = b.company_id AND s."sendId" = b.send_id
  WHERE s."sendId" IS NOT NULL OR :may_be_new
)
INSERT INTO "Sends" AS s ("companyId", "sendId", "whatsappId", chat, place, wid, status,
                          "errorClass", "errorCode", error)
SELECT company_id, send_id, COALESCE(old_line, whatsapp_id), chat, 0,
       COALESCE(wid, old_wid, wid_in_advance),
       CASE WHEN is_heavier THEN status ELSE old_status END, error_class, error_code, error
FROM n ORDER BY company_id, send_id
ON CONFLICT ("companyId", "sendId") DO UPDATE
SET wid = EXCLUDED.wid, status = EXCLUDED.status, request = NULL,
    "errorClass" = CASE WHEN EXCLUDED.status = s.status THEN s."errorClass"
                        ELSE EXCLUDED."errorClass" END,
    "errorCode" = CASE WHEN EXCLUDED.status = s.status THEN s."errorCode"
                       ELSE EXCLUDED."errorCode" END,
    error = CASE WHEN EXCLUDED.status = s.status THEN s.error ELSE EXCLUDED.error END
RETURNING s."companyId", s."sendId", s."whatsappId", s.wid, s."messageId", s.status
""")

LOCK_ROWS = statement("""
WITH b AS (
  SELECT * FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]),
                       CAST(:wid AS text[]), CAST(:message_id AS int[]))
    AS b(company_id, whatsapp_id, wid, message_id)
)
SELECT 1 FROM "Messages" m
JOIN (SELECT company_id, message_id AS id FROM b
      UNION SELECT e."companyId", e.id FROM b JOIN "Messages" e
        ON e."companyId" = b.company_id AND e."whatsappId" = b.whatsapp_id AND e.wid = b.wid) AS i
  ON m."companyId" = i.company_id AND m.id = i.id
ORDER BY m.id FOR UPDATE OF m
""")

# What another send's row is called is no echo, whatever a gateway says.
ECHOES = statement("""
SELECT b.company_id, b.whatsapp_id, b.wid, b.message_id, e.id, e."ticketId", e.ack, e.body,
       COALESCE(e."isEdited", FALSE), e."isDeleted", k."editedAt", k."errorCode", k.error,
       e."createdAt"
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:wid AS text[]),
            CAST(:message_id AS int[])) AS b(company_id, whatsapp_id, wid, message_id)
JOIN "Messages" e ON e."companyId" = b.company_id AND e."whatsappId" = b.whatsapp_id
                 AND e.wid = b.wid AND e.id <> b.message_id AND e."fromMe"
LEFT JOIN "MessageMarks" k ON k."companyId" = e."companyId" AND k."messageId" = e.id
WHERE NOT EXISTS (SELECT FROM "Sends" o WHERE o."companyId" = e."companyId"
                                          AND o."messageId" = e.id)
ORDER BY e.id
""")

MOVE = statement("""
WITH b AS (
  SELECT * FROM unnest(CAST(:company_id AS int[]), CAST(:message_id AS int[]),
                       CAST(:echo_id AS int[])) AS b(company_id, message_id, echo_id)
), quotes AS (
  UPDATE "Messages" m SET "quotedMsgId" = b.message_id
  FROM b WHERE m."companyId" = b.company_id AND m."quotedMsgId" = b.echo_id
)
UPDATE "Reactions" r SET "messageId" = b.message_id
FROM b WHERE r."companyId" = b.company_id AND r."messageId" = b.echo_id
""")

REMOVE = statement("""
DELETE FROM "Messages" m
USING unnest(CAST(:company_id AS int[]), CAST(:echo_id AS int[])) AS b(company_id, echo_id)
WHERE m."companyId" = b.company_id AND m.id = b.echo_id
""")

RENAME = statement("""
UPDATE "Messages" m SET wid = b.wid, "messageId" = b.wid
FROM unnest(CAST(:company_id AS int[]), CAST(:wid AS text[]), CAST(:message_id AS int[]))
  AS b(company_id, wid, message_id)
WHERE m."companyId" = b.company_id AND m.id = b.message_id AND m.wid IS DISTINCT FROM b.wid
""")

NAMED = statement("""
SELECT s."companyId", s."whatsappId", s.wid
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:wid AS text[]))
  AS b(company_id, whatsapp_id, wid)
JOIN "Sends" s ON s."companyId" = b.company_id AND s."whatsappId" = b.whatsapp_id AND s.wid = b.wid
WHERE s."messageId" IS NULL OR NOT :without_row
""")


async def save(
    conn: AsyncConnection, answers: Sequence[Answer], *, may_be_new: bool
) -> list[Joined]:
    """Note the answers, of sends that are not known yet too where those may be new."""
    await conn.execute(LOCK, columns(answers, ("company_id", "send_id")))
    rows = await conn.execute(SAVE, {**all_columns(answers, Answer), "may_be_new": may_be_new})
    return [Joined(*row) for row in rows]


async def absorb(conn: AsyncConnection, names: Mapping[Wid, int]) -> list[Echo]:
    """Give rows of ours their gateways' names; gives the rows of echoes that had them till now."""
    named = {**_by_name(names), "message_id": [names[wid] for wid in sorted(names)]}
    await conn.execute(LOCK_ROWS, named)
    echoes = [Echo(*row) for row in await conn.execute(ECHOES, named)]
    if echoes:
        await conn.execute(MOVE, all_columns(echoes, Echo))
        await conn.execute(REMOVE, all_columns(echoes, Echo))
    await conn.execute(RENAME, named)
    return echoes


async def named(
    conn: AsyncConnection, wids: Collection[Wid], *, without_row: bool = False
) -> set[Wid]:
    """Tell which of these are names of sends of ours, or of those only that have no row."""
    if not wids:
        return set()
    rows = await conn.execute(NAMED, {**_by_name(wids), "without_row": without_row})
    return {(row[0], row[1], row[2]) for row in rows}


def _by_name(wids: Iterable[Wid]) -> dict[str, list[Any]]:
    ordered = sorted(wids)
    return {
        "company_id": [wid[0] for wid in ordered],
        "whatsapp_id": [wid[1] for wid in ordered],
        "wid": [wid[2] for wid in ordered],
    }
