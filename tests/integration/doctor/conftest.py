"""What the tests of the doctor share."""

from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.doctor.findings import Examined, Limits
from tests.support.doctor import build_settings


@pytest_asyncio.fixture
async def examined(shared_migrated_url: str) -> AsyncIterator[Examined]:
    """Connect in a transaction that is rolled back."""
    engine = create_async_engine(
        shared_migrated_url.replace("://", "+asyncpg://", 1), poolclass=NullPool
    )
    async with engine.connect() as conn:
        yield Examined(conn, build_settings(shared_migrated_url), Limits())
        await conn.rollback()
