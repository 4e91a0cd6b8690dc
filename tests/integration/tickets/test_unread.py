"""Unread counts, last messages and reopened tickets, on a real Postgres."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.unread.handler import refresh_tickets
from shared.contracts.message import MessagesMoved, MessagesSeen
from shared.contracts.ticket import TicketChanged
from shared.contracts.ticket_request import TicketClose, TicketTransfer
from tests.support.build import refused
from tests.support.ticket_rows import (
    TICKET,
    list_facts,
    list_types,
    load_ticket,
    of,
    refresh,
    request,
    run_sql,
    set_company_settings,
    store_message,
)

pytestmark = pytest.mark.integration


async def test_a_message_written_after_its_ticket_was_closed_reopens_it(
    conn: AsyncConnection,
) -> None:
    await request(conn, TicketClose(**of()))
    assert list_types(await store_message(conn, "A1", "de antes", seconds=-30)) == [
        "ticket.updated"
    ]
    assert list_types(await store_message(conn, "A2", "e mais")) == [
        "ticket.reopened",
        "ticket.updated",
    ]
    assert (await load_ticket(conn))["status"] == "pending"


async def test_a_ticket_shows_the_name_of_a_file_without_text(
    conn: AsyncConnection,
) -> None:
    await store_message(conn, "A1", "Oi")
    await run_sql(
        conn,
        "UPDATE \"Messages\" SET body = '', \"mediaUrl\" = 'https://m.example/1/foto.jpg?sig=2'",
    )
    (row,) = await run_sql(conn, 'SELECT id FROM "Messages"')
    await refresh(conn, "A1", row["id"])
    assert (await load_ticket(conn))["lastMessage"] == "foto.jpg"


async def test_moved_messages_are_counted_where_they_are(conn: AsyncConnection) -> None:
    await store_message(conn, "A1", "Oi")
    await run_sql(conn, 'UPDATE "Messages" SET "ticketId" = 1001')
    moved = MessagesMoved(company_id=1, ticket_id=1001, from_ticket_id=TICKET)
    (fact,) = list_facts(await refresh_tickets(conn, [moved]))
    assert isinstance(fact, TicketChanged)
    assert (fact.ticket_id, fact.unread_messages) == (1001, 1)


async def test_a_ticket_shows_what_is_left_once_the_row_of_an_echo_is_gone(
    conn: AsyncConnection,
) -> None:
    await store_message(conn, "A1", "Oi")
    await store_message(conn, "W1", "Eco", seconds=90)
    await run_sql(conn, "DELETE FROM \"Messages\" WHERE wid = 'W1'")
    gone = refused("W1", reason="absorbed", ticket_id=TICKET)
    await refresh_tickets(conn, [gone])
    assert (await load_ticket(conn))["lastMessage"] == "Oi"


async def test_a_ticket_whose_messages_were_deleted_has_none_unread_and_keeps_its_preview(
    conn: AsyncConnection,
) -> None:
    await store_message(conn, "A1", "Oi")
    await run_sql(conn, 'DELETE FROM "Messages"')
    assert (await load_ticket(conn))["unreadMessages"] == 1
    seen = MessagesSeen(company_id=1, ticket_id=TICKET)
    (fact,) = list_facts(await refresh_tickets(conn, [seen]))
    assert isinstance(fact, TicketChanged)
    assert fact.unread_messages == 0
    row = await load_ticket(conn)
    assert (row["unreadMessages"], row["lastMessage"]) == (0, "Oi")


async def test_messages_on_their_way_to_a_successor_are_not_counted_in_the_ticket_they_leave(
    conn: AsyncConnection,
) -> None:
    await set_company_settings(conn, closeTicketOnTransfer=True)
    await request(conn, TicketTransfer(**of(queue_id=7)))
    assert await store_message(conn, "A1", "Oi", seconds=-60) == []
    assert (await load_ticket(conn))["unreadMessages"] == 0
