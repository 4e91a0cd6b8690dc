"""Messages that a user has seen become read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.reassigning.handler import mark_messages_read
from shared.contracts.message import MessagesSeen
from shared.contracts.outcome import Emit
from shared.contracts.ticket import TicketViewed
from tests.laws.test_handlers import open_world
from tests.support.build import at

pytestmark = pytest.mark.integration

MESSAGES = """
INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "fromMe", "createdAt")
SELECT 1, 10, 1001, 'V' || n, 'Oi', n = 9, CAST(:noon AS timestamptz) + n * interval '1 minute'
FROM generate_series(1, 9) AS n
"""


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    """Yield a transaction in which ticket 1001 has nine messages; it is rolled back."""
    async with open_world(world_url) as connection:
        await connection.execute(text('DELETE FROM "Messages"'))
        await connection.execute(text(MESSAGES), {"noon": at()})
        yield connection


async def view(conn: AsyncConnection, minutes: float, ticket_id: int = 1001) -> list[int]:
    """View a ticket up to this time; return the tickets with newly read messages."""
    given: dict[str, Any] = {"contact_id": 102, "whatsapp_id": 10, "status": "open", "version": 1}
    viewed = TicketViewed(company_id=1, ticket_id=ticket_id, seen_until=at(minutes), **given)
    outcome = await mark_messages_read(conn, [viewed])
    facts = [item.fact for item in outcome if isinstance(item, Emit)]
    return [fact.ticket_id for fact in facts if isinstance(fact, MessagesSeen)]


async def read(conn: AsyncConnection) -> list[str]:
    rows = await conn.execute(text('SELECT wid FROM "Messages" WHERE read ORDER BY wid'))
    return list(rows.scalars())


async def test_what_the_contact_wrote_until_then_is_read_and_published_once(
    conn: AsyncConnection,
) -> None:
    assert await view(conn, 3) == [1001]
    assert await read(conn) == ["V1", "V2", "V3"]
    assert await view(conn, 3) == []


async def test_seen_messages_are_read_before_they_move_to_the_successor(
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


async def test_a_view_does_not_change_our_own_messages(conn: AsyncConnection) -> None:
    await view(conn, 60)
    assert "V9" not in await read(conn)


async def test_a_view_of_a_transferred_ticket_counts_for_the_messages_of_its_successor(
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
