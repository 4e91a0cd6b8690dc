"""Constraints of the database, for all writers."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.support import minimal
from tests.support.minimal import Row, Rows

pytestmark = pytest.mark.integration


class World:
    """One company with a line and a contact, and a builder of more rows."""

    def __init__(self, conn: asyncpg.Connection, rows: Rows, company: int) -> None:
        self.conn = conn
        self.rows = rows
        self.company = company

    async def insert(self, table: str, **given: object) -> Row:
        """Insert a row of the company."""
        return await self.rows.insert(table, self.company, given)


@pytest_asyncio.fixture
async def world(migrated_url: str) -> AsyncIterator[World]:
    conn = await asyncpg.connect(migrated_url)
    rows = await minimal.rows(migrated_url, conn)
    yield World(conn, rows, await rows.company())
    await conn.close()


async def test_a_contact_and_line_have_one_ticket_that_is_not_closed(world: World) -> None:
    ticket = await world.insert("Tickets")
    same = {"whatsappId": ticket["whatsappId"], "contactId": ticket["contactId"]}
    with pytest.raises(asyncpg.UniqueViolationError):
        await world.insert("Tickets", status="open", **same)
    await world.insert("Tickets", status="closed", **same)
    await world.insert("Tickets", status="closed", **same)


async def test_two_lines_of_a_company_each_store_a_message(world: World) -> None:
    message = await world.insert("Messages", wid="3EB0")
    await world.insert("Messages", wid="3EB0")
    with pytest.raises(asyncpg.UniqueViolationError):
        await world.insert("Messages", wid="3EB0", whatsappId=message["whatsappId"])


@pytest.mark.parametrize("column", ["number", "lid", "jid"])
async def test_an_identity_belongs_to_one_contact_of_a_company(world: World, column: str) -> None:
    await world.insert("Contacts", **{column: "551"})
    with pytest.raises(asyncpg.UniqueViolationError):
        await world.insert("Contacts", **{column: "551"})
    await world.rows.insert("Contacts", await world.rows.company(), {column: "551"})


async def test_a_setting_of_the_platform_is_unique(world: World) -> None:
    await world.insert("Settings", companyId=None, key="wtV")
    await world.insert("Settings", companyId=world.company, key="wtV")
    with pytest.raises(asyncpg.UniqueViolationError):
        await world.insert("Settings", companyId=None, key="wtV")


async def test_a_company_has_one_default_line(world: World) -> None:
    await world.insert("Whatsapps", isDefault=True)
    await world.insert("Whatsapps")
    with pytest.raises(asyncpg.UniqueViolationError):
        await world.insert("Whatsapps", isDefault=True)


async def test_a_ticket_has_one_unfinished_tracking(world: World) -> None:
    tracking = await world.insert("TicketTraking", ticketId=(await world.insert("Tickets"))["id"])
    with pytest.raises(asyncpg.UniqueViolationError):
        await world.insert("TicketTraking", ticketId=tracking["ticketId"])


@pytest.mark.parametrize(
    ("table", "given"),
    [
        ("Tickets", {"status": "sleeping"}),
        ("Tickets", {"unreadMessages": -1}),
        ("Messages", {"ack": 6}),
        ("Messages", {"ack": -2}),
        ("LineSendRates", {"intervalMs": 0}),
        ("CampaignShipping", {"number": "5511 99999-0000"}),
        ("CampaignShipping", {"number": ""}),
    ],
)
async def test_values_out_of_range_are_refused(world: World, table: str, given: Row) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await world.insert(table, **given)


async def test_tickets_of_a_deleted_user_stay(world: World) -> None:
    user = await world.insert("Users")
    ticket = await world.insert("Tickets", userId=user["id"])
    await world.conn.execute('DELETE FROM "Users" WHERE id = $1', user["id"])
    left = await world.conn.fetchrow(
        'SELECT "userId", "companyId" FROM "Tickets" WHERE id = $1', ticket["id"]
    )
    assert left is not None
    assert tuple(left) == (None, world.company)


async def test_logged_changes_of_a_deleted_user_stay(world: World) -> None:
    user = await world.insert("Users")
    logged = await world.insert("LogTickets", userId=user["id"], type="open")
    await world.conn.execute('DELETE FROM "Users" WHERE id = $1', user["id"])
    left = await world.conn.fetchrow(
        'SELECT "userId", type FROM "LogTickets" WHERE id = $1', logged["id"]
    )
    assert left is not None
    assert tuple(left) == (None, "open")
