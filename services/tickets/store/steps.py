"""Saving what became of tickets: closed ones first, then the others, then new ones.

In that order no two tickets of a conversation are ever alive at once, which the partial unique
index would refuse.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.rules.plan import AttendanceRow, Plan
from services.tickets.rules.tickets import CLOSED, Attendance, Ticket
from services.tickets.store import tags
from shared.db.bulk import all_columns, columns, statement

WRITTEN = (
    "company_id", "id", "contact_id", "status", "user_id", "queue_id", "unread_messages",
    "updated_at", "closed_at", "rating_questions", "bot_questions", "consent_asked_at",
    "consented_at", "is_warned", "is_out_of_hours",
)  # fmt: skip

# What a conversation is found by is kept while it goes on; what a flow or a lane left behind ends
# with it.
UPDATE = statement("""
WITH b AS (
  SELECT *
  FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[]), CAST(:contact_id AS int[]),
              CAST(:status AS text[]), CAST(:user_id AS int[]), CAST(:queue_id AS int[]),
              CAST(:unread_messages AS int[]), CAST(:updated_at AS timestamptz[]),
              CAST(:closed_at AS timestamptz[]), CAST(:rating_questions AS int[]),
              CAST(:bot_questions AS int[]), CAST(:consent_asked_at AS timestamptz[]),
              CAST(:consented_at AS timestamptz[]), CAST(:is_warned AS bool[]),
              CAST(:is_out_of_hours AS bool[]))
    AS b(company_id, id, contact_id, status, user_id, queue_id, unread_messages, updated_at,
         closed_at, rating_questions, bot_questions, consent_asked_at, consented_at, is_warned,
         is_out_of_hours)
), forgotten AS (
  DELETE FROM "LaneTimers" l USING b
  WHERE b.status = 'closed' AND l."companyId" = b.company_id AND l."ticketId" = b.id
    AND l."nextMoveAt" IS NOT NULL
)
UPDATE "Tickets" t
SET status = b.status, "contactId" = b.contact_id, "userId" = b.user_id, "queueId" = b.queue_id,
    "unreadMessages" = b.unread_messages, "updatedAt" = b.updated_at, "closedAt" = b.closed_at,
    "amountUsedBotQueuesNPS" = b.rating_questions, "amountUsedBotQueues" = b.bot_questions,
    "lgpdSendMessageAt" = b.consent_asked_at, "lgpdAcceptedAt" = b.consented_at,
    "sendInactiveMessage" = b.is_warned, "isOutOfHour" = b.is_out_of_hours,
    lid = CASE WHEN b.status <> 'closed' THEN COALESCE(t.lid, c.lid) END,
    jid = CASE WHEN b.status <> 'closed' THEN COALESCE(t.jid, c.jid) END,
    "lastFlowId" = CASE WHEN b.status <> 'closed' THEN t."lastFlowId" END,
    "dataWebhook" = CASE WHEN b.status <> 'closed' THEN t."dataWebhook" END,
    "hashFlowId" = CASE WHEN b.status <> 'closed' THEN t."hashFlowId" END
FROM b JOIN "Contacts" c ON c."companyId" = b.company_id AND c.id = b.contact_id
WHERE t."companyId" = b.company_id AND t.id = b.id
""")

# Until its messages are moved, a successor shows what its predecessor did.
INSERT = statement("""
INSERT INTO "Tickets" ("companyId", "whatsappId", "contactId", status, "userId", "queueId",
                       "isGroup", "unreadMessages", "updatedAt", "lgpdAcceptedAt", "isBot",
                       channel, lid, jid, "lastMessage", "fromMe")
SELECT b.company_id, b.whatsapp_id, b.contact_id, b.status, b.user_id, b.queue_id, b.is_group,
       b.unread_messages, b.updated_at, b.consented_at, FALSE,
       old.channel, c.lid, c.jid, old."lastMessage", old."fromMe"
