"""The probes of an idle worker while its database is away, and after it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.settings import HealthSettings
from tests.support import world
from tests.support.build import job
from tests.support.deployment import deployment
from tests.support.probes import ask, await_code, free_port, scrape
from tests.support.servers import database_named

pytestmark = pytest.mark.integration

PATIENCE_S = 30.0
LOCK_OUT = """ALTER DATABASE "{0}" ALLOW_CONNECTIONS false"""
LET_IN = """ALTER DATABASE "{0}" ALLOW_CONNECTIONS true"""
END_ALL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND backend_type = $2
"""


@asynccontextmanager
async def locked_out(url: str) -> AsyncIterator[None]:
    """Refuse all connections to a database, as an outage would."""
    name = urlsplit(url).path.removeprefix("/")
    admin = await asyncpg.connect(database_named(url, "postgres"))
    try:
        await admin.execute(LOCK_OUT.format(name))
        await admin.execute(END_ALL, name, "client backend")
        yield
    finally:
        await admin.execute(LET_IN.format(name))
        await admin.close()


async def await_growth(port: int, before: dict[str, float]) -> None:
    """Poll `/metrics` until a batch of one record is counted."""
    grown = {
        'chatia_batches_total{service="campaigns"}': 1,
        'chatia_records_total{outcome="read",service="campaigns"}': 1,
        'chatia_batch_duration_seconds_count{service="campaigns"}': 1,
        'chatia_publish_duration_seconds_count{service="campaigns"}': 1,
    }
    async with asyncio.timeout(PATIENCE_S):
        while True:
            samples = await asyncio.to_thread(scrape, port)
            if all(samples.get(n, 0) == before.get(n, 0) + by for n, by in grown.items()):
                return
            await asyncio.sleep(0.1)


async def test_a_worker_says_what_it_waits_for_until_it_works_again(
    kafka_bootstrap: str, migrated_url: str
) -> None:
    port = free_port()
    async with deployment(
        kafka_bootstrap, migrated_url, ["campaigns"], health=HealthSettings(port=port)
    ) as flow:
        await world.company(flow, 1)
        await world.line(flow, 10, 1)
        await flow.sql(
            'INSERT INTO "Campaigns" (id, "companyId", "whatsappId", name, status) '
            "VALUES (7, 1, 10, 'Promo', 'EM_ANDAMENTO')"
        )
        await await_code(port, 200)
        async with locked_out(migrated_url):
            waiting = await await_code(port, 503)
            assert waiting.startswith("degraded: waiting for the database since ")
            await flow.publish(flow.record(job()))
            assert await asyncio.to_thread(ask, port, "/live") == (200, "ok")
            samples = await asyncio.to_thread(scrape, port)
            assert samples['chatia_worker_waiting{reason="database",service="campaigns"}'] == 1
        assert await await_code(port, 200) == "ok"
        await flow.engine.dispose()  # the test's own connections ended too
        await flow.until_none('SELECT 1 WHERE NOT EXISTS (SELECT FROM "CampaignShipping")')
        await await_growth(port, samples)
