"""A company with a line, users, queues, contacts and tickets, as the tests of laws have it."""

from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.settings import DatabaseSettings
from tests.laws.samples import WORLD
from tests.laws.test_handlers import open_world

ATTENDED = text("""
INSERT INTO "TicketTraking" ("companyId", "ticketId", "whatsappId")
SELECT "companyId", id, "whatsappId" FROM "Tickets"
""")
WITHOUT_MESSAGES = text('DELETE FROM "Messages"')


@pytest_asyncio.fixture
async def engine(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    address = DatabaseSettings.model_validate({"DATABASE_URL": migrated_url}).url
    made = create_async_engine(address, poolclass=NullPool)
    async with made.begin() as connection:
        for statement in WORLD.split(";\n"):
            if statement.strip():
                await connection.execute(text(statement))
        await connection.execute(ATTENDED)
        await connection.execute(WITHOUT_MESSAGES)
    yield made
    await made.dispose()


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    """Return a transaction on that company; it is rolled back."""
    async with open_world(world_url) as connection:
        await connection.execute(ATTENDED)
        await connection.execute(WITHOUT_MESSAGES)
        yield connection
