"""The sessions of a worker: how many it opens when it starts, and that they do not keep plans."""

import asyncpg
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from shared.db import engine as sessions
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


async def test_a_session_plans_anew_when_it_is_twice_as_old_and_then_once_a_minute(
    shared_migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0
    replanned = []
    monkeypatch.setattr(sessions, "read_clock", lambda: now)
    settings = DatabaseSettings.model_validate({"DATABASE_URL": shared_migrated_url})
    engine = create_engine(settings, "plans", connections=1)

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def note(_conn: object, _cursor: object, sql: str, *_: object) -> None:
        if sql == "DISCARD PLANS":
            replanned.append(now)

    try:
        for second in range(250):
            now = second
            async with engine.connect() as conn:
                await conn.execute(text("SELECT 1"))
                await conn.execute(text("SELECT 2"))
    finally:
        await engine.dispose()
    assert replanned == [1, 3, 7, 15, 31, 63, 123, 183, 243]


async def test_a_failed_statement_is_rolled_back_also_when_plans_are_due(
    shared_migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(sessions, "read_clock", lambda: now)
    settings = DatabaseSettings.model_validate({"DATABASE_URL": shared_migrated_url})
    engine = create_engine(settings, "plans", connections=1)
    try:
        async with engine.connect() as conn:
            savepoint = await conn.begin_nested()
            with pytest.raises(DBAPIError, match="division by zero"):
                await conn.execute(text("SELECT 1 / 0"))
            now = sessions.REPLAN_FIRST_S
            await savepoint.rollback()
            assert await conn.scalar(text("SELECT 2")) == 2
    finally:
        await engine.dispose()
