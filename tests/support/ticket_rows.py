"""Rows of tickets for tests on a real Postgres, and the handlers that change them."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.requests.handler import apply_requests
from services.tickets.timers.handler import run_due_actions
from services.tickets.unread.handler import refresh_tickets
from shared.contracts.base import Event
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Emit, Outcome
from shared.contracts.ticket_request import TicketAccept, TicketClose, TicketRequest
from tests.support.build import stored
from tests.support.ticket_harness import SWITCHES

TICKET = 1000


def of(ticket_id: int = TICKET, request_id: str = "r1", **members: object) -> dict[str, Any]:
    return {"company_id": 1, "ticket_id": ticket_id, "request_id": request_id, **members}


async def run_sql(conn: AsyncConnection, query: str, **values: object) -> list[dict[str, Any]]:
    result = await conn.execute(text(query), values)
    return [dict(row) for row in result.mappings()] if result.returns_rows else []


async def set_company_settings(conn: AsyncConnection, **columns: object) -> None:
    given = {**dict.fromkeys(SWITCHES, "disabled"), **columns}
    names = ", ".join(f'"{name}"' for name in given)
    values = ", ".join(f":{name}" for name in given)
    await run_sql(
        conn,
        f'INSERT INTO "CompaniesSettings" ("companyId", {names}) VALUES (1, {values})',  # noqa: S608 - the test's own
        **given,
    )


async def load_ticket(conn: AsyncConnection, ticket_id: int = TICKET) -> dict[str, Any]:
    (row,) = await run_sql(conn, 'SELECT * FROM "Tickets" WHERE id = :id', id=ticket_id)
    return row


async def list_attendances(conn: AsyncConnection, ticket_id: int = TICKET) -> list[dict[str, Any]]:
    query = 'SELECT * FROM "TicketTraking" WHERE "ticketId" = :id ORDER BY id'
    return await run_sql(conn, query, id=ticket_id)


async def list_logs(conn: AsyncConnection, ticket_id: int = TICKET) -> list[str]:
    query = 'SELECT type FROM "LogTickets" WHERE "ticketId" = :id ORDER BY id'
    return [row["type"] for row in await run_sql(conn, query, id=ticket_id)]


def list_facts(outcome: Outcome) -> list[Event]:
    return [item.fact for item in outcome if isinstance(item, Emit)]


async def request(conn: AsyncConnection, *batch: TicketRequest) -> list[Event]:
    return list_facts(await apply_requests(conn, batch))


async def store_message(
    conn: AsyncConnection,
    wid: str,
    body: str,
    *,
    ticket_id: int = TICKET,
    seconds: float = 60,
    **members: object,
) -> list[Event]:
    """Store a message of the contact, or ours, written so many seconds from now.

    `members` are those of the fact, such as `from_me`.
    """
    (row,) = await run_sql(
        conn,
        'INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "fromMe", '
        '"createdAt") VALUES (1, 10, :ticket, :wid, :body, :from_me, '
        "clock_timestamp() + :seconds * interval '1 second') RETURNING id",
        ticket=ticket_id, wid=wid, body=body, seconds=seconds,
        from_me=members.get("from_me", False),
    )  # fmt: skip
    return await refresh(conn, wid, row["id"], ticket_id, **members)


async def refresh(
    conn: AsyncConnection,
    wid: str,
    message_id: int,
    ticket_id: int = TICKET,
    **members: object,
) -> list[Event]:
    event = stored(wid, ticket_id=ticket_id, message_id=message_id, **members)
    return list_facts(await refresh_tickets(conn, [event]))


def list_types(facts: list[Event]) -> list[str]:
    return [fact.type for fact in facts]


def list_replies(facts: list[Event]) -> list[str]:
    return [fact.body for fact in facts if isinstance(fact, MessageCompose)]


async def load_version(conn: AsyncConnection, ticket_id: int = TICKET) -> int:
    query = (
        'SELECT CAST(extract(epoch FROM "updatedAt") * 1000000 AS bigint) AS version '
        'FROM "Tickets" WHERE id = :id'
    )
    return int((await run_sql(conn, query, id=ticket_id))[0]["version"])


async def list_tags(conn: AsyncConnection, ticket_id: int = TICKET) -> list[int]:
    query = 'SELECT "tagId" FROM "TicketTags" WHERE "ticketId" = :id ORDER BY "tagId"'
    return [row["tagId"] for row in await run_sql(conn, query, id=ticket_id)]


async def ask_for_rating(conn: AsyncConnection) -> None:
    await set_company_settings(conn, userRating="enabled")
    await run_sql(
        conn,
        'UPDATE "Whatsapps" SET "ratingMessage" = \'De 0 a 10?\', "complationMessage" = '
        "'Obrigado!', \"maxUseBotQueuesNPS\" = 2",
    )
    facts = await request(
        conn, TicketAccept(**of(user_id=5)), TicketClose(**of(request_id="r2", actor_id=5))
    )
    assert list_types(facts)[:2] == ["ticket.accepted", "ticket.updated"]
    assert list_replies(facts) == ["De 0 a 10?"]


async def add_two_queues(conn: AsyncConnection) -> None:
    await run_sql(
        conn,
        'INSERT INTO "WhatsappQueues" ("companyId", "whatsappId", "queueId") '
        "VALUES (1, 10, 7), (1, 10, 8)",
    )


async def set_names(conn: AsyncConnection) -> None:
    """Set a LID and a JID for contact 100 and its ticket."""
    for table, id_ in (("Contacts", 100), ("Tickets", TICKET)):
        query = f"UPDATE \"{table}\" SET lid = '9@lid', jid = '1@s' WHERE id = :id"  # noqa: S608 - the test's own
        await run_sql(conn, query, id=id_)


async def make_idle(conn: AsyncConnection, minutes: int, ticket_id: int = TICKET) -> None:
    query = (
        'UPDATE "Tickets" SET "updatedAt" = clock_timestamp() - :minutes * interval \'1 minute\' '
        "WHERE id = :id"
    )
    await run_sql(conn, query, minutes=minutes, id=ticket_id)


async def run_due(conn: AsyncConnection) -> list[Event]:
    return list(await run_due_actions(conn))


async def set_expiry(conn: AsyncConnection, **columns: object) -> None:
    given = {"status": "CONNECTED", "expiresTicket": 30, "expiresInactiveMessage": "Encerrado"}
    values = {**given, **columns}
    names = ", ".join(f'"{name}" = :{name}' for name in values)
    await run_sql(conn, f'UPDATE "Whatsapps" SET {names}', **values)  # noqa: S608 - the test's own
    await request(conn, TicketAccept(**of(user_id=5)))
