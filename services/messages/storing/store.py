"""Statements that insert messages, link them to what they quote, and replace placeholders."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.domain.keys import MessageKey, MessageRef
from services.messages.storing.placeholders import DEFAULT_LANGUAGE, build_values
from services.messages.storing.rules import Content, Inserted, MessageRow, Quote, ReplacedRow
from shared.contracts.message import PLACEHOLDERS, MessageRouted
from shared.db.bulk import match_company, rows_as_columns, source, statement

# References to rows deleted meanwhile become NULL, merged contacts become the canonical contact,
# transferred tickets become their successor; the message itself is always stored. A placeholder has
# a text in the company's language, which is that of its first user.
INSERT = statement(f"""
INSERT INTO "Messages" ("companyId", "whatsappId", wid, "messageId", "ticketId", "contactId",
                        "queueId", "ticketTrakingId", body, "mediaType", "mediaUrl", "fromMe",
                        read, ack, "isForwarded", "remoteJid", participant, "dataJson",
                        "createdAt")
SELECT b.company_id, b.whatsapp_id, b.wid, b.wid, COALESCE(s."successorId", b.ticket_id),
       COALESCE(sender."mergedIntoContactId", sender.id), queue.id,
       traking.id, COALESCE(NULLIF(b.body, ''), placeholder.body, ''), b.media_type, b.media_url,
       b.from_me, b.read, b.ack, b.is_forwarded, b.remote_jid, b.participant, b.data_json,
       b.created_at
FROM {source(MessageRow)}
LEFT JOIN "TicketSuccessors" s ON s."companyId" = b.company_id AND s."ticketId" = b.ticket_id
LEFT JOIN "Contacts" sender ON sender."companyId" = b.company_id AND sender.id = b.contact_id
LEFT JOIN "Queues" queue ON queue."companyId" = b.company_id AND queue.id = b.queue_id
LEFT JOIN "TicketTraking" traking
  ON traking."companyId" = b.company_id AND traking.id = b.ticket_traking_id
LEFT JOIN LATERAL (
  SELECT p.body FROM (VALUES {build_values()}) AS p(media_type, language, body)
  WHERE p.media_type = b.media_type
  ORDER BY p.language = (SELECT left(lower(u.language), 2) FROM "Users" u
                         WHERE u."companyId" = b.company_id ORDER BY u.id LIMIT 1) DESC NULLS LAST,
           p.language = '{DEFAULT_LANGUAGE}' DESC
  LIMIT 1
) AS placeholder ON TRUE
ORDER BY b.created_at, b.wid
ON CONFLICT ("companyId", "whatsappId", wid) DO NOTHING
RETURNING "companyId", "whatsappId", wid, id, "ticketId"
""")

# A quote of a message that is not stored yet is saved, because gateways do not guarantee order.
LINK_QUOTES = statement(f"""
WITH b AS (
  SELECT * FROM {source(Quote)}
), linked AS (
  UPDATE "Messages" m SET "quotedMsgId" = q.id
  FROM b JOIN "Messages" q ON q."companyId" = b.company_id AND q."whatsappId" = b.whatsapp_id
                          AND q.wid = b.quoted_wid
  WHERE m.id = b.message_id AND {match_company("m", "b.company_id")}
  RETURNING m.id
)
INSERT INTO "AwaitedQuotes" ("companyId", "whatsappId", wid, "messageId")
SELECT b.company_id, b.whatsapp_id, b.quoted_wid, b.message_id
FROM b WHERE b.message_id NOT IN (SELECT id FROM linked)
""")

LINK_WAITING_QUOTES = statement(f"""
WITH arrived AS (
  DELETE FROM "AwaitedQuotes" a
  USING {source(MessageRef)}
  WHERE a."companyId" = b.company_id AND a."whatsappId" = b.whatsapp_id AND a.wid = b.wid
  RETURNING a."companyId" AS company_id, a."messageId" AS message_id, b.message_id AS quoted_id
)
UPDATE "Messages" m SET "quotedMsgId" = arrived.quoted_id
FROM arrived WHERE m.id = arrived.message_id AND {match_company("m", "arrived.company_id")}
""")

IS_PLACEHOLDER = f'm."mediaType" IN ({", ".join(f"{name!r}" for name in sorted(PLACEHOLDERS))})'

# Locked (in id order, against deadlocks) so that the next statement sees the latest versions. A
# content of the other side is a forgery, and the row of a send is no placeholder.
LOCK_PLACEHOLDERS = statement(f"""
SELECT m."companyId", m."whatsappId", m.wid, m.id
FROM {source(MessageKey, from_me="bool")}
JOIN "Messages" m
  ON m."companyId" = b.company_id AND m."whatsappId" = b.whatsapp_id AND m.wid = b.wid
