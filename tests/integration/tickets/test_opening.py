"""Conversations that users open, on a real Postgres."""

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.user_opening.handler import open_tickets
from shared.contracts.base import Event
from shared.contracts.ticket import TicketChanged, TicketRefused
from shared.contracts.ticket_request import TicketOpen
from tests.support.ticket_rows import (
    list_attendances,
    list_facts,
    list_logs,
    list_types,
    load_ticket,
    run_sql,
)

pytestmark = pytest.mark.integration


async def open_conversation(
    conn: AsyncConnection, request_id: str = "w1", **members: Any
) -> list[Event]:
    given = {"company_id": 1, "whatsapp_id": 10, "contact_id": 101, "user_id": 5}
    request = TicketOpen.model_validate({**given, "request_id": request_id, **members})
    outcome = await open_tickets(conn, [request])
    assert all(item.cause is request for item in outcome)
    return list_facts(outcome)


async def test_a_user_begins_a_conversation_and_has_it(conn: AsyncConnection) -> None:
    await run_sql(conn, "UPDATE \"Contacts\" SET lid = '9@lid' WHERE id = 101")
    opened, accepted = await open_conversation(conn, queue_id=7)
    assert isinstance(opened, TicketChanged)
    assert isinstance(accepted, TicketChanged)
    assert list_types([opened, accepted]) == ["ticket.opened", "ticket.accepted"]
    row = await load_ticket(conn, opened.ticket_id)
    assert (row["status"], row["userId"], row["queueId"], row["lid"]) == ("open", 5, 7, "9@lid")
    assert (row["isActiveDemand"], row["isBot"]) == (True, False)
    (attendance,) = await list_attendances(conn, opened.ticket_id)
    assert (attendance["userId"], attendance["startedAt"] is None) == (5, False)
    assert await list_logs(conn, opened.ticket_id) == ["create", "open"]


async def test_what_another_user_has_is_refused_and_named(conn: AsyncConnection) -> None:
    opened, _ = await open_conversation(conn)
    assert isinstance(opened, TicketChanged)
    (refused,) = await open_conversation(conn, "w2", user_id=6)
    assert isinstance(refused, TicketRefused)
    assert (refused.reason, refused.other_ticket_id) == (
        "ticket in another attendance", opened.ticket_id,
    )  # fmt: skip


async def test_an_unknown_user_begins_no_conversation(conn: AsyncConnection) -> None:
    before = await run_sql(conn, 'SELECT count(*) FROM "Tickets"')
    assert list_types(await open_conversation(conn, user_id=77)) == ["ticket.refused"]
    assert await run_sql(conn, 'SELECT count(*) FROM "Tickets"') == before
