"""The transaction of a reader: read-only, of one company, under row-level security."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.db.roles import READER
from shared.queries.existence import build_missing
from shared.queries.query import fetch
from shared.queries.reader import (
    NoReaderError,
    Readers,
    UnknownCompanyError,
    open_readers,
)
from shared.queries.tickets import build_counts_by_status
from shared.settings import DatabaseSettings
from tests.support.query_rows import COMPANIES, OURS, THEIRS, Asking
from tests.support.role_rows import login_of
from tests.support.servers import ROLE_PASSWORD

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def variables(migrated_url: str) -> dict[str, str]:
    """Return how the readers' login reaches a database with two companies."""
    conn = await asyncpg.connect(migrated_url)
    await conn.execute(COMPANIES)
    await conn.execute("""UPDATE "Companies" SET timezone = 'Asia/Tokyo' WHERE id = 2""")
    role = await login_of(conn, READER)
    await conn.close()
    return {"DATABASE_URL": migrated_url, "DB_READER_USER": role, "DB_READER_PASS": ROLE_PASSWORD}


@pytest_asyncio.fixture
async def readers(variables: dict[str, str]) -> AsyncIterator[Readers]:
    async with open_readers(DatabaseSettings.model_validate(variables)) as opened:
        yield opened


async def test_a_reader_knows_the_company_and_its_zone_and_writes_nothing(
    readers: Readers,
) -> None:
    async with readers.read(THEIRS) as reader:
        assert (reader.company, reader.zone.key) == (THEIRS, "Asia/Tokyo")
        seen = (await reader.conn.execute(text('SELECT id FROM "Users"'))).scalars().all()
        assert seen == [501]
    with pytest.raises(DBAPIError, match="read-only"):
        async with readers.read(OURS) as reader:
            await reader.conn.execute(text("CREATE TABLE t ()"))


async def test_a_company_that_does_not_exist_is_an_error(readers: Readers) -> None:
    with pytest.raises(UnknownCompanyError, match="no company 3"):
        async with readers.read(3):
            pass


async def test_another_login_takes_the_readers_role(
    variables: dict[str, str],
) -> None:
    owner = DatabaseSettings.model_validate({"DATABASE_URL": variables["DATABASE_URL"]})
    async with open_readers(owner) as opened:
        taking = Readers(opened.engine, variables["DB_READER_USER"])
        async with taking.read(OURS) as reader:
            assert len(await fetch(reader.conn, build_counts_by_status(OURS))) == 6
            seen = (await reader.conn.execute(text('SELECT id FROM "Companies"'))).scalars().all()
            assert seen == [OURS]


async def test_without_a_readers_role_nothing_is_read(variables: dict[str, str]) -> None:
    owner = DatabaseSettings.model_validate({"DATABASE_URL": variables["DATABASE_URL"]})
    async with open_readers(owner) as readers:  # no role has the name of a database of tests
        with pytest.raises(NoReaderError, match="DB_READER_USER"):
            async with readers.read(OURS):
                pass


async def test_a_login_that_sees_all_companies_is_refused(variables: dict[str, str]) -> None:
    owner = DatabaseSettings.model_validate({"DATABASE_URL": variables["DATABASE_URL"]})
    async with open_readers(owner) as opened:
        with pytest.raises(NoReaderError):
            async with Readers(opened.engine).read(OURS):
                pass


@pytest.mark.parametrize(
    ("named", "missing"),
    [
        ({"queue": 1, "user": 2, "tag": 1, "contact": 100, "line": 11}, []),
        ({"queue": 501, "user": 1}, ["queue"]),
        ({"ticket": 1, "message": 1}, ["ticket", "message"]),
        ({"queue": None}, []),
        ({}, []),
    ],
)
async def test_what_a_company_does_not_have_is_named(
    asking: Asking, named: dict[str, int | None], missing: list[str]
) -> None:
    assert sorted(await asking.ask(build_missing(OURS, named))) == sorted(missing)
