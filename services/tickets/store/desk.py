"""Loading what is decided on: tickets, locked, and what their requests name."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.rules import hours
from services.tickets.rules.granting import House, Named, key_of, queues_of, tags_of, users_of
from services.tickets.rules.plan import Plan, TicketKey
from services.tickets.rules.tickets import Attendance, Queue, Tag, Ticket, Wants, Words
from services.tickets.store import tallies
from services.tickets.store.state import pairs
from shared.contracts.base import BEGINNING
from shared.contracts.ticket_request import TicketRequest
from shared.db.bulk import statement
from shared.db.purged import stays

TICKETS = statement(
    """
SELECT t.id, t."companyId", t."whatsappId", t."contactId", t.status, t."userId", t."queueId",
       t."isGroup", COALESCE(t."unreadMessages", 0) AS unread_messages, t."updatedAt",
       t."closedAt", t."amountUsedBotQueuesNPS", t."amountUsedBotQueues", t."lgpdSendMessageAt",
       t."lgpdAcceptedAt", t."sendInactiveMessage", COALESCE(c.number, c.lid, '') AS chat,
       k.id AS traking_id, k."userId" AS attended_by, k."queueId" AS attended_in, k."queuedAt",
       k."startedAt", k."closedAt" AS left_at, k."finishedAt", k."ratingAt",
       COALESCE(k.rated, FALSE) AS rated, k."chatbotAt",
       COALESCE(s."userRating" = 'enabled', FALSE) AND COALESCE(w."ratingMessage", '') <> ''
         AS asks_rating,
       COALESCE(s."closeTicketOnTransfer", FALSE) AS closes_on_transfer,
       COALESCE(s."sendFarewellWaitingTicket" = 'enabled', FALSE) AS bids_farewell_to_waiting,
       COALESCE(w."maxUseBotQueuesNPS", 0) AS most_rating_questions,
       COALESCE(w."maxUseBotQueues", 0) AS most_bot_questions,
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
       CASE WHEN w."timeUseBotQueues" ~ '^ *[0-9]{1,6} *$' THEN CAST(w."timeUseBotQueues" AS int)
            ELSE 0 END AS silent_minutes,
       COALESCE(t."isOutOfHour", FALSE) AS is_out_of_hours, company.timezone,
       CASE s."scheduleType" WHEN 'company' THEN company.schedules
                             WHEN 'connection' THEN w.schedules
                             WHEN 'queue' THEN own.schedules END AS schedules,
       COALESCE(CASE s."scheduleType" WHEN 'queue' THEN own."outOfHoursMessage"
                                      ELSE w."outOfHoursMessage" END, '') AS out_of_hours,
       COALESCE(w.status = 'CONNECTED', FALSE) AS is_connected, last.at AS last_message_at,
       worn.tags, other.id AS other_id, f."successorId" AS successor_id, clock_timestamp() AS now
FROM unnest(CAST(:company_id AS int[]), CAST(:ticket_id AS int[])) AS b(company_id, ticket_id)
JOIN "Tickets" t ON t."companyId" = b.company_id AND t.id = b.ticket_id
JOIN "Whatsapps" w ON w."companyId" = t."companyId" AND w.id = t."whatsappId"
JOIN "Contacts" c ON c."companyId" = t."companyId" AND c.id = t."contactId"
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
    WHERE l."companyId" = t."companyId" AND l."whatsappId" = t."whatsappId" AND q_stays
  ) AS q
) AS menu ON t.status IN ('pending', 'lgpd') AND t."queueId" IS NULL AND t."userId" IS NULL
         AND NOT t."isGroup" AND t.imported IS NULL AND c."disableBot" IS NOT TRUE
