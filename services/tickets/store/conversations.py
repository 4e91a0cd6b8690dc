"""Finding a conversation's ticket, reopening it or opening a new one."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.rules.echoes import Suspect
from services.tickets.rules.routing import ConversationKey, Situation, Ticket, Wid
from services.tickets.store import attendances
from services.tickets.store.state import NEXT_VERSION, STATE, state
from shared.contracts.ticket import TicketOpened, TicketReopened
from shared.db.bulk import RacedError, all_columns, columns, same, statement
from shared.db.purged import stays

NOW = statement("SELECT clock_timestamp()")
ANSWERED_WITHIN = timedelta(hours=1)  # longer than a send is tried

SITUATIONS = statement(f"""
SELECT b.company_id, b.whatsapp_id, b.contact_id, c.id AS standing_id,
       w."groupAsTicket" = 'enabled' AS group_as_ticket,
       COALESCE(w."timeCreateNewTicket", 0) AS reopen_minutes,
       CASE WHEN s."enableLGPD" = 'enabled' AND s."lgpdConsent" = 'enabled'
                 AND c."lgpdAcceptedAt" IS NULL
            THEN NOT EXISTS (SELECT FROM "Tickets" t
                             WHERE t."contactId" = c.id AND {same("t", "b.company_id")}
                               AND t."lgpdAcceptedAt" IS NOT NULL)
            ELSE FALSE END AS asks_consent,
       CASE WHEN s."DirectTicketsToWallets" THEN wallet."walletId" END AS wallet_user_id,
       c."isGroup"
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:contact_id AS int[]))
  AS b(company_id, whatsapp_id, contact_id)
JOIN "Whatsapps" w ON w."companyId" = b.company_id AND w.id = b.whatsapp_id
JOIN "Contacts" named ON named.id = b.contact_id AND {same("named", "b.company_id")}
JOIN "Contacts" c ON c.id = COALESCE(named."mergedIntoContactId", named.id)
                 AND {same("c", "b.company_id")}
LEFT JOIN "CompaniesSettings" s ON s."companyId" = b.company_id
LEFT JOIN LATERAL (
  SELECT "walletId" FROM "ContactWallets"
  WHERE "companyId" = b.company_id AND "contactId" = c.id ORDER BY id LIMIT 1
) AS wallet ON s."DirectTicketsToWallets"
""")

KNOWN = statement(f"""
SELECT t.id, t."companyId", t."whatsappId", t."contactId", t.status, t."userId", t."queueId",
       t."isGroup", t."unreadMessages", t."updatedAt"
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:contact_id AS int[]))
  AS b(company_id, whatsapp_id, contact_id)
CROSS JOIN LATERAL (
  (SELECT * FROM "Tickets"
   WHERE "companyId" = b.company_id AND "whatsappId" = b.whatsapp_id
     AND "contactId" = b.contact_id AND status <> 'closed')
  UNION ALL
  (SELECT * FROM "Tickets"
   WHERE "companyId" = b.company_id AND "whatsappId" = b.whatsapp_id
     AND "contactId" = b.contact_id AND status = 'closed'
     AND NOT EXISTS (SELECT FROM "TicketSuccessors" f
                     WHERE f."companyId" = "Tickets"."companyId" AND f."ticketId" = "Tickets".id)
     AND {stays("Tickets", '"Tickets"')}
   ORDER BY "updatedAt" DESC LIMIT 1)
) AS t
""")

STORED = statement("""
SELECT m."companyId", m."whatsappId", m.wid
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:wid AS text[]))
  AS b(company_id, whatsapp_id, wid)
JOIN "Messages" m
  ON m."companyId" = b.company_id AND m."whatsappId" = b.whatsapp_id AND m.wid = b.wid
""")

# Asked for in that ticket in the same words, and not answered yet by the gateway.
ECHOES = statement("""
SELECT b.company_id, b.whatsapp_id, b.wid
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:wid AS text[]),
            CAST(:ticket_id AS int[]), CAST(:body AS text[]), CAST(:written_at AS timestamptz[]))
  AS b(company_id, whatsapp_id, wid, ticket_id, body, written_at)
WHERE EXISTS (
  SELECT FROM "Messages" m
  JOIN "Sends" s ON s."companyId" = m."companyId" AND s."messageId" = m.id
                AND s.status NOT IN ('sent', 'failed')
  WHERE m."companyId" = b.company_id AND m."ticketId" = b.ticket_id AND m."fromMe"
    AND m.body = b.body AND m."createdAt" > b.written_at - CAST(:within AS interval))
""")

# What a conversation is found by was given up when it was closed, and comes back with it.
REOPEN = statement(f"""
UPDATE "Tickets" t
SET status = b.status, "closedAt" = NULL, lid = c.lid, jid = c.jid, "updatedAt" = {NEXT_VERSION}
FROM unnest(CAST(:id AS int[]), CAST(:company_id AS int[]), CAST(:status AS text[]),
            CAST(:contact_id AS int[]), CAST(:updated_at AS timestamptz[]))
  AS b(id, company_id, status, contact_id, updated_at)
