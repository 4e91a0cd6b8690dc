"""Messages that a user has seen are read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages import handlers
from shared.contracts.message import MessagesSeen
from shared.contracts.outcome import Told
from shared.contracts.ticket import TicketViewed
from tests.laws.test_handlers import world
from tests.support.build import at

pytestmark = pytest.mark.integration

SAID = """
INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "fromMe", "createdAt")
SELECT 1, 10, 1001, 'V' || n, 'Oi', n = 9, CAST(:noon AS timestamptz) + n * interval '1 minute'
FROM generate_series(1, 9) AS n
"""


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    """Give a transaction in which ticket 1001 has nine messages; it is taken back."""
    async with world(world_url) as connection:
        await connection.execute(text('DELETE FROM "Messages"'))
        await connection.execute(text(SAID), {"noon": at()})
        yield connection


async def view(conn: AsyncConnection, minutes: float, ticket_id: int = 1001) -> list[int]:
    """Let a ticket be seen until then; gives the tickets whose messages are read now."""
    given: dict[str, Any] = {"contact_id": 102, "whatsapp_id": 10, "status": "open", "version": 1}
    viewed = TicketViewed(company_id=1, ticket_id=ticket_id, seen_until=at(minutes), **given)
    outcome = await handlers.see_tickets(conn, [viewed])
    told = [item.fact for item in outcome if isinstance(item, Told)]
    return [fact.ticket_id for fact in told if isinstance(fact, MessagesSeen)]


async def read(conn: AsyncConnection) -> list[str]:
    rows = await conn.execute(text('SELECT wid FROM "Messages" WHERE read ORDER BY wid'))
    return list(rows.scalars())


async def test_what_the_contact_wrote_until_then_is_read_and_told_once(
    conn: AsyncConnection,
) -> None:
    assert await view(conn, 3) == [1001]
    assert await read(conn) == ["V1", "V2", "V3"]
    assert await view(conn, 3) == []


async def test_what_was_seen_is_read_although_it_is_on_its_way_to_another_ticket(
    conn: AsyncConnection,
) -> None:
    await conn.execute(
        text(
            'INSERT INTO "TicketSuccessors" ("companyId", "ticketId", "successorId") '
            "VALUES (1, 1001, 1000)"
        )
    )
    assert await view(conn, 3) == [1001]
    assert await read(conn) == ["V1", "V2", "V3"]


async def test_a_view_does_not_touch_what_we_wrote(conn: AsyncConnection) -> None:
    await view(conn, 60)
    assert "V9" not in await read(conn)


async def test_a_view_of_a_ticket_that_goes_on_as_another_is_of_that_ones_messages(
    conn: AsyncConnection,
) -> None:
    await conn.execute(
        text(
            'INSERT INTO "TicketSuccessors" ("companyId", "ticketId", "successorId") '
            "VALUES (1, 1000, 1001)"
        )
    )
    assert await view(conn, 1, ticket_id=1000) == [1001]
    assert await read(conn) == ["V1"]