LEFT JOIN LATERAL (
  SELECT json_agg(json_build_array(tag.id, tag.kanban IS NOT DISTINCT FROM 1)) AS tags
  FROM "TicketTags" w JOIN "Tags" tag ON tag."companyId" = w."companyId" AND tag.id = w."tagId"
  WHERE w."companyId" = t."companyId" AND w."ticketId" = t.id
) AS worn ON TRUE
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
WHERE t_stays
""".replace("q_stays", stays("Queues", "q")).replace("t_stays", stays("Tickets", "t"))
)

COMPANIES = statement("""
SELECT id FROM "Companies" WHERE id = ANY(CAST(:id AS int[]))
""")

USERS = statement(f"""
SELECT u."companyId", u.id, COALESCE(u."farewellMessage", '') AS farewell
FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[])) AS b(company_id, id)
JOIN "Users" u ON u."companyId" = b.company_id AND u.id = b.id
WHERE {stays("Users", "u")}
""")

QUEUES = statement(f"""
SELECT q."companyId", q.id, q."closeTicket"
FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[])) AS b(company_id, id)
JOIN "Queues" q ON q."companyId" = b.company_id AND q.id = b.id
WHERE {stays("Queues", "q")}
""")

TAGS = statement("""
SELECT t."companyId", t.id, t.kanban IS NOT DISTINCT FROM 1 AS is_lane
FROM unnest(CAST(:company_id AS int[]), CAST(:id AS int[])) AS b(company_id, id)
JOIN "Tags" t ON t."companyId" = b.company_id AND t.id = b.id
""")


async def plan(
    conn: AsyncConnection, keys: Collection[TicketKey]
) -> tuple[Plan, dict[TicketKey, int]]:
    """Lock tickets and begin a plan for them; also gives the successors of those that have one."""
    await tallies.lock(conn, keys)
    rows = (await conn.execute(TICKETS, pairs(keys))).all() if keys else []
    tickets = {(row.companyId, row.id): _ticket(row) for row in rows}
    live = {tickets[row.companyId, row.id].key: row.other_id for row in rows if row.other_id}
    live |= {ticket.key: ticket.id for ticket in tickets.values() if ticket.status != "closed"}
    successors = {(row.companyId, row.id): row.successor_id for row in rows if row.successor_id}
    now = max((row.now for row in rows), default=BEGINNING)
    return Plan(tickets, live, now), successors


async def house(
    conn: AsyncConnection, batch: Collection[TicketRequest], successors: dict[TicketKey, int]
) -> House:
    """Read which companies, users, queues and tags that requests name there are."""
    companies = sorted({key_of(request)[0] for request in batch})
    return House(
        companies={row.id for row in await conn.execute(COMPANIES, {"id": companies})},
        users={
            (row.companyId, row.id): row.farewell
            for row in await _named(conn, USERS, users_of(batch))
        },
        queues={
            (row.companyId, row.id): row.closeTicket
            for row in await _named(conn, QUEUES, queues_of(batch))
        },
        successors=successors,
        tags={
            (row.companyId, row.id): Tag(row.id, row.is_lane)
            for row in await _named(conn, TAGS, tags_of(batch))
        },
    )


async def _named(
    conn: AsyncConnection, sql: TextClause, named: Collection[Named]
) -> Iterable[Row[Any]]:
    if not named:
        return []
    ordered = sorted(named)
    found = {"company_id": [key[0] for key in ordered], "id": [key[1] for key in ordered]}
    return (await conn.execute(sql, found)).all()


def _ticket(row: Row[Any]) -> Ticket:
    return Ticket(
        id=row.id,
        company_id=row.companyId,
        whatsapp_id=row.whatsappId,
        contact_id=row.contactId,
        status=row.status,
        user_id=row.userId,
        queue_id=row.queueId,
        is_group=row.isGroup,
        unread_messages=row.unread_messages,
        updated_at=row.updatedAt,
        closed_at=row.closedAt,
        rating_questions=row.amountUsedBotQueuesNPS,
        bot_questions=row.amountUsedBotQueues,
        consent_asked_at=row.lgpdSendMessageAt,
        consented_at=row.lgpdAcceptedAt,
        is_warned=row.sendInactiveMessage,
        is_out_of_hours=row.is_out_of_hours,
        chat=row.chat,
        is_connected=row.is_connected,
        last_message_at=row.last_message_at,
        attendance=_attendance(row) if row.traking_id else None,
        tags=frozenset(Tag(*tag) for tag in row.tags or ()),
        wants=_wants(row),
    )


def _attendance(row: Row[Any]) -> Attendance:
    return Attendance(
        id=row.traking_id,
        user_id=row.attended_by,
        queue_id=row.attended_in,
        queued_at=row.queuedAt,
        started_at=row.startedAt,
        closed_at=row.left_at,
        finished_at=row.finishedAt,
        rating_at=row.ratingAt,
        rated=row.rated,
        chatbot_at=row.chatbotAt,
    )


def _wants(row: Row[Any]) -> Wants:
    return Wants(
        asks_rating=row.asks_rating,
        closes_on_transfer=row.closes_on_transfer,
        bids_farewell_to_waiting=row.bids_farewell_to_waiting,
        most_rating_questions=row.most_rating_questions,
        most_bot_questions=row.most_bot_questions,
        bot_is_silent=timedelta(minutes=row.silent_minutes),
        hours=hours.read(row.schedules, row.timezone),
        menu=tuple(Queue(*queue) for queue in row.queues or ()),
        words=Words(
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
