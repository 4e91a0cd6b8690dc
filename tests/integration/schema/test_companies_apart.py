"""Foreign keys never join rows of two companies, and a company is deleted with its rows."""

import asyncpg
import pytest

from tests.support import catalog
from tests.support.catalog import Table
from tests.support.minimal import COMPANY_COLUMNS, Rows

pytestmark = pytest.mark.integration

# A purge may be asked for by the platform, and its rows may be of several companies.
OF_NO_TENANT = {"Companies (id)", "Plans (id)", "Purges (id)"}


async def test_two_companies_rows_cannot_be_joined_by_any_foreign_key(migrated_url: str) -> None:
    tables = await catalog.read(migrated_url)
    conn = await asyncpg.connect(migrated_url)
    try:
        rows = Rows(conn, tables)
        ours, theirs = await rows.company(), await rows.company()
        keys = _keys_between_tenants(tables)
        assert len(keys) > 90
        for table, key in keys:
            transaction = conn.transaction()
            await transaction.start()
            await _assert_stays_apart(rows, table, key, ours, theirs)
            await transaction.rollback()
    finally:
        await conn.close()


async def test_a_row_cannot_be_moved_to_another_companys_parent(migrated_url: str) -> None:
    tables = await catalog.read(migrated_url)
    conn = await asyncpg.connect(migrated_url)
    try:
        rows = Rows(conn, tables)
        ours, theirs = await rows.company(), await rows.company()
        for table, key in _keys_between_tenants(tables):
            transaction = conn.transaction()
            await transaction.start()
            parent, column = key["references"].partition(" ")[0], key["columns"][-1]
            theirs_of_table = await rows.insert(table, theirs, all_parents=True)
            our_parent = (await rows.insert(parent, ours))["id"]
            named = f'"{key["columns"][0]}" = $2'
            assert theirs_of_table[key["columns"][0]] == theirs
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                await conn.execute(
                    f'UPDATE "{table}" SET "{column}" = $1 WHERE {named}',  # noqa: S608 - our own tables
                    our_parent,
                    theirs,
                )
            await transaction.rollback()
    finally:
        await conn.close()


async def test_a_row_without_a_company_references_no_row_of_a_company(migrated_url: str) -> None:
    """Postgres does not check keys with a NULL, so the company must not be NULL."""
    tables = await catalog.read(migrated_url)
    conn = await asyncpg.connect(migrated_url)
    try:
        rows = Rows(conn, tables)
        ours = await rows.company()
        for table, key in _keys_between_tenants(tables):
            transaction = conn.transaction()
            await transaction.start()
            parent = (await rows.insert(key["references"].partition(" ")[0], ours))["id"]
            company, column = key["columns"]
            refused = await rows.attempt(table, ours, {company: None, column: parent})
            assert isinstance(refused, asyncpg.NotNullViolationError), (table, column)
            assert refused.column_name == company
            await transaction.rollback()
    finally:
        await conn.close()


async def test_every_reference_to_a_companys_row_is_a_key_with_the_company(
    migrated_url: str,
) -> None:
    tables = await catalog.read(migrated_url)
    alone = [
        (table, key["columns"], key["references"])
        for table, described in tables.items()
        for key in described["foreignKeys"]
        if len(key["columns"]) == 1 and key["references"] not in OF_NO_TENANT
    ]
    assert alone == []


async def test_deleting_a_company_deletes_all_its_rows_and_no_others(migrated_url: str) -> None:
    tables = await catalog.read(migrated_url)
    conn = await asyncpg.connect(migrated_url)
    try:
        rows = Rows(conn, tables)
        ours, theirs = await rows.company(), await rows.company()
        tenants = [name for name, table in tables.items() if _is_kept_by_company(table)]
        for table in tenants:
            for company in (ours, theirs):
                await rows.insert(table, company, all_parents=True)
        before = await _count(conn, tables, tenants, theirs)
        await conn.execute('DELETE FROM "Companies" WHERE id = $1', ours)
        assert set((await _count(conn, tables, tenants, ours)).values()) == {0}
        assert await _count(conn, tables, tenants, theirs) == before
    finally:
        await conn.close()


async def _assert_stays_apart(rows: Rows, table: str, key: Table, ours: int, theirs: int) -> None:
    parent, column = key["references"].partition(" ")[0], key["columns"][-1]
    our_parent = (await rows.insert(parent, ours))["id"]
    # The same row of the same company is taken: the other is refused for its company alone.
    same = await rows.attempt(table, ours, {column: our_parent})
    assert same is None
    refused = await rows.attempt(table, theirs, {column: our_parent})
    assert isinstance(refused, asyncpg.ForeignKeyViolationError)
    assert refused.constraint_name == f"fk_{table}_{'_'.join(key['columns'])}"


def _keys_between_tenants(tables: dict[str, Table]) -> list[tuple[str, Table]]:
    return [
        (table, key)
        for table, described in tables.items()
        for key in described["foreignKeys"]
        if key["references"] not in OF_NO_TENANT
    ]


def _is_kept_by_company(table: Table) -> bool:
    """Return whether rows are deleted with their company, or only mention one."""
    return any(key["columns"][0] in COMPANY_COLUMNS for key in table["foreignKeys"])


async def _count(
    conn: asyncpg.Connection, tables: dict[str, Table], names: list[str], company: int
) -> dict[str, int]:
    counted = {}
    for name in names:
        columns = {column["name"] for column in tables[name]["columns"]}
        column = next(each for each in COMPANY_COLUMNS if each in columns)
        sql = f'SELECT count(*) FROM "{name}" WHERE "{column}" = $1'  # noqa: S608 - our own tables
        counted[name] = await conn.fetchval(sql, company)
    return counted
