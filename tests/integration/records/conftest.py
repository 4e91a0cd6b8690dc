"""A database whose companies keep their rows for a limited time."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest_asyncio

from tests.support import minimal
from tests.support.retention_rows import Kept, insert_company, open_engine
from tests.support.servers import TestServers, cloned


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def retention_url(servers: TestServers, migrated_template: str) -> AsyncIterator[str]:
    """Create one database for all tests; each begins with no company."""
    async with cloned(servers.database_url, migrated_template) as made:
        yield made


@pytest_asyncio.fixture
async def flow(retention_url: str) -> AsyncIterator[Kept]:
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_engine(retention_url))
        conn = await asyncpg.connect(retention_url)
        stack.push_async_callback(conn.close)
        for table in ("Companies", "Purges", "Checkpoints"):
            await conn.execute(f'DELETE FROM "{table}"')  # noqa: S608 - our own tables
        rows = await minimal.rows(retention_url, conn)
        yield Kept(conn, engine, rows, await insert_company(rows, 365, 182))
