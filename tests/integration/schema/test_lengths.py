"""Text that an index holds has a length: the longest row is stored, a longer one is refused."""

import random
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import CheckConstraint, String
from sqlalchemy.exc import DBAPIError

from shared.db import migrations
from shared.schema import metadata
from shared.schema.lengths import LARGEST_INDEX_ROW, index_rows, longest
from tests.support import catalog, minimal
from tests.support.minimal import Rows

pytestmark = pytest.mark.integration

BYTES = 4  # of the longest character in UTF-8
OTHERS = 8 + 8 * 8  # bytes at most: a header, and whatever numbers are beside the text
BEFORE = "20261127120100"
NARROWER = {"Tickets.status", "DeadLetters.status", "Sends.status"}  # one of a few words
DIGITS = {"CampaignShipping.number"}

INDEXED = """
SELECT t.relname AS "table", c.relname AS index, a.attname AS "column"
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
JOIN pg_depend d ON d.objid = i.indexrelid AND d.refobjid = i.indrelid AND d.refobjsubid > 0
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> 'alembic_version'
  AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
"""


def noise(length: int) -> str:
    """Make text that is not compressible, of characters of four bytes each."""
    return "".join(chr(random.randrange(0x10000, 0x2FFFF)) for _ in range(length))


@pytest_asyncio.fixture
async def conn(shared_migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    found = await asyncpg.connect(shared_migrated_url)
    transaction = found.transaction()
    await transaction.start()
    yield found
    await transaction.rollback()
    await found.close()


def indexed_texts() -> dict[str, dict[str, int]]:
    """Name the columns of indexes that hold text, by table, with their lengths in characters."""
    found: dict[str, dict[str, int]] = {}
    for table in metadata.sorted_tables:
        for row in index_rows(table):
            for column in row:
                if isinstance(column.type, String):
                    length = longest(column)
                    assert length is not None, column
                    found.setdefault(table.name, {})[column.name] = length
    return found


def test_every_index_row_fits_whatever_its_text_is() -> None:
    for table in metadata.sorted_tables:
        for row in index_rows(table):
            widest = BYTES * sum(longest(column) or 0 for column in row)
            assert widest + OTHERS <= LARGEST_INDEX_ROW, (table.name, row)


async def test_every_text_that_postgres_says_is_indexed_has_a_length(
    shared_migrated_url: str, conn: asyncpg.Connection
) -> None:
    """Also where a migration makes an index that no class maps, or one on an expression."""
    live = await catalog.read(shared_migrated_url)
    checks = {check["name"] for table in live.values() for check in table["checks"]}
    without = [
        f"{row['table']}.{row['column']}"
        for row in await conn.fetch(INDEXED)
        if not longest(metadata.tables[row["table"]].columns[row["column"]])
        and f"ck_{row['table']}_{row['column']}_length" not in checks
    ]
    assert set(without) <= NARROWER, without


async def test_postgres_has_the_constraints_that_the_classes_have(
    conn: asyncpg.Connection,
) -> None:
    mapped = {
        str(constraint.name)
        for table in metadata.sorted_tables
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    live = await conn.fetch(
        "SELECT conname, convalidated FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid"
        " WHERE contype = 'c' AND t.relnamespace = 'public'::regnamespace"
    )
    assert {row["conname"] for row in live} == mapped
    assert all(row["convalidated"] for row in live)


@pytest.mark.parametrize("table", sorted(indexed_texts()))
async def test_a_row_as_long_as_may_be_is_stored_and_a_longer_one_blames_its_value(
    shared_migrated_url: str, conn: asyncpg.Connection, table: str
) -> None:
    rows: Rows = await minimal.rows(shared_migrated_url, conn)
    company = await rows.company()
    lengths = {
        column: length
        for column, length in indexed_texts()[table].items()
        if f"{table}.{column}" not in NARROWER | DIGITS
    }
    longest_row = {column: noise(length) for column, length in lengths.items()}
    assert await rows.attempt(table, company, longest_row) is None
    for column, length in lengths.items():
        refusal = await rows.attempt(table, company, longest_row | {column: noise(length + 1)})
        assert refusal is not None
        assert (refusal.sqlstate or "")[:2] in {"22", "23"}, (column, refusal)


async def test_a_row_that_is_too_long_already_stays_and_the_upgrade_goes_on(
    database_url: str,
) -> None:
    await migrations.upgrade(database_url, BEFORE)
    conn = await asyncpg.connect(database_url)
    try:
        company = await conn.fetchval("INSERT INTO \"Companies\" (name) VALUES ('A') RETURNING id")
        insert = 'INSERT INTO "Contacts" ("companyId", name, lid) VALUES ($1, \'Ana\', $2)'
        await conn.execute(insert, company, "1" * 300)
        await migrations.upgrade(database_url)
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(insert, company, "2" * 300)
        unvalidated = "SELECT conname FROM pg_constraint WHERE NOT convalidated"
        assert [row[0] for row in await conn.fetch(unvalidated)] == ["ck_Contacts_lid_length"]
        await conn.execute("UPDATE \"Contacts\" SET lid = '1@lid'")
        await conn.execute('ALTER TABLE "Contacts" VALIDATE CONSTRAINT "ck_Contacts_lid_length"')
        assert await conn.fetch(unvalidated) == []
    finally:
        await conn.close()


async def test_an_upgrade_that_met_a_lock_is_begun_again(database_url: str) -> None:
    """Until then the tables that it had come to have their constraints, and nothing is undone."""
    await migrations.upgrade(database_url, BEFORE)
    conn = await asyncpg.connect(database_url)
    try:
        async with conn.transaction():
            await conn.execute('LOCK TABLE "Contacts" IN ACCESS SHARE MODE')
            with pytest.raises(DBAPIError, match="lock timeout"):
                await migrations.upgrade(database_url)
        assert await migrations.current(database_url) == BEFORE
        await migrations.upgrade(database_url)
        constraints = "SELECT convalidated FROM pg_constraint WHERE conname LIKE '%_length'"
        assert {row[0] for row in await conn.fetch(constraints)} == {True}
    finally:
        await conn.close()
