"""DB_POOL_MIN: connections that a worker opens when it starts, and keeps."""

import asyncpg
import pytest

from shared.db.engine import create_engine, open_connections
from shared.settings import DatabaseSettings

pytestmark = pytest.mark.integration

COUNT = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"


@pytest.mark.parametrize("number", [0, 3, 6])
async def test_the_least_number_of_connections_is_opened_and_kept(
    shared_migrated_url: str, number: int
) -> None:
    name = f"pool of {number}"
    variables = {"DATABASE_URL": shared_migrated_url, "DB_POOL_MAX": 6, "DB_POOL_MIN": number}
    settings = DatabaseSettings.model_validate(variables)
    engine = create_engine(settings, name)
    watching = await asyncpg.connect(shared_migrated_url)
    try:
        await open_connections(engine, settings.pool_min)
        assert await watching.fetchval(COUNT, name) == number
        async with engine.connect():  # one of them is used again
            assert await watching.fetchval(COUNT, name) == max(number, 1)
    finally:
        await watching.close()
        await engine.dispose()
