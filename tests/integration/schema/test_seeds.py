"""Seeds are inserted once, all or by name, and removed without other rows."""

from collections.abc import AsyncIterator

import bcrypt
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared import seeds
from shared.schema import metadata
from shared.seeds.rows import NoCompanyError, PasswordTooLongError

pytestmark = pytest.mark.integration

COMPANY, SETTINGS, USER, COMPANIES_SETTINGS, SUPER_ADMIN = (seed.name for seed in seeds.SEEDS)
PASSWORD = "123456"  # noqa: S105 - the documented one
SEEDED_TABLES = ("Plans", "Companies", "Settings", "Users", "CompaniesSettings", "SeedRows")


@pytest_asyncio.fixture
async def engine(migrated_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(
        migrated_url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool
    )
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def conn(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with engine.begin() as conn:
        yield conn


def test_the_seeds_have_their_documented_names() -> None:
    assert [seed.name for seed in seeds.SEEDS] == [
        "20200904070003-create-default-company",
        "20200904070004-create-default-settings",
        "20200904070006-create-default-user",
        "20230901093700-create-default-companiessettings",
        "20250101000000-ensure-super-admin",
    ]


async def test_all_seeds_insert_the_documented_rows(conn: AsyncConnection) -> None:
    await seeds.insert_seeds(conn, password=PASSWORD)
    company = (await conn.execute(text('SELECT * FROM "Companies"'))).one()
    assert (company.name, company.email, company.phone, company.status) == (
        "Empresa 1",
        "admin@admin.com",
        "5511999999999",
        True,
    )
    assert 364 <= (company.dueDate - company.createdAt).days <= 366
    plan = (await conn.execute(text('SELECT * FROM "Plans"'))).one()
    assert (plan.id, plan.users, plan.connections, plan.queues, plan.amount) == (
        company.planId,
        10,
        10,
        10,
        "100",
    )
    settings = await conn.execute(text('SELECT key, value, "companyId" FROM "Settings"'))
    assert sorted(map(tuple, settings)) == [
        ("CheckMsgIsGroup", "enabled", None),
        ("acceptCallWhatsapp", "disabled", None),
        ("chatBotType", "text", None),
        ("userCreation", "enabled", None),
    ]


async def test_the_administrator_may_do_everything_with_the_given_password(
    conn: AsyncConnection,
) -> None:
    results = await seeds.insert_seeds(conn, password=PASSWORD)
    user = (await conn.execute(text('SELECT * FROM "Users"'))).one()
    assert (user.name, user.email, user.profile, user.super) == (
        "Administrador",
        "admin@admin.com",
        "admin",
        True,
    )
    assert bcrypt.checkpw(PASSWORD.encode(), user.passwordHash.encode())
    assert int(user.passwordHash.split("$")[2]) >= 8
    assert [result.password for result in results] == [None] * 5


async def test_a_generated_password_is_returned_once(conn: AsyncConnection) -> None:
    first = await seeds.insert_seeds(conn)
    again = await seeds.insert_seeds(conn)
    told = [result.password for result in first if result.password]
    assert len(told) == 1
    stored = await conn.scalar(text('SELECT "passwordHash" FROM "Users"'))
    assert isinstance(stored, str)
    assert bcrypt.checkpw(told[0].encode(), stored.encode())
    assert [result.password for result in again] == [None] * 5


async def test_a_password_that_bcrypt_would_cut_is_refused(conn: AsyncConnection) -> None:
    with pytest.raises(PasswordTooLongError):
        await seeds.insert_seeds(conn, password="x" * 73)


async def test_inserting_twice_changes_nothing(conn: AsyncConnection) -> None:
    first = await seeds.insert_seeds(conn)
    before = await _everything(conn)
    again = await seeds.insert_seeds(conn)
    assert await _everything(conn) == before
    assert [result.rows for result in first] == [2, 4, 1, 1, 0]
    assert [result.rows for result in again] == [0] * 5


async def test_a_renamed_company_is_not_inserted_again(conn: AsyncConnection) -> None:
    await seeds.insert_seeds(conn)
    await conn.execute(text("""UPDATE "Companies" SET name = 'Padaria'"""))
    before = await _everything(conn)
    await seeds.insert_seeds(conn)
    assert await _everything(conn) == before


async def test_an_existing_row_is_left_as_it_is(conn: AsyncConnection) -> None:
    await conn.execute(text("""INSERT INTO "Settings" (key, value) VALUES ('chatBotType', 'x')"""))
    (inserted,) = await seeds.insert_seeds(conn, SETTINGS)
    assert inserted.rows == 3
    await seeds.remove_seeds(conn, SETTINGS)
    left = await conn.execute(text('SELECT key, value FROM "Settings"'))
    assert [tuple(row) for row in left] == [("chatBotType", "x")]


@pytest.mark.parametrize("name", [COMPANY, f"{COMPANY}.ts"])
async def test_one_seed_can_be_inserted_by_its_name(conn: AsyncConnection, name: str) -> None:
    (inserted,) = await seeds.insert_seeds(conn, name)
    assert (inserted.seed, inserted.rows) == (COMPANY, 2)
    assert await _count(conn, "Users") == 0


async def test_an_unknown_name_is_refused_with_the_known_ones(conn: AsyncConnection) -> None:
    with pytest.raises(seeds.UnknownSeedError, match="20200904070006-create-default-user"):
        await seeds.insert_seeds(conn, "create-default-users")


async def test_a_user_needs_a_company_first(conn: AsyncConnection) -> None:
    with pytest.raises(NoCompanyError, match=COMPANY):
        await seeds.insert_seeds(conn, USER)


async def test_an_existing_administrator_becomes_super_user(conn: AsyncConnection) -> None:
    await seeds.insert_seeds(conn)
    await conn.execute(text('UPDATE "Users" SET super = false'))
    await seeds.insert_seeds(conn, SUPER_ADMIN)
    assert await conn.scalar(text('SELECT count(*) FROM "Users" WHERE super')) == 1
    assert await _count(conn, "Users") == 1


async def test_without_any_user_the_super_administrator_is_inserted(conn: AsyncConnection) -> None:
    await seeds.insert_seeds(conn, COMPANY)
    (inserted,) = await seeds.insert_seeds(conn, SUPER_ADMIN)
    assert inserted.rows == 1
    assert inserted.password


async def test_removing_all_seeds_deletes_only_their_rows(
    conn: AsyncConnection,
) -> None:
    await conn.execute(text("""INSERT INTO "Companies" (name) VALUES ('Padaria')"""))
    await seeds.insert_seeds(conn)
    removed = await seeds.remove_seeds(conn)
    assert sum(result.rows for result in removed) == 8
    assert [await _count(conn, table) for table in SEEDED_TABLES] == [0, 1, 0, 0, 0, 0]


async def test_removing_one_seed_leaves_the_others(conn: AsyncConnection) -> None:
    await seeds.insert_seeds(conn)
    await seeds.remove_seeds(conn, USER)
    assert [await _count(conn, table) for table in SEEDED_TABLES] == [1, 1, 4, 0, 1, 7]


async def test_a_seed_in_use_is_refused_and_nothing_is_deleted(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await seeds.insert_seeds(conn)
        await conn.execute(
            text("""INSERT INTO "Queues" ("companyId", name, color)
                    SELECT id, 'Vendas', '#fff' FROM "Companies" """)
        )
        before = await _everything(conn)
    with pytest.raises(seeds.InUseError, match='"Companies" is in use by "Queues"'):
        async with engine.begin() as conn:
            await seeds.remove_seeds(conn)
    async with engine.connect() as conn:
        assert await _everything(conn) == before


async def test_a_company_is_in_use_by_its_user(conn: AsyncConnection) -> None:
    await seeds.insert_seeds(conn)
    with pytest.raises(seeds.InUseError):
        await seeds.remove_seeds(conn, COMPANY)


async def _count(conn: AsyncConnection, table: str) -> int:
    found: int = await conn.scalar(text(f'SELECT count(*) FROM "{table}"'))  # noqa: S608 - our own tables
    return found


async def _everything(conn: AsyncConnection) -> dict[str, list[object]]:
    return {
        name: list(await conn.execute(metadata.tables[name].select())) for name in SEEDED_TABLES
    }