JOIN "Contacts" c ON c."companyId" = b.company_id AND c.id = b.contact_id
WHERE t."companyId" = b.company_id AND t.id = b.id AND t."updatedAt" = b.updated_at
RETURNING {STATE}
""")

OPEN = statement(f"""
INSERT INTO "Tickets" AS t ("companyId", "whatsappId", "contactId", status, "userId", "queueId",
                            "isGroup", "unreadMessages", "isBot", channel, lid, jid,
                            "isActiveDemand", "updatedAt")
SELECT b.company_id, b.whatsapp_id, b.contact_id, b.status, b.user_id, b.queue_id, b.is_group, 0,
       NOT (b.is_group OR b.is_active_demand), b.channel, b.lid, b.jid, b.is_active_demand,
       clock_timestamp()
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:contact_id AS int[]),
            CAST(:status AS text[]), CAST(:user_id AS int[]), CAST(:queue_id AS int[]),
            CAST(:is_group AS bool[]), CAST(:channel AS text[]), CAST(:lid AS text[]),
            CAST(:jid AS text[]), CAST(:is_active_demand AS bool[]))
  AS b(company_id, whatsapp_id, contact_id, status, user_id, queue_id, is_group, channel, lid, jid,
       is_active_demand)
ORDER BY b.company_id, b.whatsapp_id, b.contact_id
RETURNING {STATE}
""")


async def situations(
    conn: AsyncConnection, keys: Collection[ConversationKey]
) -> dict[ConversationKey, Situation]:
    """Read what decides how a ticket of each conversation begins.

    A contact that was merged is stood for by another one, whose conversation it is.
    """
    rows = await conn.execute(SITUATIONS, _by_name(keys))
    return {(row[0], row[1], row[2]): Situation(row[0], row[1], *row[3:]) for row in rows}


async def known(conn: AsyncConnection, keys: Collection[ConversationKey]) -> list[Ticket]:
    """Read each conversation's not-closed ticket and its newest closed one."""
    rows = await conn.execute(KNOWN, _by_name(keys)) if keys else ()
    return [Ticket(*row) for row in rows]


async def stored(conn: AsyncConnection, wids: Collection[Wid]) -> set[Wid]:
    """Tell which of these messages their lines have stored, however long ago."""
    company_ids, whatsapp_ids, ids = zip(*wids, strict=True)
    rows = await conn.execute(
        STORED,
        {"company_id": list(company_ids), "whatsapp_id": list(whatsapp_ids), "wid": list(ids)},
    )
    return {(row[0], row[1], row[2]) for row in rows}


async def echoes(conn: AsyncConnection, suspects: Sequence[Suspect]) -> set[Wid]:
    """Tell which of these are sends of ours whose answers have not come."""
    if not suspects:
        return set()
    given = {**all_columns(suspects, Suspect), "within": ANSWERED_WITHIN}
    return {(row[0], row[1], row[2]) for row in await conn.execute(ECHOES, given)}


async def reopen(conn: AsyncConnection, tickets: Mapping[int, Ticket]) -> dict[int, TicketReopened]:
    """Let closed tickets wait again; raises RacedError when one is no longer as it was read."""
    if not tickets:
        return {}
    await attendances.finish(conn, ((t.company_id, t.id) for t in tickets.values()))
    names = ("id", "company_id", "status", "contact_id", "updated_at")
    rows = await conn.execute(REOPEN, columns(list(tickets.values()), names))
    saved = {row.id: state(row, TicketReopened) for row in rows}
    if len(saved) < len(tickets):
        raise RacedError
    return saved


async def now(conn: AsyncConnection) -> datetime:
    """Give the time of now."""
    moment: datetime = (await conn.execute(NOW)).scalar_one()
    return moment


async def open_new(conn: AsyncConnection, tickets: Mapping[int, Ticket]) -> dict[int, TicketOpened]:
    """Insert tickets; gives, for each planned id, the ticket as saved."""
    if not tickets:
        return {}
    planned = {ticket.key: ticket_id for ticket_id, ticket in tickets.items()}
    rows = await conn.execute(OPEN, all_columns(list(tickets.values()), Ticket))
    return {
        planned[row.companyId, row.whatsappId, row.contactId]: state(row, TicketOpened)
        for row in rows
    }


def _by_name(keys: Collection[ConversationKey]) -> dict[str, list[int]]:
    ordered = sorted(keys)
    return {
        "company_id": [key[0] for key in ordered],
        "whatsapp_id": [key[1] for key in ordered],
        "contact_id": [key[2] for key in ordered],
    }
