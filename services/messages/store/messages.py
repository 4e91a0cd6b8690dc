"""Storing messages, and joining answers to what they quote: each statement serves a batch."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.rules.messages import Message, Placed, Quote, Wid
from shared.db.bulk import all_columns, statement

# What was deleted while the message was on its way is left out; the message is not. What became
# another meanwhile is that other.
INSERT = statement("""
INSERT INTO "Messages" ("companyId", "whatsappId", wid, "messageId", "ticketId", "contactId",
                        "queueId", "ticketTrakingId", body, "mediaType", "mediaUrl", "fromMe",
                        read, ack, "isForwarded", "remoteJid", participant, "dataJson",
                        "createdAt")
SELECT b.company_id, b.whatsapp_id, b.wid, b.wid, COALESCE(s."successorId", b.ticket_id),
       COALESCE(sender."mergedIntoContactId", sender.id), queue.id,
       traking.id, b.body, b.media_type, b.media_url, b.from_me, b.read, b.ack,
       b.is_forwarded, b.remote_jid, b.participant, b.data_json, b.created_at
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:wid AS text[]),
            CAST(:ticket_id AS int[]), CAST(:contact_id AS int[]), CAST(:queue_id AS int[]),
            CAST(:ticket_traking_id AS int[]), CAST(:body AS text[]), CAST(:media_type AS text[]),
            CAST(:media_url AS text[]), CAST(:from_me AS bool[]), CAST(:read AS bool[]),
            CAST(:ack AS int[]), CAST(:is_forwarded AS bool[]), CAST(:remote_jid AS text[]),
            CAST(:participant AS text[]), CAST(:data_json AS text[]),
            CAST(:created_at AS timestamptz[]))
  AS b(company_id, whatsapp_id, wid, ticket_id, contact_id, queue_id, ticket_traking_id, body,
       media_type, media_url, from_me, read, ack, is_forwarded, remote_jid, participant,
       data_json, created_at)
LEFT JOIN "TicketSuccessors" s ON s."companyId" = b.company_id AND s."ticketId" = b.ticket_id
LEFT JOIN "Contacts" sender ON sender."companyId" = b.company_id AND sender.id = b.contact_id
LEFT JOIN "Queues" queue ON queue."companyId" = b.company_id AND queue.id = b.queue_id
LEFT JOIN "TicketTraking" traking
  ON traking."companyId" = b.company_id AND traking.id = b.ticket_traking_id
ORDER BY b.created_at, b.wid
ON CONFLICT ("companyId", "whatsappId", wid) DO NOTHING
RETURNING "companyId", "whatsappId", wid, id, "ticketId"
""")

# A quoted message that is not here yet is waited for: gateways do not promise order.
QUOTE = statement("""
WITH b AS (
  SELECT * FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]),
                       CAST(:message_id AS int[]), CAST(:quoted_wid AS text[]))
    AS b(company_id, whatsapp_id, message_id, quoted_wid)
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

ARRIVED = statement("""
WITH arrived AS (
  DELETE FROM "AwaitedQuotes" a
  USING unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:wid AS text[]),
               CAST(:id AS int[])) AS b(company_id, whatsapp_id, wid, id)
  WHERE a."companyId" = b.company_id AND a."whatsappId" = b.whatsapp_id AND a.wid = b.wid
  RETURNING a."companyId" AS company_id, a."messageId" AS message_id, b.id
)
UPDATE "Messages" m SET "quotedMsgId" = arrived.id
FROM arrived WHERE m."companyId" = arrived.company_id AND m.id = arrived.message_id
""")


async def insert(conn: AsyncConnection, messages: Sequence[Message]) -> dict[Wid, Placed]:
    """Store messages; gives the ids and tickets of those that were not stored before."""
    rows = await conn.execute(INSERT, all_columns(messages, Message))
    return {(row[0], row[1], row[2]): Placed(row[3], row[4]) for row in rows}


async def quote(conn: AsyncConnection, quotes: Sequence[Quote]) -> None:
    """Point answers to what they quote, or let them wait for it."""
    if quotes:
        await conn.execute(QUOTE, all_columns(quotes, Quote))


async def answer_waiting(conn: AsyncConnection, ids: Mapping[Wid, int]) -> None:
    """Point to these new messages what has waited for them."""
    if not ids:
        return
    await conn.execute(
        ARRIVED,
        {
            "company_id": [wid[0] for wid in ids],
            "whatsapp_id": [wid[1] for wid in ids],
            "wid": [wid[2] for wid in ids],
            "id": list(ids.values()),
        },
    )
