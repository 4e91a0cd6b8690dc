"""Fixtures of the contacts service."""

from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.laws.test_handlers import open_world

LINES = """
INSERT INTO "Whatsapps" (id, "companyId", name) VALUES (11, 1, 'Outra'), (12, 1, 'De terceiros');
INSERT INTO "Companies" (id, name) VALUES (2, 'Empresa 2');
INSERT INTO "Whatsapps" (id, "companyId", name) VALUES (20, 2, 'Linha');
INSERT INTO "GatewayConnections" (gateway, instance, "companyId", "whatsappId", portfolio)
  VALUES ('cloud-api', '1', 1, 10, 'A'), ('cloud-api', '2', 1, 11, 'A'),
         ('cloud-api', '3', 1, 12, 'B'), ('cloud-api', '4', 2, 20, 'A')
"""


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    """Yield a transaction on lines 10 and 11 of portfolio A, and 12 of B; it is rolled back."""
    async with open_world(world_url) as connection:
        for statement in LINES.split(";"):
            await connection.execute(text(statement))
        yield connection
