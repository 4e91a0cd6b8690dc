"""What the tests of a worker share."""

from collections.abc import AsyncIterator

import pytest_asyncio

from shared.db.engine import create_engine
from shared.settings import DatabaseSettings
from tests.integration.delivery.bench import Bench


@pytest_asyncio.fixture
async def bench(migrated_url: str) -> AsyncIterator[Bench]:
    settings = DatabaseSettings.model_validate({"DATABASE_URL": migrated_url})
    engine = create_engine(settings, "test")
    made = Bench(engine)
    yield made
    made.worker.outage.cancel()
    await engine.dispose()
