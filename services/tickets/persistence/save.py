"""Statements that save a plan: first closed tickets, then other changed ones, then new ones.

In this order the partial unique index always holds: at most one ticket of a conversation is not
closed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.keys import ConversationKey
from services.tickets.domain.plan import AttendanceRow, NewTicket, NoteRow, Plan, RatingRow
from services.tickets.domain.ticket import CLOSED, Attendance, Log, Ticket
from services.tickets.persistence import tags
from shared.db.bulk import (
    ConcurrentUpdateError,
    columns,
    match_company,
    rows_as_columns,
    source,
    statement,
)


class TicketRow(NamedTuple):
    """The columns of a ticket that transitions change, named as in `Ticket`."""

    company_id: int
    id: int
    contact_id: int
    status: str
    user_id: int | None
    queue_id: int | None
    unread_messages: int
    updated_at: datetime
    closed_at: datetime | None
    rating_questions: int
    bot_questions: int
    consent_asked_at: datetime | None
    consented_at: datetime | None
    is_warned: bool
    is_out_of_hours: bool


class InsertedTicket(NamedTuple):
    """The columns of a new ticket, named as in `Ticket`."""

    company_id: int
    whatsapp_id: int
    contact_id: int
    status: str
    user_id: int | None
    queue_id: int | None
    is_group: bool
    unread_messages: int
    updated_at: datetime
    consented_at: datetime | None


class SuccessorRow(NamedTuple):
    """A row of "TicketSuccessors"."""

    company_id: int
    ticket_id: int
    successor_id: int


# `lid` and `jid` are set while a ticket is not closed, and NULL when it is; columns of flows and
# timers of lanes are cleared when it is closed.
UPDATE = statement(f"""
WITH b AS (
  SELECT * FROM {source(TicketRow, loaded_at="timestamptz")}
), cancelled AS (
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
FROM b JOIN "Contacts" c ON c.id = b.contact_id AND {match_company("c", "b.company_id")}
WHERE t.id = b.id AND {match_company("t", "b.company_id")} AND t."updatedAt" = b.loaded_at
RETURNING t.id
""")

BEGUN_WITH = {  # columns that only the INSERT sets, named as in `NewTicket`
    "predecessor_id": "int",
    "channel": "text",
    "lid": "text",
    "jid": "text",
    "is_active_demand": "bool",
}

# A successor gets its predecessor's last message, until the messages are moved.
INSERT = statement(f"""
INSERT INTO "Tickets" ("companyId", "whatsappId", "contactId", status, "userId", "queueId",
                       "isGroup", "unreadMessages", "updatedAt", "lgpdAcceptedAt", "isBot",
                       "isActiveDemand", channel, lid, jid, "lastMessage", "fromMe")
SELECT b.company_id, b.whatsapp_id, b.contact_id, b.status, b.user_id, b.queue_id, b.is_group,
       b.unread_messages, b.updated_at, b.consented_at,
       old.id IS NULL AND NOT (b.is_group OR b.is_active_demand), b.is_active_demand,
       CASE WHEN old.id IS NULL THEN b.channel ELSE old.channel END,
       CASE WHEN old.id IS NULL THEN b.lid ELSE c.lid END,
       CASE WHEN old.id IS NULL THEN b.jid ELSE c.jid END,
       old."lastMessage", COALESCE(old."fromMe", FALSE)
FROM {source(InsertedTicket, **BEGUN_WITH)}
LEFT JOIN "Tickets" old ON old."companyId" = b.company_id AND old.id = b.predecessor_id
LEFT JOIN "Contacts" c ON c."companyId" = b.company_id AND c.id = b.contact_id
ORDER BY b.company_id, b.whatsapp_id, b.contact_id
RETURNING id, "companyId" AS company_id, "whatsappId" AS whatsapp_id, "contactId" AS contact_id
""")

# No chains: tickets whose successor is the old ticket now get the new one.
SAVE_SUCCESSORS = statement(f"""
WITH b AS (
  SELECT * FROM {source(SuccessorRow)}
), pointed AS (
  UPDATE "TicketSuccessors" f SET "successorId" = b.successor_id
  FROM b WHERE f."companyId" = b.company_id AND f."successorId" = b.ticket_id
)
INSERT INTO "TicketSuccessors" ("companyId", "ticketId", "successorId")
SELECT * FROM b ORDER BY ticket_id
ON CONFLICT ("companyId", "ticketId") DO UPDATE SET "successorId" = EXCLUDED."successorId"
""")

CHANGE_ATTENDANCES = statement(f"""
UPDATE "TicketTraking" k
SET "userId" = b.user_id, "queueId" = b.queue_id, "queuedAt" = b.queued_at,
    "startedAt" = b.started_at, "closedAt" = b.closed_at, "finishedAt" = b.finished_at,
    "ratingAt" = b.rating_at, rated = b.rated, "chatbotAt" = b.chatbot_at, "updatedAt" = now()
FROM {source(Attendance, company_id="int")}
WHERE k."companyId" = b.company_id AND k.id = b.id
""")

BEGIN_ATTENDANCES = statement(f"""
INSERT INTO "TicketTraking" ("companyId", "ticketId", "whatsappId", "userId", "queueId",
                             "queuedAt", "startedAt", "closedAt", "finishedAt", "ratingAt",
                             rated, "chatbotAt")
SELECT b.company_id, b.ticket_id, b.whatsapp_id, b.user_id, b.queue_id, b.queued_at, b.started_at,
       b.closed_at, b.finished_at, b.rating_at, b.rated, b.chatbot_at
FROM {source(Attendance, company_id="int", ticket_id="int", whatsapp_id="int")}
ORDER BY b.ticket_id, b.finished_at
""")

APPEND_LOGS = statement(f"""
INSERT INTO "LogTickets" ("companyId", "ticketId", type, "userId", "queueId")
SELECT b.company_id, b.ticket_id, b.type, b.user_id, b.queue_id
FROM {source(Log, company_id="int", ticket_id="int", number="int")}
ORDER BY b.number
""")

ADD_RATINGS = statement(f"""
INSERT INTO "UserRatings" ("companyId", "ticketId", "userId", rate)
SELECT b.company_id, b.ticket_id, b.user_id, b.rate FROM {source(RatingRow)}
ORDER BY b.ticket_id
""")

ADD_NOTES = statement(f"""
INSERT INTO "TicketNotes" ("companyId", "ticketId", "contactId", "userId", note)
SELECT b.company_id, b.ticket_id, b.contact_id, b.user_id, b.note
FROM {source(NoteRow, number="int")}
ORDER BY b.number
""")


async def save_plan(conn: AsyncConnection, plan: Plan) -> dict[int, int]:
    """Save a plan's rows; return the database id of each new ticket by its temporary id.

    Raises ConcurrentUpdateError if a ticket was changed since it was loaded.
    """
    changed = plan.changed
    await _update(conn, plan, [ticket for ticket in changed if ticket.status == CLOSED])
    await _update(conn, plan, [ticket for ticket in changed if ticket.status != CLOSED])
    ids = await _insert(conn, list(plan.new.values()))
    await _save_successors(conn, plan, ids)
    await _save_attendances(conn, plan.attendances, ids)
    await _append_logs(conn, plan, ids)
    await tags.save_tags(conn, plan)
    if plan.ratings:
        await conn.execute(ADD_RATINGS, rows_as_columns(plan.ratings, RatingRow))
    if plan.notes:
        numbers = {"number": list(range(len(plan.notes)))}
        await conn.execute(ADD_NOTES, rows_as_columns(plan.notes, NoteRow) | numbers)
    return ids


async def _update(conn: AsyncConnection, plan: Plan, tickets: Sequence[Ticket]) -> None:
    if not tickets:
        return
    loaded_at = [plan.before[ticket.key].updated_at for ticket in tickets]
    parameters = rows_as_columns(tickets, TicketRow) | {"loaded_at": loaded_at}
    if len((await conn.execute(UPDATE, parameters)).all()) < len(tickets):
        raise ConcurrentUpdateError


async def _insert(conn: AsyncConnection, new: Sequence[NewTicket]) -> dict[int, int]:
    if not new:
        return {}
    tickets = [row.ticket for row in new]
    parameters = rows_as_columns(tickets, InsertedTicket) | columns(new, BEGUN_WITH)
    saved = {
        ConversationKey(row.company_id, row.whatsapp_id, row.contact_id): row.id
        for row in await conn.execute(INSERT, parameters)
    }
    return {ticket.id: saved[ticket.conversation] for ticket in tickets}


async def _save_successors(conn: AsyncConnection, plan: Plan, ids: Mapping[int, int]) -> None:
    if plan.successors:
        rows = [SuccessorRow(*key, ids.get(id_, id_)) for key, id_ in plan.successors.items()]
        await conn.execute(SAVE_SUCCESSORS, rows_as_columns(sorted(rows), SuccessorRow))


async def _save_attendances(
    conn: AsyncConnection, rows: Sequence[AttendanceRow], ids: Mapping[int, int]
) -> None:
    """Save attendances; UPDATE before INSERT, because of the partial unique index."""
    known = [row for row in rows if row.attendance.id is not None]
    if known:
        await conn.execute(CHANGE_ATTENDANCES, _list_attendances(known))
    new = [row for row in rows if row.attendance.id is None]
    if new:
        more = {
            "ticket_id": [ids.get(row.ticket_id, row.ticket_id) for row in new],
            "whatsapp_id": [row.whatsapp_id for row in new],
        }
        await conn.execute(BEGIN_ATTENDANCES, _list_attendances(new) | more)


def _list_attendances(rows: Sequence[AttendanceRow]) -> dict[str, list[Any]]:
    attendances = rows_as_columns([row.attendance for row in rows], Attendance)
    return attendances | {"company_id": [row.company_id for row in rows]}


async def _append_logs(conn: AsyncConnection, plan: Plan, ids: Mapping[int, int]) -> None:
    if not plan.logs:
        return
    more = {
        "company_id": [row.company_id for row in plan.logs],
        "ticket_id": [ids.get(row.ticket_id, row.ticket_id) for row in plan.logs],
        "number": list(range(len(plan.logs))),
    }
    await conn.execute(APPEND_LOGS, rows_as_columns([row.log for row in plan.logs], Log) | more)