FROM unnest(CAST(:company_id AS int[]), CAST(:old_id AS int[]), CAST(:whatsapp_id AS int[]),
            CAST(:contact_id AS int[]), CAST(:status AS text[]), CAST(:user_id AS int[]),
            CAST(:queue_id AS int[]), CAST(:is_group AS bool[]), CAST(:unread_messages AS int[]),
            CAST(:updated_at AS timestamptz[]), CAST(:consented_at AS timestamptz[]))
  AS b(company_id, old_id, whatsapp_id, contact_id, status, user_id, queue_id, is_group,
       unread_messages, updated_at, consented_at)
JOIN "Tickets" old ON old."companyId" = b.company_id AND old.id = b.old_id
JOIN "Contacts" c ON c."companyId" = b.company_id AND c.id = b.contact_id
ORDER BY b.company_id, b.whatsapp_id, b.contact_id
RETURNING id, "companyId", "whatsappId", "contactId"
""")

# One level deep: what went on as the old ticket goes on as the new one now.
SUCCEED = statement("""
WITH b AS (
  SELECT * FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[]),
                       CAST(:successor_id AS int[])) AS b(company_id, ticket_id, successor_id)
), pointed AS (
  UPDATE "TicketSuccessors" f SET "successorId" = b.successor_id
  FROM b WHERE f."companyId" = b.company_id AND f."successorId" = b.ticket_id
)
INSERT INTO "TicketSuccessors" ("companyId", "ticketId", "successorId")
SELECT * FROM b ORDER BY ticket_id
ON CONFLICT ("companyId", "ticketId") DO UPDATE SET "successorId" = EXCLUDED."successorId"
""")

CHANGE_TRAKING = statement("""
UPDATE "TicketTraking" k
SET "userId" = b.user_id, "queueId" = b.queue_id, "queuedAt" = b.queued_at,
    "startedAt" = b.started_at, "closedAt" = b.closed_at, "finishedAt" = b.finished_at,
    "ratingAt" = b.rating_at, rated = b.rated, "chatbotAt" = b.chatbot_at, "updatedAt" = now()
FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[]), CAST(:user_id AS int[]),
            CAST(:queue_id AS int[]), CAST(:queued_at AS timestamptz[]),
            CAST(:started_at AS timestamptz[]), CAST(:closed_at AS timestamptz[]),
            CAST(:finished_at AS timestamptz[]), CAST(:rating_at AS timestamptz[]),
            CAST(:rated AS bool[]), CAST(:chatbot_at AS timestamptz[]))
  AS b(company_id, id, user_id, queue_id, queued_at, started_at, closed_at, finished_at,
       rating_at, rated, chatbot_at)
WHERE k."companyId" = b.company_id AND k.id = b.id
""")

BEGIN_TRAKING = statement("""
INSERT INTO "TicketTraking" ("companyId", "ticketId", "whatsappId", "userId", "queueId",
                             "queuedAt", "startedAt", "closedAt", "finishedAt", "ratingAt",
                             rated, "chatbotAt")
SELECT b.* FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[]),
                       CAST(:whatsapp_id AS int[]), CAST(:user_id AS int[]),
                       CAST(:queue_id AS int[]), CAST(:queued_at AS timestamptz[]),
                       CAST(:started_at AS timestamptz[]), CAST(:closed_at AS timestamptz[]),
                       CAST(:finished_at AS timestamptz[]), CAST(:rating_at AS timestamptz[]),
                       CAST(:rated AS bool[]), CAST(:chatbot_at AS timestamptz[]))
  AS b(company_id, ticket_id, whatsapp_id, user_id, queue_id, queued_at, started_at, closed_at,
       finished_at, rating_at, rated, chatbot_at)
ORDER BY b.ticket_id, b.finished_at
""")

LOG = statement("""
INSERT INTO "LogTickets" ("companyId", "ticketId", type, "userId", "queueId")
SELECT b.company_id, b.ticket_id, b.type, b.user_id, b.queue_id
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[]), CAST(:type AS text[]),
            CAST(:user_id AS int[]), CAST(:queue_id AS int[])) WITH ORDINALITY
  AS b(company_id, ticket_id, type, user_id, queue_id, place)
ORDER BY b.place
""")

RATE = statement("""
INSERT INTO "UserRatings" ("companyId", "ticketId", "userId", rate)
SELECT b.* FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[]),
                       CAST(:user_id AS int[]), CAST(:rate AS int[]))
  AS b(company_id, ticket_id, user_id, rate)
