"""Length limits of indexed text: the longest is stored, a longer one refused."""

import random
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import CheckConstraint, String
from sqlalchemy.exc import DBAPIError

from shared.db import migrations
from shared.schema import metadata
from shared.schema.lengths import MAX_INDEX_ROW_BYTES, find_max_length, list_index_rows
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


def build_noise(length: int) -> str:
    """Return text that cannot be compressed, of characters of four bytes each."""
    return "".join(chr(random.randrange(0x10000, 0x2FFFF)) for _ in range(length))


@pytest_asyncio.fixture
async def conn(shared_migrated_url: str) -> AsyncIterator[asyncpg.Connection]:
    found = await asyncpg.connect(shared_migrated_url)
    transaction = found.transaction()
    await transaction.start()
    yield found
    await transaction.rollback()
    await found.close()


def list_indexed_text() -> dict[str, dict[str, int]]:
    """Return the indexed text columns by table, with their limits in characters."""
    found: dict[str, dict[str, int]] = {}
    for table in metadata.sorted_tables:
        for row in list_index_rows(table):
            for column in row:
                if isinstance(column.type, String):
                    length = find_max_length(column)
                    assert length is not None, column
                    found.setdefault(table.name, {})[column.name] = length
    return found


def test_every_index_row_fits_with_the_longest_text() -> None:
    for table in metadata.sorted_tables:
        for row in list_index_rows(table):
            widest = BYTES * sum(find_max_length(column) or 0 for column in row)
            assert widest + OTHERS <= MAX_INDEX_ROW_BYTES, (table.name, row)


async def test_every_text_that_is_indexed_in_postgres_has_a_limit(
    shared_migrated_url: str, conn: asyncpg.Connection
) -> None:
    """Also for indexes that only a migration creates, and for indexes on expressions."""
    live = await catalog.read(shared_migrated_url)
    checks = {check["name"] for table in live.values() for check in table["checks"]}
    without = [
        f"{row['table']}.{row['column']}"
        for row in await conn.fetch(INDEXED)
        if not find_max_length(metadata.tables[row["table"]].columns[row["column"]])
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


@pytest.mark.parametrize("table", sorted(list_indexed_text()))
async def test_the_longest_row_is_stored_and_the_error_of_a_longer_one_names_its_value(
    shared_migrated_url: str, conn: asyncpg.Connection, table: str
) -> None:
    rows: Rows = await minimal.rows(shared_migrated_url, conn)
    company = await rows.company()
    lengths = {
        column: length
        for column, length in list_indexed_text()[table].items()
        if f"{table}.{column}" not in NARROWER | DIGITS
    }
    longest_row = {column: build_noise(length) for column, length in lengths.items()}
    assert await rows.attempt(table, company, longest_row) is None
    for column, length in lengths.items():
        refusal = await rows.attempt(
            table, company, longest_row | {column: build_noise(length + 1)}
        )
        assert refusal is not None
        assert (refusal.sqlstate or "")[:2] in {"22", "23"}, (column, refusal)


async def test_an_existing_row_that_is_too_long_does_not_stop_the_upgrade(
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


async def test_an_upgrade_that_timed_out_on_a_lock_can_be_repeated(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables before it keep their constraints; nothing is undone."""
    monkeypatch.setattr(migrations, "LOCK_PAUSES_SECONDS", ())
    await migrations.upgrade(database_url, BEFORE)
    conn = await asyncpg.connect(database_url)
    try:
        async with conn.transaction():
            await conn.execute('LOCK TABLE "Contacts" IN ACCESS SHARE MODE')
            with pytest.raises(DBAPIError, match="lock timeout"):
                await migrations.upgrade(database_url)
        assert await migrations.read_current(database_url) == BEFORE
        await migrations.upgrade(database_url)
        constraints = "SELECT convalidated FROM pg_constraint WHERE conname LIKE '%_length'"
        assert {row[0] for row in await conn.fetch(constraints)} == {True}
    finally:
        await conn.close()
