"""Readers see the rows of the company that is set, without secrets; none without a company."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
import pytest_asyncio

from shared.db.policies import build_condition, is_readable
from shared.db.roles import READER
from shared.schema import INTERNAL, metadata
from shared.schema.base import find_company_column
from shared.schema.secret_columns import SECRETS
from tests.support import catalog
from tests.support.minimal import Rows
from tests.support.role_rows import fill, login_of
from tests.support.servers import TestServers, cloned

pytestmark = pytest.mark.integration

NAMED = "SELECT set_config('app.company_id', $1, true)"
OF_TENANTS = [t.name for t in metadata.sorted_tables if build_condition(t) is not None]
SHARED = ["Announcements", "Helps", "Settings"]  # rows without a company are the platform's
LOOKS_SECRET = re.compile("token|secret|pass|session|key|hash|credential|qrcode", re.IGNORECASE)
NO_SECRETS = {
    "CampaignSettings.key",  # the name of a setting
    "DeadLetters.key",  # a record's
    "Prompts.completionTokens",  # counted
    "Prompts.maxTokens",
    "Prompts.promptTokens",
    "Prompts.totalTokens",
    "QueueIntegrations.typebotKeywordFinish",
    "QueueIntegrations.typebotKeywordRestart",
    "ScheduledMessagesEnvios.key",  # which message of a programme
    "Settings.key",
    "Tickets.typebotSessionTime",
    "Users.passwordResetExpires",
    "Users.resetPasswordExpires",
}


@dataclass(frozen=True)
class Filled:
    """A database with rows of two companies in every table."""

    url: str
    ours: int
    theirs: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(servers: TestServers, migrated_template: str) -> AsyncIterator[Filled]:
    """Fill a database once, for tests that roll back."""
    async with cloned(servers.database_url, migrated_template) as url:
        yield Filled(url, *await _filled(url))


@pytest_asyncio.fixture
async def reader(filled: Filled) -> AsyncIterator[asyncpg.Connection]:
    """Connect as a reader; everything is rolled back."""
    conn = await asyncpg.connect(filled.url)
    transaction = conn.transaction()
    await transaction.start()
    await conn.execute(f'SET LOCAL ROLE "{await login_of(conn, READER)}"')
    yield conn
    await transaction.rollback()
    await conn.close()


@pytest.mark.parametrize("table", OF_TENANTS)
async def test_a_reader_sees_the_rows_of_its_company_and_nothing_without_one(
    reader: asyncpg.Connection, filled: Filled, table: str
) -> None:
    assert await _companies(reader, table) == set()
    for company in (filled.ours, filled.theirs):
        await reader.execute(NAMED, str(company))
        assert await _companies(reader, table) == {company}
    await reader.execute(NAMED, "")
    assert await _companies(reader, table) == set()


@pytest.mark.parametrize("table", SHARED)
async def test_rows_of_the_platform_are_seen_by_every_company(
    reader: asyncpg.Connection, filled: Filled, table: str
) -> None:
    await reader.execute("RESET ROLE")
    ours = f'WHERE "companyId" = {filled.ours}'
    await reader.execute(f'UPDATE "{table}" SET "companyId" = NULL {ours}')  # noqa: S608 - our own tables
    await reader.execute(f'SET LOCAL ROLE "{await login_of(reader, READER)}"')
    assert await _companies(reader, table) == set()
    await reader.execute(NAMED, str(filled.theirs))
    assert await _companies(reader, table) == {None, filled.theirs}


def test_the_platform_shares_these_tables_with_companies_and_no_others() -> None:
    assert (
        sorted(
            table.name
            for table in metadata.sorted_tables
            if table.name not in INTERNAL
            and (company := find_company_column(table)) is not None
            and table.columns[company].nullable
        )
        == SHARED
    )


async def test_no_reader_sees_a_dead_letter_without_a_company(
    reader: asyncpg.Connection, filled: Filled
) -> None:
    await reader.execute("RESET ROLE")
    await reader.execute('UPDATE "DeadLetters" SET "companyId" = NULL')
    await reader.execute(f'SET LOCAL ROLE "{await login_of(reader, READER)}"')
    await reader.execute(NAMED, str(filled.ours))
    assert await _companies(reader, "DeadLetters") == set()


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, names in SECRETS.items() for column in names]
)
async def test_a_secret_is_not_readable(
    reader: asyncpg.Connection, table: str, column: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.fetch(f'SELECT "{column}" FROM "{table}"')  # noqa: S608 - our own tables


@pytest.mark.parametrize("table", sorted(SECRETS))
async def test_everything_except_secrets_is_readable(
    reader: asyncpg.Connection, filled: Filled, table: str
) -> None:
    await reader.execute(NAMED, str(filled.ours))
    names = [c.name for c in metadata.tables[table].columns if c.name not in SECRETS[table]]
    listed = ", ".join(f'"{name}"' for name in names)
    assert await reader.fetch(f'SELECT {listed} FROM "{table}"')  # noqa: S608 - our own tables


def test_every_column_with_a_secret_name_is_secret_or_explained() -> None:
    sounding = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        if is_readable(table)
        for column in table.columns
        if LOOKS_SECRET.search(column.name)
    }
    secrets = {f"{table}.{column}" for table, names in SECRETS.items() for column in names}
    assert sounding - secrets == NO_SECRETS


async def test_a_readers_company_is_found_by_an_index_as_with_a_where(
    reader: asyncpg.Connection,
) -> None:
    await reader.execute("SET LOCAL enable_seqscan = off")  # so few rows are read as a whole
    plan = await reader.fetch('EXPLAIN SELECT id FROM "Tickets"')
    assert 'Cond: ("companyId" = (NULLIF(current_setting(' in "".join(row[0] for row in plan)


async def _companies(conn: asyncpg.Connection, table: str) -> set[int | None]:
    """Return the companies whose rows are visible."""
    column = "id" if table == "Companies" else find_company_column(metadata.tables[table])
    rows = await conn.fetch(f'SELECT "{column}" AS company FROM "{table}"')  # noqa: S608 - our own tables
    return {row["company"] for row in rows}


async def _filled(url: str) -> tuple[int, int]:
    conn = await asyncpg.connect(url)
    try:
        return await fill(conn, Rows(conn, await catalog.read(url)))
    finally:
        await conn.close()
