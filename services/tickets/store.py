"""The tickets service's statements: each one serves a whole batch."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Row, TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.rules import ConversationKey, Situation, Ticket, Wid
from shared.contracts.ticket import (
    TicketChanged,
    TicketDiscarded,
    TicketOpened,
    TicketReopened,
    TicketUpdated,
)
from shared.db.bulk import RacedError, all_columns, columns, statement

Change = TypeVar("Change", bound=TicketChanged)

SITUATIONS = statement("""
SELECT b.company_id, b.whatsapp_id, b.contact_id,
       w."groupAsTicket" = 'enabled' AS group_as_ticket,
       COALESCE(w."timeCreateNewTicket", 0) AS reopen_minutes,
       COALESCE(s."enableLGPD" = 'enabled' AND s."lgpdConsent" = 'enabled', FALSE)
         AND c."lgpdAcceptedAt" IS NULL AS asks_consent,
       CASE WHEN s."DirectTicketsToWallets" THEN wallet."walletId" END AS wallet_user_id
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:contact_id AS int[]))
  AS b(company_id, whatsapp_id, contact_id)
JOIN "Whatsapps" w ON w."companyId" = b.company_id AND w.id = b.whatsapp_id
JOIN "Contacts" c ON c."companyId" = b.company_id AND c.id = b.contact_id
LEFT JOIN "CompaniesSettings" s ON s."companyId" = b.company_id
LEFT JOIN LATERAL (
  SELECT "walletId" FROM "ContactWallets"
  WHERE "companyId" = b.company_id AND "contactId" = b.contact_id ORDER BY id LIMIT 1
) AS wallet ON s."DirectTicketsToWallets"
""")

KNOWN = statement("""
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

STATE = """t.id, t."companyId", t.status, t."contactId", t."whatsappId", t."userId", t."queueId",
          t."unreadMessages", t."isGroup",
          CAST(extract(epoch FROM t."updatedAt") * 1000000 AS bigint) AS version"""
NEXT_VERSION = """GREATEST(clock_timestamp(), t."updatedAt" + interval '1 microsecond')"""

REOPEN = statement(f"""
UPDATE "Tickets" t
SET status = 'pending', "closedAt" = NULL, "updatedAt" = {NEXT_VERSION}
FROM unnest(CAST(:id AS int[]), CAST(:company_id AS int[]), CAST(:updated_at AS timestamptz[]))
  AS b(id, company_id, updated_at)
WHERE t."companyId" = b.company_id AND t.id = b.id AND t."updatedAt" = b.updated_at
RETURNING {STATE}
""")

OPEN = statement(f"""
INSERT INTO "Tickets" AS t ("companyId", "whatsappId", "contactId", status, "userId", "queueId",
                            "isGroup", "unreadMessages", "isBot", channel, lid, jid, "updatedAt")
SELECT b.company_id, b.whatsapp_id, b.contact_id, b.status, b.user_id, b.queue_id, b.is_group, 0,
       NOT b.is_group, b.channel, b.lid, b.jid, clock_timestamp()
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:contact_id AS int[]),
            CAST(:status AS text[]), CAST(:user_id AS int[]), CAST(:queue_id AS int[]),
            CAST(:is_group AS bool[]), CAST(:channel AS text[]), CAST(:lid AS text[]),
            CAST(:jid AS text[]))
  AS b(company_id, whatsapp_id, contact_id, status, user_id, queue_id, is_group, channel, lid, jid)
ORDER BY b.company_id, b.whatsapp_id, b.contact_id
RETURNING {STATE}
""")

# An attendance ends when its ticket is closed; one left open would swallow the next one's times.
FINISH_TRAKING = statement("""
UPDATE "TicketTraking" k SET "finishedAt" = now(), "closedAt" = COALESCE(k."closedAt", now()),
       "updatedAt" = now()
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
WHERE k."companyId" = b.company_id AND k."ticketId" = b.ticket_id AND k."finishedAt" IS NULL
""")

TRAKING = statement("""
WITH b AS (
  SELECT * FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[]),
                       CAST(:whatsapp_id AS int[]), CAST(:user_id AS int[]),
                       CAST(:queue_id AS int[]))
    AS b(company_id, ticket_id, whatsapp_id, user_id, queue_id)
), made AS (
  INSERT INTO "TicketTraking" ("companyId", "ticketId", "whatsappId", "userId", "queueId")
  SELECT b.* FROM b
  WHERE NOT EXISTS (SELECT FROM "TicketTraking" k
                    WHERE k."ticketId" = b.ticket_id AND k."finishedAt" IS NULL)
  ORDER BY b.ticket_id
  RETURNING id, "ticketId"
)
SELECT "ticketId", id FROM made
UNION ALL
SELECT k."ticketId", k.id FROM b JOIN "TicketTraking" k
  ON k."companyId" = b.company_id AND k."ticketId" = b.ticket_id AND k."finishedAt" IS NULL
""")

