"""The statement that finds the route of a chat: its line's gateway, and its 24-hour window."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.domain.keys import ChatKey
from services.messages.domain.routes import Route
from shared.db.bulk import match, match_company, rows_as_columns, source, statement
from shared.gateways.normalize.numbers import find_other_spelling
from shared.gateways.senders.registry import SENDERS

GATEWAYS = sorted(SENDERS)
OFFICIAL = sorted(name for name in SENDERS if SENDERS[name].is_official)

# Finds the contact of `b.chat` by number, LID, JID, the number's other spelling and BSUID, in this
# order; for a merged contact the canonical one. A BSUID counts only with a ticket on the line,
# because in another portfolio it may be another person's.
CONTACT_OF_CHAT = f"""
LEFT JOIN LATERAL (
  SELECT COALESCE(f."mergedIntoContactId", f.id) AS id FROM (
    SELECT id, "mergedIntoContactId", 1 AS rank FROM "Contacts"
    WHERE "companyId" = b.company_id AND number = b.chat
    UNION ALL SELECT id, "mergedIntoContactId", 2 FROM "Contacts"
    WHERE "companyId" = b.company_id AND lid = b.chat
    UNION ALL SELECT id, "mergedIntoContactId", 3 FROM "Contacts"
    WHERE "companyId" = b.company_id AND jid = b.chat
    UNION ALL SELECT id, "mergedIntoContactId", 4 FROM "Contacts"
    WHERE "companyId" = b.company_id AND number = b.spelt_otherwise
    UNION ALL SELECT k.id, k."mergedIntoContactId", 5 FROM "BusinessUserIds" u
    JOIN "Contacts" k ON k.id = u."contactId" AND {match_company("k", 'u."companyId"')}
    WHERE u."companyId" = b.company_id AND u."userId" = b.chat
      AND EXISTS (SELECT FROM "Tickets" x
                  WHERE x."contactId" = COALESCE(k."mergedIntoContactId", k.id)
                    AND {match_company("x", 'k."companyId"')}
                    AND {match('x."whatsappId"', "b.whatsapp_id")})) AS f
  ORDER BY f.rank LIMIT 1) AS of_chat ON TRUE
"""

# The connection that our sender uses is preferred. The window is that of the customer's last
# message on this line, by the message's own time and the database's clock; it is looked up only for
# gateways that have one.
LOAD = statement(f"""
SELECT b.company_id, b.whatsapp_id, b.chat, g.gateway,
       COALESCE(g.gateway = ANY(CAST(:official AS text[])), FALSE) AND EXISTS (
  SELECT FROM "Tickets" t
  JOIN "Messages" m ON m."ticketId" = t.id AND {match_company("m", 't."companyId"')}
  WHERE {match_company("t", "b.company_id")} AND t."contactId" IN (
      SELECT of_chat.id
      UNION ALL SELECT c.id FROM "Contacts" c
      WHERE c."mergedIntoContactId" = of_chat.id AND {match_company("c", "b.company_id")})
    AND {match('m."whatsappId"', "b.whatsapp_id")}
    AND NOT m."fromMe" AND m."isPrivate" IS NOT TRUE
    AND m."createdAt" > now() - interval '24 hours') AS is_window_open
FROM {source(ChatKey, spelt_otherwise="text")}
LEFT JOIN LATERAL (
  SELECT c.gateway FROM "GatewayConnections" c
  WHERE c."companyId" = b.company_id AND c."whatsappId" = b.whatsapp_id
  ORDER BY c.server <> '' AND c.gateway = ANY(CAST(:gateways AS text[])) DESC, c.id
  LIMIT 1) AS g ON TRUE
{CONTACT_OF_CHAT}
""")


async def load_routes(conn: AsyncConnection, keys: Collection[ChatKey]) -> dict[ChatKey, Route]:
    """Return the route of each of these chats."""
    ordered = sorted(keys)
    parameters = {
        **rows_as_columns(ordered, ChatKey),
        "spelt_otherwise": [find_other_spelling(key.chat) for key in ordered],
        "gateways": GATEWAYS,
        "official": OFFICIAL,
    }
    rows = await conn.execute(LOAD, parameters)
    return {
        ChatKey(row.company_id, row.whatsapp_id, row.chat): Route(
            row.gateway, is_window_open=row.is_window_open
        )
        for row in rows
    }
