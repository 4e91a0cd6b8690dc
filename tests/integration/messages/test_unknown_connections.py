"""What a record of Evolution says that belongs to no line."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.gateways_in.handler import translate_evolution
from shared.contracts.gateway import EvolutionRecord
from shared.contracts.outcome import Reject
from tests.laws.statement_counts import record_statements
from tests.laws.test_handlers import open_world

pytestmark = pytest.mark.integration

CONNECTIONS = """
INSERT INTO "GatewayConnections" (gateway, server, instance, "companyId", "whatsappId") VALUES
  ('evolution', 'http://d', 'norte', 1, 10), ('evolution', 'http://c', 'norte', 1, 10),
  ('evolution', 'http://b', 'norte', 1, 10), ('evolution', 'http://a', 'norte', 1, 10),
  ('waha', 'http://w', 'sul', 1, 10)
"""


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    async with open_world(world_url) as connection:
        await connection.execute(text(CONNECTIONS))
        yield connection


def build(instance: str, server: str = "") -> EvolutionRecord:
    given = {"event": "messages.upsert", "instance": instance, "server_url": server, "data": {}}
    return EvolutionRecord.model_validate(given)


async def test_servers_of_the_same_gateway_are_named_in_one_statement_for_any_batch(
    conn: AsyncConnection,
) -> None:
    batch = [build("norte"), build("norte", "http://x"), build("sul")]
    batch += [build(f"i{n}") for n in range(100)]
    with record_statements(conn) as statements:
        outcome = await translate_evolution(conn, batch)
    assert len(statements) == 2
    rejects = [each for each in outcome if isinstance(each, Reject)]
    assert len(rejects) == len(batch)
    assert {each.reason for each in rejects} == {"unknown-connection"}
    listed = "registered for server 'http://a' and 'http://b' and 'http://c'; the record names"
    assert f"{listed} no server." in rejects[0].detail
    assert f"{listed} server 'http://x'." in rejects[1].detail
    assert "instance 'sul' of server '' is not in" in rejects[2].detail


async def test_a_server_that_is_registered_is_no_reject(conn: AsyncConnection) -> None:
    with record_statements(conn) as statements:
        outcome = await translate_evolution(conn, [build("norte", "http://c/")])
    assert len(statements) == 1
    assert "unknown-connection" not in str(outcome)
