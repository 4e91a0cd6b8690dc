"""Storing messages of ours that were asked for: each statement serves a whole batch."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.rules.compose import Asked, Composed, Conversation
from services.messages.rules.messages import Wid
from shared.db.bulk import all_columns, statement
from shared.db.purged import stays
from shared.gateways.numbers import other_spelling

NOW = statement("SELECT now()")

# A ticket that was transferred is its successor; a chat stands for the contact that has it as
# number, LID or address, or was merged with it. A number that is spelt otherwise comes last.
CONVERSATIONS = statement(f"""
SELECT b.company_id, b.whatsapp_id, b.ticket_id, b.chat, t.id, t."whatsappId", t."contactId",
       t."queueId", k.id, COALESCE(c."remoteJid", c.jid),
       COALESCE(c.id = him.id, FALSE) AS is_of_chat
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:ticket_id AS int[]),
            CAST(:chat AS text[]), CAST(:spelt_otherwise AS text[]))
  AS b(company_id, whatsapp_id, ticket_id, chat, spelt_otherwise)
LEFT JOIN LATERAL (
  SELECT COALESCE(f."mergedIntoContactId", f.id) AS id FROM (
    SELECT id, "mergedIntoContactId", 1 AS rank FROM "Contacts"
    WHERE "companyId" = b.company_id AND number = b.chat
    UNION ALL SELECT id, "mergedIntoContactId", 2 FROM "Contacts"
    WHERE "companyId" = b.company_id AND lid = b.chat
    UNION ALL SELECT id, "mergedIntoContactId", 3 FROM "Contacts"
    WHERE "companyId" = b.company_id AND jid = b.chat
    UNION ALL SELECT id, "mergedIntoContactId", 4 FROM "Contacts"
    WHERE "companyId" = b.company_id AND number = b.spelt_otherwise) AS f
  ORDER BY f.rank LIMIT 1) AS him ON TRUE
LEFT JOIN "TicketSuccessors" s ON s."companyId" = b.company_id AND s."ticketId" = b.ticket_id
JOIN LATERAL (
  SELECT * FROM "Tickets"
  WHERE "companyId" = b.company_id AND id = COALESCE(s."successorId", b.ticket_id)
  UNION ALL SELECT * FROM "Tickets"
  WHERE b.ticket_id = 0 AND "companyId" = b.company_id AND "whatsappId" = b.whatsapp_id
    AND "contactId" = him.id AND status <> 'closed') AS t ON {stays("Tickets", "t")}
JOIN "Contacts" his ON his."companyId" = b.company_id AND his.id = t."contactId"
JOIN "Contacts" c
  ON c."companyId" = b.company_id AND c.id = COALESCE(his."mergedIntoContactId", his.id)
LEFT JOIN "TicketTraking" k ON k."ticketId" = t.id AND k."finishedAt" IS NULL
""")

# A send that is known was asked for before, whatever its message is called by now.
SENDS = statement("""
INSERT INTO "Sends" ("companyId", "sendId", "whatsappId", chat, wid, place)
SELECT b.company_id, b.send_id, b.whatsapp_id, b.chat, b.send_id, 0
FROM unnest(CAST(:company_id AS int[]), CAST(:send_id AS text[]), CAST(:whatsapp_id AS int[]),
            CAST(:chat AS text[])) AS b(company_id, send_id, whatsapp_id, chat)
WHERE b.send_id IS NOT NULL
ORDER BY b.company_id, b.send_id
ON CONFLICT ("companyId", "sendId") DO NOTHING
RETURNING "companyId", "sendId"
""")

INSERT = statement("""
INSERT INTO "Messages" ("companyId", "whatsappId", wid, "messageId", "ticketId", "queueId",
                        "ticketTrakingId", body, "mediaType", "mediaUrl", "fromMe", read, ack,
                        "isPrivate", "remoteJid", "dataJson", "createdAt")
SELECT b.company_id, b.whatsapp_id, b.wid, b.wid, b.ticket_id, b.queue_id, b.ticket_traking_id,
       b.body, b.media_type, b.media_url, TRUE, TRUE, b.ack, b.is_private, b.remote_jid,
       b.data_json, b.created_at
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:wid AS text[]),
            CAST(:ticket_id AS int[]), CAST(:queue_id AS int[]),
            CAST(:ticket_traking_id AS int[]), CAST(:body AS text[]), CAST(:media_type AS text[]),
            CAST(:media_url AS text[]), CAST(:ack AS int[]), CAST(:is_private AS bool[]),
            CAST(:remote_jid AS text[]), CAST(:data_json AS text[]),
            CAST(:created_at AS timestamptz[]))
  AS b(company_id, whatsapp_id, wid, ticket_id, queue_id, ticket_traking_id, body, media_type,
       media_url, ack, is_private, remote_jid, data_json, created_at)
ORDER BY b.created_at, b.wid
ON CONFLICT ("companyId", "whatsappId", wid) DO NOTHING
RETURNING "companyId", "whatsappId", wid, id
""")

JOIN = statement("""
UPDATE "Sends" s SET "messageId" = b.message_id
FROM unnest(CAST(:company_id AS int[]), CAST(:send_id AS text[]), CAST(:message_id AS int[]))
  AS b(company_id, send_id, message_id)
WHERE s."companyId" = b.company_id AND s."sendId" = b.send_id
""")


async def now(conn: AsyncConnection) -> datetime:
    """Give the transaction's time."""
    moment: datetime = (await conn.execute(NOW)).scalar_one()
    return moment


async def conversations(
    conn: AsyncConnection, asked: Collection[Asked]
) -> dict[Asked, Conversation]:
    """Find the ticket that each names, or the chat's one that is not closed."""
    ordered = sorted(asked)
    rows = await conn.execute(
        CONVERSATIONS,
        {
            "company_id": [one[0] for one in ordered],
            "whatsapp_id": [one[1] for one in ordered],
            "ticket_id": [one[2] for one in ordered],
            "chat": [one[3] for one in ordered],
            "spelt_otherwise": [other_spelling(one[3]) for one in ordered],
        },
    )
    return {(row[0], row[1], row[2], row[3]): Conversation(*row[4:]) for row in rows}


async def begin_sends(conn: AsyncConnection, rows: Sequence[Composed]) -> set[tuple[int, str]]:
    """Note the sends that were not asked for before; gives those."""
    found = await conn.execute(SENDS, all_columns(rows, Composed))
    return {(row[0], row[1]) for row in found}


async def insert(conn: AsyncConnection, rows: Sequence[Composed]) -> dict[Wid, int]:
    """Store messages; gives the ids of those that are new."""
    found = await conn.execute(INSERT, all_columns(rows, Composed))
    ids = {(row[0], row[1], row[2]): row[3] for row in found}
    sent = [row for row in rows if row.send_id]
    await conn.execute(
        JOIN,
        {
            "company_id": [row.company_id for row in sent],
            "send_id": [row.send_id for row in sent],
            "message_id": [ids.get((row.company_id, row.whatsapp_id, row.wid)) for row in sent],
        },
    )
    return ids