WHERE {IS_PLACEHOLDER} AND m."fromMe" = b.from_me
  AND NOT EXISTS (SELECT FROM "Sends" o
                  WHERE o."messageId" = m.id AND {match_company("o", 'm."companyId"')})
ORDER BY m.id FOR NO KEY UPDATE OF m
""")

# The only case in which the body of a wid changes without an edit. It happens once: then the row
# has the content's media type. An edit that came first stays, and a deleted text stays removed,
# also from "dataJson", where the company wants that (LGPD).
REPLACE = statement(f"""
WITH n AS (
  SELECT b.*, m.body AS old_body, f.forgotten,
         CASE WHEN f.forgotten THEN '' WHEN m."isEdited" THEN m.body ELSE b.body END AS new_body,
         NOT f.forgotten AND (m."isEdited" OR b.body = m.body) AS keeps_text
  FROM {source(Content)}
  JOIN "Messages" m ON m.id = b.message_id AND {match_company("m", "b.company_id")}
  LEFT JOIN "CompaniesSettings" s ON s."companyId" = b.company_id
  CROSS JOIN LATERAL (
    SELECT m."isDeleted" AND COALESCE(s."enableLGPD" = 'enabled'
             AND s."lgpdDeleteMessage" = 'enabled', FALSE) AS forgotten) AS f
), quotes AS (
  DELETE FROM "AwaitedQuotes" a USING n
  WHERE a."companyId" = n.company_id AND a."messageId" = n.message_id
)
UPDATE "Messages" m
SET body = n.new_body, "mediaType" = n.media_type, "mediaUrl" = n.media_url,
    "dataJson" = CASE WHEN NOT n.forgotten THEN n.data_json END,
    "translatedBody" = CASE WHEN n.keeps_text THEN m."translatedBody" END,
    "originalLanguage" = CASE WHEN n.keeps_text THEN m."originalLanguage" END,
    "isForwarded" = n.is_forwarded, "quotedMsgId" = NULL,
    "updatedAt" = GREATEST(clock_timestamp(), m."updatedAt" + interval '1 microsecond')
FROM n WHERE m.id = n.message_id AND {match_company("m", "n.company_id")}
RETURNING m."companyId", m."whatsappId", m.wid, m.id, m."ticketId",
          CAST(extract(epoch FROM m."updatedAt") * 1000000 AS bigint) AS version,
          m.ack, COALESCE(m."isEdited", FALSE), m."isDeleted", m.read, n.new_body <> n.old_body
""")


async def insert_messages(
    conn: AsyncConnection, messages: Sequence[MessageRow]
) -> dict[MessageKey, Inserted]:
    """Insert messages; return the ids and tickets of the new rows."""
    rows = await conn.execute(INSERT, rows_as_columns(messages, MessageRow))
    return {
        MessageKey(row.companyId, row.whatsappId, row.wid): Inserted(row.id, row.ticketId)
        for row in rows
    }


async def link_quotes(conn: AsyncConnection, quotes: Sequence[Quote]) -> None:
    """Link messages to the messages they quote, or save them in "AwaitedQuotes"."""
    if quotes:
        await conn.execute(LINK_QUOTES, rows_as_columns(quotes, Quote))


async def link_waiting_quotes(conn: AsyncConnection, ids: Mapping[MessageKey, int]) -> None:
    """Link stored messages to these new messages, which they quote."""
    if ids:
        refs = [MessageRef(*key, message_id) for key, message_id in ids.items()]
        await conn.execute(LINK_WAITING_QUOTES, rows_as_columns(refs, MessageRef))


async def lock_placeholders(
    conn: AsyncConnection, contents: Mapping[MessageKey, MessageRouted]
) -> dict[MessageKey, int]:
    """Lock the placeholders among the rows of these messages, in id order; return their ids."""
    if not contents:
        return {}
    parameters = {
        **rows_as_columns(list(contents), MessageKey),
        "from_me": [message.from_me for message in contents.values()],
    }
    rows = await conn.execute(LOCK_PLACEHOLDERS, parameters)
    return {MessageKey(row.companyId, row.whatsappId, row.wid): row.id for row in rows}


async def replace_placeholders(
    conn: AsyncConnection, contents: Sequence[Content]
) -> dict[MessageKey, ReplacedRow]:
    """Replace locked placeholders by their contents, without quotes; return the rows."""
    if not contents:
        return {}
    rows = await conn.execute(REPLACE, rows_as_columns(contents, Content))
    return {MessageKey(*row[:3]): ReplacedRow(*row[3:]) for row in rows}
