"""Upgrades and downgrades leave no difference and no remains."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from shared.db import migrations
from tests.support import catalog

pytestmark = pytest.mark.integration

ALEMBIC_OWN = {"alembic_version", "_alembic_version", "alembic_version_pkc"}


async def test_upgrade_downgrade_upgrade_leaves_no_difference(database_url: str) -> None:
    await migrations.upgrade(database_url)
    first = await catalog.read(database_url)
    await migrations.downgrade(database_url, "base")
    assert set(await catalog.leftovers(database_url)) <= ALEMBIC_OWN
    await migrations.upgrade(database_url)
    assert await catalog.read(database_url) == first


async def test_every_migration_can_be_downgraded_alone(database_url: str) -> None:
    steps = [step.revision for step in await migrations.list_history(database_url)]
    for step in steps:
        before = await catalog.read(database_url)
        await migrations.upgrade(database_url, step)
        await migrations.downgrade(database_url, "-1")
        assert await catalog.read(database_url) == before
        await migrations.upgrade(database_url, step)
    assert await migrations.read_current(database_url) == steps[-1]


async def test_two_upgrades_at_once_create_one_schema(database_url: str) -> None:
    await asyncio.gather(migrations.upgrade(database_url), migrations.upgrade(database_url))
    assert all(step.applied for step in await migrations.list_history(database_url))


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
def test_a_migration_imports_no_product_code(path: Path) -> None:
    """Mapped classes change with time; a migration must not."""
    assert "shared" not in path.read_text("utf-8")
