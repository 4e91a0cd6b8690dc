"""Statements that insert messages and link them to what they quote."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.domain.keys import MessageKey, MessageRef
from services.messages.storing.rules import Inserted, MessageRow, Quote
from shared.db.bulk import rows_as_columns, source, statement

# References to rows deleted meanwhile become NULL, merged contacts become the canonical contact,
# transferred tickets become their successor; the message itself is always stored.
INSERT = statement(f"""
INSERT INTO "Messages" ("companyId", "whatsappId", wid, "messageId", "ticketId", "contactId",
                        "queueId", "ticketTrakingId", body, "mediaType", "mediaUrl", "fromMe",
                        read, ack, "isForwarded", "remoteJid", participant, "dataJson",
                        "createdAt")
SELECT b.company_id, b.whatsapp_id, b.wid, b.wid, COALESCE(s."successorId", b.ticket_id),
       COALESCE(sender."mergedIntoContactId", sender.id), queue.id,
       traking.id, b.body, b.media_type, b.media_url, b.from_me, b.read, b.ack,
       b.is_forwarded, b.remote_jid, b.participant, b.data_json, b.created_at
FROM {source(MessageRow)}
LEFT JOIN "TicketSuccessors" s ON s."companyId" = b.company_id AND s."ticketId" = b.ticket_id
LEFT JOIN "Contacts" sender ON sender."companyId" = b.company_id AND sender.id = b.contact_id
LEFT JOIN "Queues" queue ON queue."companyId" = b.company_id AND queue.id = b.queue_id
LEFT JOIN "TicketTraking" traking
  ON traking."companyId" = b.company_id AND traking.id = b.ticket_traking_id
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
  WHERE m."companyId" = b.company_id AND m.id = b.message_id
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
FROM arrived WHERE m."companyId" = arrived.company_id AND m.id = arrived.message_id
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
