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


BEFORE_TODAY, TODAY = "20261203100100", "20261203110200"
ROWS_BEFORE_TODAY = """
INSERT INTO "Companies" (id, name) VALUES (1, 'Empresa');
INSERT INTO "Whatsapps" (id, "companyId", name) VALUES (10, 1, 'Linha');
INSERT INTO "Contacts" (id, "companyId", name, number) VALUES (100, 1, 'Maria', '5511900000001');
INSERT INTO "Tags" ("companyId", name, "timeLane") VALUES (1, 'Novos', 30), (1, 'Hoje', NULL);
INSERT INTO "MessageTemplates" ("companyId", "whatsappId", name, language, status, header)
VALUES (1, 10, 'pronto', 'pt_BR', 'APPROVED', 'Pedido'), (1, 10, 'pronto', 'en', 'PENDING', NULL);
"""


async def test_rows_get_the_columns_of_the_back_office_and_lanes_keep_halves(
    database_url: str,
) -> None:
    await migrations.upgrade(database_url, BEFORE_TODAY)
    conn = await asyncpg.connect(database_url)
    try:
        await conn.execute(ROWS_BEFORE_TODAY)
        await migrations.upgrade(database_url, TODAY)
        contact = await conn.fetchrow(
            'SELECT "isInAgenda", source, language, "followUp" FROM "Contacts"'
        )
        assert contact is not None
        assert tuple(contact) == (True, "manual", None, None)
        templates = await conn.fetch('SELECT id, status, header FROM "MessageTemplates"')
        assert len({row["id"] for row in templates}) == 2
        assert {(row["status"], row["header"]) for row in templates} == {
            ("APPROVED", "Pedido"),
            ("PENDING", None),
        }
        await conn.execute('UPDATE "Tags" SET "timeLane" = 1.5 WHERE name = \'Hoje\'')
        times = 'SELECT "timeLane" FROM "Tags" ORDER BY id'
        assert [row[0] for row in await conn.fetch(times)] == [30, 1.5]
        await migrations.downgrade(database_url, BEFORE_TODAY)
        assert [row[0] for row in await conn.fetch(times)] == [30, 2]
        kept = "SELECT count(*) FROM \"MessageTemplates\" WHERE name = 'pronto'"
        assert await conn.fetchval(kept) == 2
    finally:
        await conn.close()


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