ORDER BY b.ticket_id
""")

NOTE = statement("""
INSERT INTO "TicketNotes" ("companyId", "ticketId", "contactId", "userId", note)
SELECT b.company_id, b.ticket_id, b.contact_id, b.user_id, b.note
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[]), CAST(:contact_id AS int[]),
            CAST(:user_id AS int[]), CAST(:note AS text[])) WITH ORDINALITY
  AS b(company_id, ticket_id, contact_id, user_id, note, place)
ORDER BY b.place
""")


async def save(conn: AsyncConnection, plan: Plan) -> dict[int, int]:
    """Write a plan's rows; gives the ids that new tickets were saved under."""
    changed = plan.changed
    await _update(conn, [ticket for ticket in changed if ticket.status == CLOSED])
    await _update(conn, [ticket for ticket in changed if ticket.status != CLOSED])
    ids = await _insert(conn, plan)
    await _succeed(conn, plan, ids)
    await _attend(conn, plan.attendances, ids)
    await _log(conn, plan, ids)
    await tags.save(conn, plan)
    if plan.ratings:
        await conn.execute(RATE, all_columns(plan.ratings, type(plan.ratings[0])))
    if plan.notes:
        await conn.execute(NOTE, all_columns(plan.notes, type(plan.notes[0])))
    return ids


async def _update(conn: AsyncConnection, tickets: Sequence[Ticket]) -> None:
    if tickets:
        await conn.execute(UPDATE, columns(tickets, WRITTEN))


async def _insert(conn: AsyncConnection, plan: Plan) -> dict[int, int]:
    if not plan.new:
        return {}
    both = list(plan.new.values())
    new = [pair.new for pair in both]
    names = (
        "company_id", "whatsapp_id", "contact_id", "status", "user_id", "queue_id", "is_group",
        "unread_messages", "updated_at", "consented_at",
    )  # fmt: skip
    rows = await conn.execute(
        INSERT, {**columns(new, names), "old_id": [pair.old.id for pair in both]}
    )
    saved = {(row.companyId, row.whatsappId, row.contactId): row.id for row in rows}
    return {ticket.id: saved[ticket.key] for ticket in new}


async def _succeed(conn: AsyncConnection, plan: Plan, ids: dict[int, int]) -> None:
    if plan.successors:
        ordered = sorted(plan.successors.items())
        await conn.execute(
            SUCCEED,
            {
                "company_id": [key[0] for key, _ in ordered],
                "ticket_id": [key[1] for key, _ in ordered],
                "successor_id": [ids.get(ticket_id, ticket_id) for _, ticket_id in ordered],
            },
        )


async def _attend(
    conn: AsyncConnection, rows: Sequence[AttendanceRow], ids: dict[int, int]
) -> None:
    """Write attendances; one that was open ends before the next one of its ticket begins."""
    known = [row for row in rows if row.attendance.id is not None]
    if known:
        await conn.execute(CHANGE_TRAKING, _attendances(known))
    new = [row for row in rows if row.attendance.id is None]
    if new:
        found = _attendances(new)
        del found["id"]
        more = {
            "ticket_id": [ids.get(row.ticket_id, row.ticket_id) for row in new],
            "whatsapp_id": [row.whatsapp_id for row in new],
        }
        await conn.execute(BEGIN_TRAKING, {**found, **more})


def _attendances(rows: Sequence[AttendanceRow]) -> dict[str, list[Any]]:
    found = all_columns([row.attendance for row in rows], Attendance)
    return {**found, "company_id": [row.company_id for row in rows]}


async def _log(conn: AsyncConnection, plan: Plan, ids: dict[int, int]) -> None:
    if not plan.logs:
        return
    found = columns([row.log for row in plan.logs], ("type", "user_id", "queue_id"))
    more = {
        "company_id": [row.company_id for row in plan.logs],
        "ticket_id": [ids.get(row.ticket_id, row.ticket_id) for row in plan.logs],
    }
    await conn.execute(LOG, {**found, **more})
