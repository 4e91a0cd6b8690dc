"""Statements that load tickets: locked with all fields, or only the rows of "Tickets"."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain import business_hours
from services.tickets.domain.keys import ConversationKey, TicketKey
from services.tickets.domain.plan import Plan, build_plan
from services.tickets.domain.policy import AutoReplyTexts, Policy, Queue
from services.tickets.domain.ticket import Attendance, Tag, Ticket
from shared.contracts.base import BEGINNING
from shared.db.bulk import match, match_company, rows_as_columns, source, statement
from shared.db.purged import exclude_purged

COLUMNS = """t.id, t."companyId" AS company_id, t."whatsappId" AS whatsapp_id,
       t."contactId" AS contact_id, t.status, t."userId" AS user_id, t."queueId" AS queue_id,
       t."isGroup" AS is_group, COALESCE(t."unreadMessages", 0) AS unread_messages,
       t."updatedAt" AS updated_at, t."closedAt" AS closed_at,
       t."amountUsedBotQueuesNPS" AS rating_questions, t."amountUsedBotQueues" AS bot_questions,
       t."lgpdSendMessageAt" AS consent_asked_at, t."lgpdAcceptedAt" AS consented_at,
       t."sendInactiveMessage" AS is_warned, COALESCE(t."isOutOfHour", FALSE) AS is_out_of_hours,
       t.imported IS NOT NULL AS is_imported"""
FIELDS = (
    "id", "company_id", "whatsapp_id", "contact_id", "status", "user_id", "queue_id", "is_group",
    "unread_messages", "updated_at", "closed_at", "rating_questions", "bot_questions",
    "consent_asked_at", "consented_at", "is_warned", "is_out_of_hours", "is_imported",
)  # fmt: skip
_get_fields = attrgetter(*FIELDS)

# The address of a contact: someone who is known only by a BSUID has neither number nor LID.
CHAT = """COALESCE(c.number, c.lid, c."remoteJid", '')"""

# Locked in id order, to prevent deadlocks.
LOCK = statement(f"""
SELECT {COLUMNS}, clock_timestamp() AS now
FROM {source(TicketKey)}
JOIN "Tickets" t ON t."companyId" = b.company_id AND t.id = b.ticket_id
ORDER BY t.id FOR NO KEY UPDATE OF t
""")

# LEFT JOIN: a conversation without a ticket also returns a row, with the database's time.
OF_CONVERSATIONS = statement(f"""
SELECT {COLUMNS}, clock_timestamp() AS now
FROM {source(ConversationKey)}
LEFT JOIN LATERAL (
  (SELECT * FROM "Tickets"
   WHERE "companyId" = b.company_id AND "whatsappId" = b.whatsapp_id
     AND "contactId" = b.contact_id AND status <> 'closed')
  UNION ALL
  (SELECT * FROM "Tickets"
   WHERE "contactId" = b.contact_id AND {match_company('"Tickets"', "b.company_id")}
     AND {match('"whatsappId"', "b.whatsapp_id")} AND {match("status", "'closed'")}
     AND NOT EXISTS (SELECT FROM "TicketSuccessors" f
                     WHERE f."companyId" = "Tickets"."companyId" AND f."ticketId" = "Tickets".id)
     AND {exclude_purged("Tickets", '"Tickets"')}
   ORDER BY "updatedAt" DESC LIMIT 1)
) AS t ON TRUE
""")

WITH_CONTEXT = statement(f"""
SELECT {COLUMNS},
       {CHAT} AS chat,
       c."disableBot" IS TRUE AS is_bot_disabled, k.id AS attendance_id,
       k."userId" AS attended_by, k."queueId" AS attended_in,
       k."queuedAt" AS queued_at, k."startedAt" AS started_at, k."closedAt" AS left_at,
       k."finishedAt" AS finished_at, k."ratingAt" AS rating_at,
       COALESCE(k.rated, FALSE) AS rated, k."chatbotAt" AS chatbot_at,
       COALESCE(s."userRating" = 'enabled', FALSE) AND COALESCE(w."ratingMessage", '') <> ''
         AS asks_rating,
       COALESCE(s."closeTicketOnTransfer", FALSE) AS closes_on_transfer,
       COALESCE(s."sendFarewellWaitingTicket" = 'enabled', FALSE) AS sends_farewell_to_waiting,
       COALESCE(w."maxUseBotQueuesNPS", 0) AS max_rating_questions,
       COALESCE(w."maxUseBotQueues", 0) AS max_bot_questions,
       COALESCE(w."ratingMessage", '') AS rating, COALESCE(u."farewellMessage", '') AS farewell,
       COALESCE(w."complationMessage", '') AS completion,
       CASE WHEN s."sendMsgTransfTicket" = 'enabled' THEN COALESCE(s."transferMessage", '')
            ELSE '' END AS transfer,
       CASE WHEN s."sendGreetingAccepted" = 'enabled'
            THEN COALESCE(s."greetingAcceptedMessage", '') ELSE '' END AS accepted,
       COALESCE(w."inactiveMessage", '') AS inactive,
       COALESCE(w."expiresInactiveMessage", '') AS expired,
       concat_ws(E'\n', NULLIF(s."lgpdMessage", ''), NULLIF(s."lgpdLink", '')) AS consent,
       COALESCE(w."greetingMessage", '') AS greeting, menu.queues,
       CASE WHEN w."timeUseBotQueues" ~ '^ *[0-9]{{1,6}} *$' THEN CAST(w."timeUseBotQueues" AS int)
            ELSE 0 END AS pause_minutes,
       company.timezone,
       CASE s."scheduleType" WHEN 'company' THEN company.schedules
                             WHEN 'connection' THEN w.schedules
                             WHEN 'queue' THEN own.schedules END AS schedules,
       COALESCE(CASE s."scheduleType" WHEN 'queue' THEN own."outOfHoursMessage"
                                      ELSE w."outOfHoursMessage" END, '') AS out_of_hours,
       COALESCE(w.status = 'CONNECTED', FALSE) AS is_connected, last.at AS last_message_at,
       own_tags.tags, other.id AS other_id, f."successorId" AS successor_id,
       clock_timestamp() AS now