LOG = statement("""
INSERT INTO "LogTickets" ("companyId", "ticketId", type)
SELECT b.company_id, b.ticket_id, :type
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
ORDER BY b.ticket_id
""")

LOCK = statement("""
SELECT t.id
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
JOIN "Tickets" t ON t."companyId" = b.company_id AND t.id = b.ticket_id
ORDER BY t.id FOR NO KEY UPDATE OF t
""")

# Unread and last message are state, not deltas (design 5.3): computed from the rows, so neither
# order nor repetition matters. The caller holds the rows' locks, so this snapshot is the newest.
REFRESH = statement(f"""
UPDATE "Tickets" t
SET "unreadMessages" = s.unread, "lastMessage" = s.last_message, "fromMe" = s.from_me,
    "updatedAt" = {NEXT_VERSION}
FROM (
  SELECT b.company_id, b.ticket_id, unread.number AS unread, last."fromMe" AS from_me,
         COALESCE(NULLIF(last.body, ''), substring(last."mediaUrl" FROM '[^/?]+(?=[?]|$)'),
                  last."mediaType", '') AS last_message
  FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
  CROSS JOIN LATERAL (
    SELECT body, "mediaUrl", "mediaType", "fromMe" FROM "Messages"
    WHERE "ticketId" = b.ticket_id AND NOT "isPrivate"
    ORDER BY "createdAt" DESC, wid DESC LIMIT 1
  ) AS last
  LEFT JOIN LATERAL (
    SELECT "createdAt" AS at FROM "Messages"
    WHERE "ticketId" = b.ticket_id AND ("fromMe" OR read) AND NOT "isPrivate"
    ORDER BY "createdAt" DESC LIMIT 1
  ) AS mark ON TRUE
  CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM "Messages"
    WHERE "ticketId" = b.ticket_id AND NOT "fromMe" AND NOT "isPrivate"
      AND "createdAt" > COALESCE(mark.at, '-infinity')
  ) AS unread
) AS s
WHERE t."companyId" = s.company_id AND t.id = s.ticket_id
  AND (t."unreadMessages", t."lastMessage", t."fromMe")
      IS DISTINCT FROM (s.unread, s.last_message, s.from_me)
RETURNING {STATE}
""")

# Nobody has taken the ticket and its attendance has no message: it began for a copy only.
TAKE_BACK = statement(f"""
UPDATE "Tickets" t
SET status = 'closed', "closedAt" = now(), lid = NULL, jid = NULL, "updatedAt" = {NEXT_VERSION}
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
WHERE t."companyId" = b.company_id AND t.id = b.ticket_id
  AND t.status IN ('pending', 'group', 'lgpd') AND t."userId" IS NULL
  AND NOT EXISTS (
    SELECT FROM "Messages" m JOIN "TicketTraking" k ON k.id = m."ticketTrakingId"
    WHERE m."ticketId" = t.id AND k."ticketId" = t.id AND k."finishedAt" IS NULL)
RETURNING {STATE}
""")


async def situations(
    conn: AsyncConnection, keys: Collection[ConversationKey]
) -> dict[ConversationKey, Situation]:
    """Read what decides how a ticket of each conversation begins."""
    rows = await conn.execute(SITUATIONS, _by_name(keys))
    return {found.key: found for found in (Situation(*row) for row in rows)}


async def known(conn: AsyncConnection, keys: Collection[ConversationKey]) -> list[Ticket]:
    """Read each conversation's not-closed ticket and its newest closed one."""
    rows = await conn.execute(KNOWN, _by_name(keys))
    return [Ticket(*row) for row in rows]


async def stored(conn: AsyncConnection, wids: Collection[Wid]) -> set[Wid]:
    """Tell which of these messages their lines have stored, however long ago."""
    company_ids, whatsapp_ids, ids = zip(*wids, strict=True)
    rows = await conn.execute(
        STORED,
        {"company_id": list(company_ids), "whatsapp_id": list(whatsapp_ids), "wid": list(ids)},
    )
    return {(row[0], row[1], row[2]) for row in rows}


