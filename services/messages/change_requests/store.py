"""The statement that finds the messages that requests name."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.change_requests.rules import NamedKey, StoredMessage
from services.messages.persistence.routes import CONTACT_OF_CHAT
from shared.db.bulk import match, match_company, rows_as_columns, source, statement
from shared.db.purged import exclude_purged
from shared.gateways.normalize.numbers import find_other_spelling

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
  WHERE n.id = b.message_id AND {match_company("n", "b.company_id")}
    AND {match('n."whatsappId"', "b.whatsapp_id")}
  UNION ALL SELECT 2, n.* FROM "Messages" n
  WHERE n."companyId" = b.company_id AND n."whatsappId" = b.whatsapp_id AND n.wid = b.wid
  UNION ALL SELECT 3, n.* FROM "Sends" s JOIN "Messages" n
    ON n.id = s."messageId" AND {match_company("n", 's."companyId"')}
   AND {match('n."whatsappId"', "b.whatsapp_id")}
  WHERE s."companyId" = b.company_id AND s."sendId" = b.wid
  ORDER BY rank LIMIT 1) AS m ON TRUE
JOIN "Tickets" t ON t.id = m."ticketId" AND {match_company("t", 'm."companyId"')}
  AND {exclude_purged("Tickets", "t")}
JOIN "Contacts" named ON named.id = t."contactId" AND {match_company("named", 't."companyId"')}
JOIN "Contacts" c ON c.id = COALESCE(named."mergedIntoContactId", named.id)
                 AND {match_company("c", 'named."companyId"')}
""")


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
