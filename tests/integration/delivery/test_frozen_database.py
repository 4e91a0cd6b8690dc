"""The connection pool while Postgres is frozen, and after it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.db import engine as database
from shared.embedded.processes import Guarded
from shared.settings import DatabaseSettings
from tests.support.freezing import freeze, frozen, thaw
from tests.support.servers import TestServers

pytestmark = pytest.mark.integration

COMMAND_TIMEOUT_S = 1.0
MARGIN_S = 1.0
COUNT = text('INSERT INTO "Counted" VALUES (1) ON CONFLICT (id) DO UPDATE SET n = "Counted".n + 1')

Fail = Callable[[AsyncConnection, Guarded], Awaitable[None]]


@pytest.fixture
def postgres(servers: TestServers) -> Guarded:
    """Return the process of the embedded server."""
    if "the database" not in servers.processes:
        pytest.skip("only an embedded Postgres can be frozen")
    return servers.processes["the database"]


@pytest_asyncio.fixture
async def engine(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncEngine]:
    monkeypatch.setattr(database, "COMMAND_TIMEOUT_S", COMMAND_TIMEOUT_S)
    settings = DatabaseSettings.model_validate({"DATABASE_URL": database_url})
    made = database.create_engine(settings, "test")
    async with made.begin() as conn:
        await conn.execute(text('CREATE TABLE "Counted" (id int PRIMARY KEY, n int DEFAULT 0)'))
        await conn.execute(COUNT)
    yield made
    await made.dispose()


@pytest.fixture
def complaints() -> list[dict[str, Any]]:
    """Return what the event loop complains of, such as exceptions that nobody retrieved."""
    found: list[dict[str, Any]] = []
    asyncio.get_event_loop().set_exception_handler(lambda _, context: found.append(context))
    return found


async def fail_in_a_statement(conn: AsyncConnection, server: Guarded) -> None:
    freeze(server)
    await conn.execute(COUNT)


async def fail_in_the_commit(_: AsyncConnection, server: Guarded) -> None:
    freeze(server)


async def fail_in_the_rollback(_: AsyncConnection, server: Guarded) -> None:
    freeze(server)
    raise KeyError


async def fail_by_a_limit_of_the_caller(conn: AsyncConnection, server: Guarded) -> None:
    freeze(server)
    async with asyncio.timeout(0.2):
        await conn.execute(COUNT)


@pytest.mark.parametrize(
    "fail",
    [
        fail_in_a_statement,
        fail_in_the_commit,
        fail_in_the_rollback,
        fail_by_a_limit_of_the_caller,
    ],
)
async def test_a_transaction_ends_in_time_and_leaves_no_lock(
    engine: AsyncEngine, postgres: Guarded, fail: Fail, complaints: list[dict[str, Any]]
) -> None:
    async def count_and_fail() -> None:
        async with engine.begin() as conn:
            await conn.execute(COUNT)
            await fail(conn, postgres)

    began = time.monotonic()
    try:
        with pytest.raises(TimeoutError):
            await count_and_fail()
        limit_s = COMMAND_TIMEOUT_S + database.CLOSE_TIMEOUT_S + MARGIN_S
        assert time.monotonic() - began < limit_s
    finally:
        thaw(postgres)
    async with asyncio.timeout(5), engine.begin() as conn:
        await conn.execute(COUNT)  # it needs the row that the transaction had locked
    assert complaints == []


async def test_every_connection_of_the_pool_is_usable_again(
    engine: AsyncEngine, postgres: Guarded
) -> None:
    async def count() -> None:
        async with engine.connect() as conn:
            await conn.execute(text("SELECT pg_sleep(0.1)"))

    await asyncio.gather(*(count() for _ in range(4)))  # opens four connections
    with frozen(postgres):
        ended = await asyncio.gather(*(count() for _ in range(4)), return_exceptions=True)
    assert [type(error) for error in ended] == [TimeoutError] * 4
    async with asyncio.timeout(5):
        await asyncio.gather(*(count() for _ in range(8)))


async def test_an_engine_is_disposed_of_in_time(engine: AsyncEngine, postgres: Guarded) -> None:
    async with engine.connect(), engine.connect():
        pass
    with frozen(postgres):
        began = time.monotonic()
        await engine.dispose()
        assert time.monotonic() - began < 2 * database.CLOSE_TIMEOUT_S + MARGIN_S
