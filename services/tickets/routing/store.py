"""Statements of routing: conversations, stored messages, and echoes of our own sends."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.keys import ConversationKey, MessageKey
from services.tickets.routing.echoes import EchoCandidate
from services.tickets.routing.rules import Conversation, StoredMessage
from shared.contracts.message import PLACEHOLDERS
from shared.db.bulk import match_company, rows_as_columns, source, statement

RESULT_WITHIN = timedelta(hours=1)  # longer than sends are retried

CONVERSATIONS = statement(f"""
SELECT b.company_id, b.whatsapp_id, b.contact_id, c.id AS canonical_id,
       w."groupAsTicket" = 'enabled' AS group_as_ticket,
       COALESCE(w."timeCreateNewTicket", 0) AS reopen_minutes,
       CASE WHEN s."enableLGPD" = 'enabled' AND s."lgpdConsent" = 'enabled'
                 AND c."lgpdAcceptedAt" IS NULL
            THEN NOT EXISTS (SELECT FROM "Tickets" t
                             WHERE t."contactId" = c.id AND {match_company("t", "b.company_id")}
                               AND t."lgpdAcceptedAt" IS NOT NULL)
            ELSE FALSE END AS asks_consent,
       CASE WHEN s."DirectTicketsToWallets" THEN wallet."walletId" END AS wallet_user_id,
       c."isGroup" AS is_group
FROM {source(ConversationKey)}
JOIN "Whatsapps" w ON w."companyId" = b.company_id AND w.id = b.whatsapp_id
JOIN "Contacts" named ON named.id = b.contact_id AND {match_company("named", "b.company_id")}
JOIN "Contacts" c ON c.id = COALESCE(named."mergedIntoContactId", named.id)
                 AND {match_company("c", "b.company_id")}
LEFT JOIN "CompaniesSettings" s ON s."companyId" = b.company_id
LEFT JOIN LATERAL (
  SELECT "walletId" FROM "ContactWallets"
  WHERE "companyId" = b.company_id AND "contactId" = c.id ORDER BY id LIMIT 1
) AS wallet ON s."DirectTicketsToWallets"
""")

STORED = statement(f"""
SELECT m."companyId" AS company_id, m."whatsappId" AS whatsapp_id, m.wid,
       m."ticketId" AS ticket_id, m."mediaType" AS media_type
FROM {source(MessageKey)}
JOIN "Messages" m
  ON m."companyId" = b.company_id AND m."whatsappId" = b.whatsapp_id AND m.wid = b.wid
""")

# A message sent in the same ticket with the same text, without a send result yet. A placeholder has
# no text: it may be any of them.
ECHOES = statement(f"""
SELECT b.company_id, b.whatsapp_id, b.wid
FROM {source(EchoCandidate)}
WHERE EXISTS (
  SELECT FROM "Messages" m
  JOIN "Sends" s ON s."messageId" = m.id AND {match_company("s", 'm."companyId"')}
                AND s.status NOT IN ('sent', 'failed')
  WHERE m."ticketId" = b.ticket_id AND {match_company("m", "b.company_id")} AND m."fromMe"
    AND (b.body IS NULL OR m.body = b.body)
    AND m."createdAt" > b.written_at - CAST(:within AS interval))
""")


async def load_conversations(
    conn: AsyncConnection, keys: Collection[ConversationKey]
) -> dict[ConversationKey, Conversation]:
    """Load conversations; for a merged contact that of its canonical contact.

    Conversations whose contact or line does not exist are missing.
    """
    rows = await conn.execute(CONVERSATIONS, rows_as_columns(sorted(keys), ConversationKey))
    return {
        ConversationKey(row.company_id, row.whatsapp_id, row.contact_id): Conversation(
            company_id=row.company_id,
            whatsapp_id=row.whatsapp_id,
            contact_id=row.canonical_id,
            group_as_ticket=row.group_as_ticket,
            reopen_minutes=row.reopen_minutes,
            asks_consent=row.asks_consent,
            wallet_user_id=row.wallet_user_id,
            is_group=row.is_group,
        )
        for row in rows
    }


async def find_stored(
    conn: AsyncConnection, keys: Collection[MessageKey]
) -> dict[MessageKey, StoredMessage]:
    """Return the messages that are stored already."""
    rows = await conn.execute(STORED, rows_as_columns(list(keys), MessageKey))
    return {
        MessageKey(row.company_id, row.whatsapp_id, row.wid): StoredMessage(
            row.ticket_id, is_placeholder=row.media_type in PLACEHOLDERS
        )
        for row in rows
    }


async def find_echoes(
    conn: AsyncConnection, candidates: Sequence[EchoCandidate]
) -> set[MessageKey]:
    """Return the keys of the candidates that are our sends without a send result."""
    if not candidates:
        return set()
    parameters = {**rows_as_columns(candidates, EchoCandidate), "within": RESULT_WITHIN}
    rows = await conn.execute(ECHOES, parameters)
    return {MessageKey(row.company_id, row.whatsapp_id, row.wid) for row in rows}
