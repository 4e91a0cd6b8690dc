"""Due actions of tickets on a real Postgres."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.ticket_request import TicketQueue
from tests.support.ticket_rows import (
    ask_for_rating,
    list_logs,
    list_replies,
    list_types,
    load_ticket,
    make_idle,
    of,
    request,
    run_due,
    run_sql,
    set_expiry,
    store_message,
)

pytestmark = pytest.mark.integration


async def test_an_idle_ticket_is_closed_after_its_time(conn: AsyncConnection) -> None:
    await set_expiry(conn)
    await make_idle(conn, 29)
    assert await run_due(conn) == []
    await make_idle(conn, 31)
    facts = await run_due(conn)
    assert (list_types(facts), list_replies(facts)) == (
        ["ticket.closed", "message.compose"],
        ["Encerrado"],
    )
    assert (await load_ticket(conn))["status"] == "closed"
    assert (await list_logs(conn))[-1] == "autoClose"
    assert await run_due(conn) == []


async def test_an_idle_ticket_is_warned_first_and_closed_after_both_periods(
    conn: AsyncConnection,
) -> None:
    await set_expiry(conn, timeInactiveMessage="10", inactiveMessage="Ainda aí?")
    await make_idle(conn, 11)
    assert list_replies(await run_due(conn)) == ["Ainda aí?"]
    assert await run_due(conn) == []
    await make_idle(conn, 31)
    assert list_types(await run_due(conn))[0] == "ticket.closed"


async def test_a_warned_contact_who_writes_is_warned_anew(conn: AsyncConnection) -> None:
    await set_expiry(conn, timeInactiveMessage="10", inactiveMessage="Ainda aí?")
    await make_idle(conn, 11)
    await run_due(conn)
    await store_message(conn, "A1", "Sim")
    await make_idle(conn, 31)
    assert list_replies(await run_due(conn)) == ["Ainda aí?"]
    assert (await load_ticket(conn))["status"] == "open"


@pytest.mark.parametrize(
    "columns", [{"status": "DISCONNECTED"}, {"whenExpiresTicket": "1"}, {"expiresTicket": 0}]
)
async def test_a_ticket_is_left_open(conn: AsyncConnection, columns: dict[str, object]) -> None:
    await set_expiry(conn, **columns)
    await make_idle(conn, 3000)
    assert await run_due(conn) == []


async def test_an_imported_ticket_is_left_open(conn: AsyncConnection) -> None:
    await set_expiry(conn)
    await run_sql(conn, 'UPDATE "Tickets" SET imported = now()')
    await make_idle(conn, 3000)
    assert await run_due(conn) == []


async def test_what_fell_due_long_ago_is_done_as_well(conn: AsyncConnection) -> None:
    await set_expiry(conn)
    await make_idle(conn, 100_000)
    assert list_types(await run_due(conn))[0] == "ticket.closed"


async def test_minutes_that_are_no_number_are_none(conn: AsyncConnection) -> None:
    await set_expiry(conn, timeInactiveMessage="dez", inactiveMessage="Ainda aí?")
    await make_idle(conn, 31)
    assert list_replies(await run_due(conn)) == ["Encerrado"]


async def test_a_mark_is_not_waited_for_longer_than_the_line_sets(conn: AsyncConnection) -> None:
    await ask_for_rating(conn)
    await run_sql(conn, 'UPDATE "Whatsapps" SET "expiresTicketNPS" = \'5\'')
    assert await run_due(conn) == []
    await make_idle(conn, 6)
    assert list_replies(await run_due(conn)) == ["Obrigado!"]
    assert (await load_ticket(conn))["status"] == "closed"
    assert (await run_sql(conn, 'SELECT * FROM "UserRatings"')) == []


async def test_tickets_that_nobody_queues_go_to_the_lines_queue_after_its_time(
    conn: AsyncConnection,
) -> None:
    await run_sql(conn, 'UPDATE "Whatsapps" SET "timeSendQueue" = 15, "sendIdQueue" = 8')
    await request(conn, TicketQueue(**of(queue_id=7)))
    await run_sql(
        conn, 'UPDATE "TicketTraking" SET "createdAt" = now() - interval \'16 min\' '
        'WHERE "ticketId" < 1010',
    )  # fmt: skip
    facts = await run_due(conn)
    assert list_types(facts) == ["ticket.queued"] * 9
    assert (await load_ticket(conn, 1001))["queueId"] == 8
    assert await list_logs(conn, 1001) == ["redirect"]
    assert await run_due(conn) == []


async def test_a_queue_with_a_router_gives_its_tickets_to_a_user_who_is_online(
    conn: AsyncConnection,
) -> None:
    await run_sql(conn, 'UPDATE "Queues" SET "ativarRoteador" = TRUE, "tempoRoteador" = 5')
    await run_sql(conn, "UPDATE \"Users\" SET profile = 'user', online = id = 6")
    await run_sql(
        conn,
        'INSERT INTO "UserQueues" ("companyId", "userId", "queueId") VALUES (1, 5, 7), (1, 6, 7)',
    )
    await request(conn, TicketQueue(**of(queue_id=7)))
    assert list_types(await run_due(conn)) == ["ticket.updated"]
    row = await load_ticket(conn)
    assert (row["status"], row["userId"]) == ("pending", 6)
    await make_idle(conn, 6)
    assert await run_due(conn) == []
    await run_sql(conn, 'UPDATE "Users" SET online = TRUE')
    await run_due(conn)
    assert (await load_ticket(conn))["userId"] == 5
