"""Statements that find the messages that requests name, and insert the sends of their changes."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.change_requests.rules import ChangeRow, NamedKey, StoredMessage
from services.messages.domain.keys import SendKey
from services.messages.persistence.routes import CONTACT_OF_CHAT
from shared.db.bulk import rows_as_columns, source, statement
from shared.db.purged import exclude_purged
from shared.gateways.normalize.numbers import find_other_spelling

NOW = statement("SELECT now()")

# Our message may be named by the wid that it had before the send result changed it.
MESSAGES = statement(f"""
SELECT b.company_id, b.whatsapp_id, b.wid AS named_wid, b.message_id AS named_id, b.chat,
       m.id AS message_id, m.wid, m."fromMe" AS from_me, m.participant, m.ack,
       COALESCE(m."isPrivate", FALSE) AS is_private, m."isDeleted" AS is_deleted,
       t."isGroup" AS is_group, COALESCE(c."remoteJid", c.jid) AS jid,
       COALESCE(c.id = of_chat.id, FALSE) AS is_of_chat
FROM {source(NamedKey, spelt_otherwise="text")}
{CONTACT_OF_CHAT}
JOIN LATERAL (
  SELECT 1 AS rank, n.* FROM "Messages" n
  WHERE n."companyId" = b.company_id AND n."whatsappId" = b.whatsapp_id AND n.id = b.message_id
  UNION ALL SELECT 2, n.* FROM "Messages" n
  WHERE n."companyId" = b.company_id AND n."whatsappId" = b.whatsapp_id AND n.wid = b.wid
  UNION ALL SELECT 3, n.* FROM "Sends" s JOIN "Messages" n
    ON n."companyId" = s."companyId" AND n.id = s."messageId" AND n."whatsappId" = b.whatsapp_id
  WHERE s."companyId" = b.company_id AND s."sendId" = b.wid
  ORDER BY rank LIMIT 1) AS m ON TRUE
JOIN "Tickets" t ON t."companyId" = b.company_id AND t.id = m."ticketId"
  AND {exclude_purged("Tickets", "t")}
JOIN "Contacts" named ON named."companyId" = b.company_id AND named.id = t."contactId"
JOIN "Contacts" c
  ON c."companyId" = b.company_id AND c.id = COALESCE(named."mergedIntoContactId", named.id)
""")

INSERT_SENDS = statement(f"""
INSERT INTO "Sends" ("companyId", "sendId", "whatsappId", chat, wid, place, change)
SELECT b.company_id, b.send_id, b.whatsapp_id, b.chat, b.send_id, 0, CAST(b.change AS jsonb)
FROM {source(ChangeRow)}
ORDER BY b.company_id, b.send_id
ON CONFLICT ("companyId", "sendId") DO NOTHING
RETURNING "companyId", "sendId"
""")


async def read_now(conn: AsyncConnection) -> datetime:
    """Return the transaction's time."""
    now: datetime = (await conn.execute(NOW)).scalar_one()
    return now


async def load_messages(
    conn: AsyncConnection, keys: Collection[NamedKey]
) -> dict[NamedKey, StoredMessage]:
    """Return the stored ones of the messages that requests name."""
    ordered = sorted(keys)
    parameters = {
        **rows_as_columns(ordered, NamedKey),
        "spelt_otherwise": [find_other_spelling(key.chat) for key in ordered],
    }
    rows = await conn.execute(MESSAGES, parameters)
    return {
        NamedKey(
            row.company_id, row.whatsapp_id, row.named_wid, row.named_id, row.chat
        ): StoredMessage(
            message_id=row.message_id,
            wid=row.wid,
            from_me=row.from_me,
            participant=row.participant,
            ack=row.ack,
            is_private=row.is_private,
            is_deleted=row.is_deleted,
            is_group=row.is_group,
            is_of_chat=row.is_of_chat,
            jid=row.jid,
        )
        for row in rows
    }


async def insert_sends(conn: AsyncConnection, rows: Sequence[ChangeRow]) -> set[SendKey]:
    """Insert the sends of changes; return the keys of the new ones."""
    found = await conn.execute(INSERT_SENDS, rows_as_columns(rows, ChangeRow))
    return {SendKey(row.companyId, row.sendId) for row in found}
