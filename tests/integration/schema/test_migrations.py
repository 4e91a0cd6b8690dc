"""Up, down and up again leave no difference, and nothing is left behind."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from shared.db import migrations
from tests.support import catalog

pytestmark = pytest.mark.integration

ALEMBIC_OWN = {"alembic_version", "_alembic_version", "alembic_version_pkc"}


async def test_up_down_up_leaves_no_difference(database_url: str) -> None:
    await migrations.upgrade(database_url)
    first = await catalog.read(database_url)
    await migrations.downgrade(database_url, "base")
    assert set(await catalog.leftovers(database_url)) <= ALEMBIC_OWN
    await migrations.upgrade(database_url)
    assert await catalog.read(database_url) == first


async def test_every_step_can_be_undone_by_itself(database_url: str) -> None:
    steps = [step.revision for step in await migrations.history(database_url)]
    for step in steps:
        before = await catalog.read(database_url)
        await migrations.upgrade(database_url, step)
        await migrations.downgrade(database_url, "-1")
        assert await catalog.read(database_url) == before
        await migrations.upgrade(database_url, step)
    assert await migrations.current(database_url) == steps[-1]


async def test_two_upgrades_at_once_make_one_schema(database_url: str) -> None:
    await asyncio.gather(migrations.upgrade(database_url), migrations.upgrade(database_url))
    assert all(step.applied for step in await migrations.history(database_url))


async def test_a_database_has_one_name_of_its_own(migrated_url: str) -> None:
    conn = await asyncpg.connect(migrated_url)
    try:
        assert await conn.fetchval('SELECT count(*) FROM "Deployment" WHERE uuid IS NOT NULL') == 1
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute('INSERT INTO "Deployment" (id) VALUES (2)')
    finally:
        await conn.close()


@pytest.mark.parametrize(
    "path", sorted(migrations.FOLDER.glob("versions/*.py")), ids=lambda path: path.stem
)
def test_a_migration_stands_alone(path: Path) -> None:
    """The tables' classes change with time; what a migration does must not."""
    assert "shared" not in path.read_text("utf-8")