FROM {source(TicketKey)}
JOIN "Tickets" t ON t."companyId" = b.company_id AND t.id = b.ticket_id
JOIN "Whatsapps" w ON w."companyId" = t."companyId" AND w.id = t."whatsappId"
JOIN "Contacts" c ON c.id = t."contactId" AND {match_company("c", 't."companyId"')}
JOIN "Companies" company ON company.id = t."companyId"
LEFT JOIN "CompaniesSettings" s ON s."companyId" = t."companyId"
LEFT JOIN "Queues" own ON own."companyId" = t."companyId" AND own.id = t."queueId"
LEFT JOIN LATERAL (
  SELECT json_agg(json_build_array(q.id, q.name, q.greeting, q."closeTicket")
                  ORDER BY q."orderQueue", q.id) AS queues
  FROM (
    SELECT q.id, q.name, q."closeTicket", q."orderQueue",
           CASE WHEN count(*) OVER () > 1 OR s."sendGreetingMessageOneQueues" = 'enabled'
                THEN COALESCE(q."greetingMessage", '') ELSE '' END AS greeting
    FROM "WhatsappQueues" l
    JOIN "Queues" q ON q."companyId" = l."companyId" AND q.id = l."queueId"
    WHERE l."companyId" = t."companyId" AND l."whatsappId" = t."whatsappId"
      AND {exclude_purged("Queues", "q")}
  ) AS q
) AS menu ON t.status IN ('pending', 'lgpd')
LEFT JOIN LATERAL (
  SELECT json_agg(json_build_array(tag.id, tag.kanban IS NOT DISTINCT FROM 1)) AS tags
  FROM "TicketTags" w JOIN "Tags" tag ON tag."companyId" = w."companyId" AND tag.id = w."tagId"
  WHERE w."ticketId" = t.id AND {match_company("w", 't."companyId"')}
) AS own_tags ON TRUE
LEFT JOIN LATERAL (
  SELECT "createdAt" AS at FROM "Messages"
  WHERE "ticketId" = t.id AND "isPrivate" IS NOT TRUE ORDER BY "createdAt" DESC LIMIT 1
) AS last ON COALESCE(t."unreadMessages", 0) > 0
LEFT JOIN "Users" u ON u."companyId" = t."companyId" AND u.id = t."userId"
LEFT JOIN "TicketTraking" k
  ON k."companyId" = t."companyId" AND k."ticketId" = t.id AND k."finishedAt" IS NULL