async def reopen(conn: AsyncConnection, tickets: Mapping[int, Ticket]) -> dict[int, TicketReopened]:
    """Set closed tickets to pending; raises RacedError when one is no longer as it was read."""
    if not tickets:
        return {}
    await _finish_traking(conn, ((t.company_id, t.id) for t in tickets.values()))
    names = ("id", "company_id", "updated_at")
    rows = await conn.execute(REOPEN, columns(list(tickets.values()), names))
    saved = {row.id: _state(row, TicketReopened) for row in rows}
    if len(saved) < len(tickets):
        raise RacedError
    return saved


async def open_new(conn: AsyncConnection, tickets: Mapping[int, Ticket]) -> dict[int, TicketOpened]:
    """Insert tickets; gives, for each planned id, the ticket as saved."""
    if not tickets:
        return {}
    planned = {ticket.key: ticket_id for ticket_id, ticket in tickets.items()}
    rows = await conn.execute(OPEN, all_columns(list(tickets.values()), Ticket))
    return {
        planned[row.companyId, row.whatsappId, row.contactId]: _state(row, TicketOpened)
        for row in rows
    }


async def traking(conn: AsyncConnection, tickets: Iterable[Ticket]) -> dict[int, int]:
    """Find or begin each ticket's open attendance: ticket id → tracking id."""
    ordered = sorted(tickets, key=lambda ticket: ticket.id)
    names = ("company_id", "whatsapp_id", "user_id", "queue_id")
    rows = await conn.execute(
        TRAKING, {**columns(ordered, names), "ticket_id": [t.id for t in ordered]}
    )
    return {row[0]: row[1] for row in rows}


async def log(conn: AsyncConnection, tickets: Iterable[tuple[int, int]], kind: str) -> None:
    """Append a row of this type (schema.md 3, LogTickets.type) for each (company, ticket)."""
    if found := _pairs(tickets):
        await conn.execute(LOG, {**found, "type": kind})


async def lock(conn: AsyncConnection, tickets: Iterable[tuple[int, int]]) -> None:
    """Lock rows in id order, so that the next statement sees all that came before."""
    if found := _pairs(tickets):
        await conn.execute(LOCK, found)


async def refresh(
    conn: AsyncConnection, tickets: Iterable[tuple[int, int]]
) -> dict[int, TicketUpdated]:
    """Bring unread count and last message up to date; gives the tickets that changed."""
    found = _pairs(tickets)
    return await _changed(conn, REFRESH, found, TicketUpdated) if found else {}


async def take_back(
    conn: AsyncConnection, tickets: Iterable[tuple[int, int]]
) -> dict[int, TicketDiscarded]:
    """Close tickets whose attendance stayed empty; gives those that were."""
    found = _pairs(tickets)
    if not found:
        return {}
    discarded = await _changed(conn, TAKE_BACK, found, TicketDiscarded)
    await _finish_traking(conn, ((t.company_id, t.ticket_id) for t in discarded.values()))
    return discarded


async def _finish_traking(conn: AsyncConnection, tickets: Iterable[tuple[int, int]]) -> None:
    if found := _pairs(tickets):
        await conn.execute(FINISH_TRAKING, found)


async def _changed(
    conn: AsyncConnection, sql: TextClause, found: dict[str, list[int]], change: type[Change]
) -> dict[int, Change]:
    rows = await conn.execute(sql, found)
    return {row.id: _state(row, change) for row in rows}


def _by_name(keys: Collection[ConversationKey]) -> dict[str, list[int]]:
    ordered = sorted(keys)
    return {
        "company_id": [key[0] for key in ordered],
        "whatsapp_id": [key[1] for key in ordered],
        "contact_id": [key[2] for key in ordered],
    }


def _pairs(tickets: Iterable[tuple[int, int]]) -> dict[str, list[int]]:
    ordered = sorted(tickets)
    if not ordered:
        return {}
    return {"company_id": [t[0] for t in ordered], "ticket_id": [t[1] for t in ordered]}


def _state(row: Row[Any], change: type[Change]) -> Change:
    return change(
        company_id=row.companyId,
        ticket_id=row.id,
        version=row.version,
        status=row.status,
        contact_id=row.contactId,
        whatsapp_id=row.whatsappId,
        user_id=row.userId,
        queue_id=row.queueId,
        unread_messages=row.unreadMessages,
        is_group=row.isGroup,
    )
