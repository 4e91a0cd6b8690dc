"""Statements that find the tickets of messages to compose, and insert the messages."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.composing.rules import ComposedRow, Conversation, ConversationKey
from services.messages.composing.templates import KnownTemplate, TemplateKey
from services.messages.domain.keys import MessageKey, get_message_key
from services.messages.persistence.routes import CONTACT_OF_CHAT
from shared.db.bulk import match_company, rows_as_columns, source, statement
from shared.db.purged import exclude_purged
from shared.gateways.normalize.numbers import find_other_spelling


class SendMessage(NamedTuple):
    """The message of a send; None for a message that was stored before."""

    company_id: int
    send_id: str
    message_id: int | None


# A transferred ticket is replaced by its successor.
CONVERSATIONS = statement(f"""
SELECT b.company_id, b.whatsapp_id, b.ticket_id, b.chat, t.id, t."whatsappId", t."contactId",
       t."queueId", k.id AS ticket_traking_id, COALESCE(c."remoteJid", c.jid) AS jid,
       COALESCE(c.id = of_chat.id, FALSE) AS is_of_chat
FROM {source(ConversationKey, spelt_otherwise="text")}
{CONTACT_OF_CHAT}
LEFT JOIN "TicketSuccessors" s ON s."companyId" = b.company_id AND s."ticketId" = b.ticket_id
JOIN LATERAL (
  SELECT * FROM "Tickets"
  WHERE "companyId" = b.company_id AND id = COALESCE(s."successorId", b.ticket_id)
  UNION ALL SELECT * FROM "Tickets"
  WHERE b.ticket_id = 0 AND "companyId" = b.company_id AND "whatsappId" = b.whatsapp_id
    AND "contactId" = of_chat.id AND status <> 'closed') AS t ON {exclude_purged("Tickets", "t")}
JOIN "Contacts" named ON named.id = t."contactId" AND {match_company("named", 't."companyId"')}
JOIN "Contacts" c ON c.id = COALESCE(named."mergedIntoContactId", named.id)
                 AND {match_company("c", 'named."companyId"')}
LEFT JOIN "TicketTraking" k ON k."ticketId" = t.id AND k."finishedAt" IS NULL
""")

INSERT_MESSAGES = statement(f"""
INSERT INTO "Messages" ("companyId", "whatsappId", wid, "messageId", "ticketId", "queueId",
                        "ticketTrakingId", body, "mediaType", "mediaUrl", "fromMe", read, ack,
                        "isPrivate", "remoteJid", "dataJson", "createdAt")
SELECT b.company_id, b.whatsapp_id, b.wid, b.wid, b.ticket_id, b.queue_id, b.ticket_traking_id,
       b.body, b.media_type, b.media_url, TRUE, TRUE, b.ack, b.is_private, b.remote_jid,
       b.data_json, b.created_at
FROM {source(ComposedRow)}
ORDER BY b.created_at, b.wid
ON CONFLICT ("companyId", "whatsappId", wid) DO NOTHING
RETURNING "companyId", "whatsappId", wid, id
""")

TEMPLATES = statement(f"""
SELECT b.company_id, b.whatsapp_id, b.name, b.language, t.status, t.header, t.body, t.footer
FROM {source(TemplateKey)}
JOIN "MessageTemplates" t ON t."companyId" = b.company_id AND t."whatsappId" = b.whatsapp_id
                         AND t.name = b.name AND t.language = b.language
""")

LINK_SENDS = statement(f"""
UPDATE "Sends" s SET "messageId" = b.message_id
FROM {source(SendMessage)}
WHERE s."companyId" = b.company_id AND s."sendId" = b.send_id
""")


async def load_conversations(
    conn: AsyncConnection, keys: Collection[ConversationKey]
) -> dict[ConversationKey, Conversation]:
    """Return the ticket that each key names, or the chat's ticket that is not closed."""
    ordered = sorted(keys)
    parameters = {
        **rows_as_columns(ordered, ConversationKey),
        "spelt_otherwise": [find_other_spelling(key.chat) for key in ordered],
    }
    rows = await conn.execute(CONVERSATIONS, parameters)
    return {
        ConversationKey(row.company_id, row.whatsapp_id, row.ticket_id, row.chat): Conversation(
            ticket_id=row.id,
            whatsapp_id=row.whatsappId,
            contact_id=row.contactId,
            queue_id=row.queueId,
            ticket_traking_id=row.ticket_traking_id,
            jid=row.jid,
            is_of_chat=row.is_of_chat,
        )
        for row in rows
    }


async def load_templates(
    conn: AsyncConnection, keys: Collection[TemplateKey]
) -> dict[TemplateKey, KnownTemplate]:
    """Return the templates that are registered for their lines."""
    if not keys:
        return {}
    rows = await conn.execute(TEMPLATES, rows_as_columns(sorted(keys), TemplateKey))
    return {
        TemplateKey(row.company_id, row.whatsapp_id, row.name, row.language): KnownTemplate(
            row.status, row.header, row.body, row.footer
        )
        for row in rows
    }


async def insert_messages(
    conn: AsyncConnection, messages: Sequence[ComposedRow]
) -> dict[MessageKey, int]:
    """Insert messages and link their sends to them; return the ids of those that are new."""
    rows = await conn.execute(INSERT_MESSAGES, rows_as_columns(messages, ComposedRow))
    ids = {MessageKey(row.companyId, row.whatsappId, row.wid): row.id for row in rows}
    links = [
        SendMessage(message.company_id, message.send_id, ids.get(get_message_key(message)))
        for message in messages
        if message.send_id
    ]
    await conn.execute(LINK_SENDS, rows_as_columns(links, SendMessage))
    return ids