LEFT JOIN "TicketSuccessors" f ON f."companyId" = t."companyId" AND f."ticketId" = t.id
LEFT JOIN "Tickets" other
  ON other."companyId" = t."companyId" AND other."whatsappId" = t."whatsappId"
 AND other."contactId" = t."contactId" AND other.status <> 'closed' AND other.id <> t.id
WHERE {exclude_purged("Tickets", "t")}
""")


async def lock_tickets(conn: AsyncConnection, keys: Collection[TicketKey]) -> Plan:
    """Lock tickets; return a plan with the rows of "Tickets" only."""
    parameters = rows_as_columns(sorted(keys), TicketKey)
    return _build_light_plan((await conn.execute(LOCK, parameters)).all() if keys else [])


async def load_conversation_tickets(
    conn: AsyncConnection, keys: Collection[ConversationKey]
) -> Plan:
    """Load each conversation's ticket that is not closed and its newest closed one, without locks.

    The plan has only the rows of "Tickets"; saving it raises ConcurrentUpdateError if one of them
    changed meanwhile.
    """
    parameters = rows_as_columns(sorted(keys), ConversationKey)
    rows = (await conn.execute(OF_CONVERSATIONS, parameters)).all() if keys else []
    return _build_light_plan(rows)


async def load_plan(conn: AsyncConnection, keys: Collection[TicketKey]) -> Plan:
    """Lock tickets and load them with all fields."""
    await lock_tickets(conn, keys)
    parameters = rows_as_columns(sorted(keys), TicketKey)
    rows = (await conn.execute(WITH_CONTEXT, parameters)).all() if keys else []
    plan = build_plan(map(_build_ticket, rows), _read_now(rows))
    by_key = {TicketKey(row.company_id, row.id): row for row in rows}
    for key, row in by_key.items():
        if row.other_id:
            plan.live.setdefault(plan.tickets[key].conversation, row.other_id)
    plan.became = {key: row.successor_id for key, row in by_key.items() if row.successor_id}
    return plan


def _build_light_plan(rows: Collection[Row[Any]]) -> Plan:
    tickets = (build_row_ticket(row) for row in rows if row.id is not None)
    return build_plan(tickets, _read_now(rows))


def _read_now(rows: Iterable[Row[Any]]) -> datetime:
    return max((row.now for row in rows), default=BEGINNING)


def build_row_ticket(row: Row[Any]) -> Ticket:
    """Return the ticket of a row with `COLUMNS`; fields of other tables keep their defaults."""
    return Ticket(**_read_fields(row))


def _read_fields(row: Row[Any]) -> dict[str, Any]:
    return dict(zip(FIELDS, _get_fields(row), strict=True))


def _build_ticket(row: Row[Any]) -> Ticket:
    return Ticket(
        **_read_fields(row),
        chat=row.chat,
        is_connected=row.is_connected,
        is_bot_disabled=row.is_bot_disabled,
        last_message_at=row.last_message_at,
        attendance=_build_attendance(row) if row.attendance_id else None,
        tags=frozenset(Tag(tag_id, is_lane) for tag_id, is_lane in row.tags or ()),
        policy=_build_policy(row),
    )


def _build_attendance(row: Row[Any]) -> Attendance:
    return Attendance(
        id=row.attendance_id,
        user_id=row.attended_by,
        queue_id=row.attended_in,
        queued_at=row.queued_at,
        started_at=row.started_at,
        closed_at=row.left_at,
        finished_at=row.finished_at,
        rating_at=row.rating_at,
        rated=row.rated,
        chatbot_at=row.chatbot_at,
    )


def _build_policy(row: Row[Any]) -> Policy:
    return Policy(
        asks_rating=row.asks_rating,
        closes_on_transfer=row.closes_on_transfer,
        sends_farewell_to_waiting=row.sends_farewell_to_waiting,
        max_rating_questions=row.max_rating_questions,
        max_bot_questions=row.max_bot_questions,
        bot_pause=timedelta(minutes=row.pause_minutes),
        hours=business_hours.read_schedules(row.schedules, row.timezone),
        menu=tuple(Queue(*queue) for queue in row.queues or ()),
        templates=AutoReplyTexts(
            rating=row.rating,
            farewell=row.farewell,
            completion=row.completion,
            transfer=row.transfer,
            inactive=row.inactive,
            expired=row.expired,
            consent=row.consent,
            greeting=row.greeting,
            accepted=row.accepted,
            out_of_hours=row.out_of_hours,
        ),
    )
