"""A reset gives the checkpoints of a service's main path and bulk path the same new epoch."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.cli.reset import BrokenCheckpoint, accept_reset
from shared.db.engine import create_engine
from shared.settings import DatabaseSettings, Settings

pytestmark = pytest.mark.integration

TOPIC = "chatia.message.received"
ROWS = text("""
INSERT INTO "Checkpoints" (service, topic, partition, "nextOffset", aside)
VALUES ('contacts', :topic, 0, 100, '{"1": [40, 90]}'), ('contacts.bulk', :topic, 0, 40, '{}'),
       ('contacts', :topic, 1, 100, '{}'), ('tickets', :topic, 0, 100, '{}')
""")
LIFTED = text("""DELETE FROM "Checkpoints" WHERE service = 'contacts.bulk'""")
STATES = text("""
SELECT service, partition, "nextOffset", epoch, aside <> '{}' FROM "Checkpoints"
ORDER BY service, partition
""")


@pytest_asyncio.fixture
async def settings(migrated_url: str) -> Settings:
    return Settings(database=DatabaseSettings.model_validate({"DATABASE_URL": migrated_url}))


@pytest_asyncio.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(settings.database, "test")
    async with engine.begin() as conn:
        await conn.execute(ROWS, {"topic": TOPIC})
    yield engine
    await engine.dispose()


async def load_states(engine: AsyncEngine) -> list[tuple[object, ...]]:
    async with engine.connect() as conn:
        return [tuple(row) for row in await conn.execute(STATES)]


async def test_a_reset_of_the_bulk_path_renews_the_epoch_of_the_main_path(
    settings: Settings, engine: AsyncEngine
) -> None:
    lost = BrokenCheckpoint("contacts.bulk", 0, 40, 0, 60, "removed by retention")
    assert await accept_reset(settings, TOPIC, [lost]) == 1
    assert await load_states(engine) == [
        ("contacts", 0, 100, 1, True),
        ("contacts", 1, 100, 0, False),
        ("contacts.bulk", 0, 60, 1, False),
        ("tickets", 0, 100, 0, False),
    ]


async def test_a_recreated_topic_gets_an_epoch_that_neither_path_had(
    settings: Settings, engine: AsyncEngine
) -> None:
    await accept_reset(settings, TOPIC, [BrokenCheckpoint("contacts.bulk", 0, 40, 0, 60, "…")])
    async with engine.begin() as conn:
        await conn.execute(LIFTED)
    assert (
        await accept_reset(
            settings, TOPIC, [BrokenCheckpoint("contacts", 0, 100, 1, 0, "re-created")]
        )
        == 1
    )
    assert (await load_states(engine))[0] == ("contacts", 0, 0, 2, False)


async def test_deferred_ranges_of_the_old_log_are_cleared(
    settings: Settings, engine: AsyncEngine
) -> None:
    await accept_reset(settings, TOPIC, [BrokenCheckpoint("contacts", 0, 100, 0, 0, "re-created")])
    assert [
        state
        for state in await load_states(engine)
        if state[:2] in {("contacts", 0), ("contacts.bulk", 0)}
    ] == [
        ("contacts", 0, 0, 1, False),
        ("contacts.bulk", 0, 0, 1, False),
    ]


async def test_a_checkpoint_that_moved_meanwhile_is_not_reset(
    settings: Settings, engine: AsyncEngine
) -> None:
    before = await load_states(engine)
    assert (
        await accept_reset(settings, TOPIC, [BrokenCheckpoint("contacts", 0, 99, 0, 0, "…")]) == 0
    )
    assert await load_states(engine) == before
