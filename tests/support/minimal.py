"""Minimal rows of any table, built from the database's own catalog."""

from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg

from tests.support import catalog
from tests.support.catalog import Table

COMPANY_COLUMNS = ("companyId", "company_id")

VALUES: dict[str, object] = {
    "int": 1,
    "bigint": 1,
    "bytea": b"1",
    "timestamptz": datetime(2026, 1, 1, tzinfo=UTC),
    "numeric(10,2)": 1,
    "jsonb": "{}",
    "uuid": UUID(int=1),
}

Row = dict[str, Any]


class Rows:
    """Inserts rows, each with new parents."""

    def __init__(self, conn: asyncpg.Connection, tables: dict[str, Table]) -> None:
        self._conn = conn
        self._tables = tables
        self._numbers = count(1)

    async def company(self) -> int:
        """Insert a company and return its id."""
        name = f"company {next(self._numbers)}"
        found: int = await self._conn.fetchval(
            'INSERT INTO "Companies" (name) VALUES ($1) RETURNING id', name
        )
        return found

    async def insert(
        self, table: str, company: int, given: Row | None = None, *, all_parents: bool = False
    ) -> Row:
        """Insert a row of a company with its required parents, or with all; return the row."""
        row = await self._values(table, company, given, all_parents=all_parents)
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        sql = f'INSERT INTO "{table}" ({names}) VALUES ({marks}) RETURNING *'  # noqa: S608
        (inserted,) = await self._conn.fetch(sql, *row.values())
        return dict(inserted)

    async def attempt(self, table: str, company: int, given: Row) -> asyncpg.PostgresError | None:
        """Insert a row and roll it back; return the error, if any."""
        transaction = self._conn.transaction()
        await transaction.start()
        try:
            await self.insert(table, company, given)
        except asyncpg.PostgresError as refusal:
            return refusal
        else:
            return None
        finally:
            await transaction.rollback()

    async def _values(
        self, table: str, company: int, given: Row | None, *, all_parents: bool
    ) -> Row:
        row = dict(given or {})
        described = self._tables[table]
        needed = {column["name"] for column in described["columns"] if _is_needed(column)}
        for key in described["foreignKeys"]:
            column = key["columns"][-1]
            parent = key["references"].partition(" ")[0]
            if column in row or (column not in needed and not all_parents):
                continue
            if column in COMPANY_COLUMNS:
                row[column] = company
            elif parent != table:
                row[column] = (await self.insert(parent, company))["id"]
        for column in described["columns"]:
            if column["name"] in needed and column["name"] not in row:
                row[column["name"]] = self._value(column, company)
        return row

    def _value(self, column: Table, company: int) -> object:
        if column["name"] in COMPANY_COLUMNS:
            return company
        if column["name"] == "number":
            return f"{5511900000000 + next(self._numbers)}"
        if column["type"] == "text" or column["type"].startswith("varchar"):
            return f"{column['name']} {next(self._numbers)}"
        return VALUES[column["type"]]


def _is_needed(column: Table) -> bool:
    return not column.get("null") and "default" not in column


async def rows(url: str, conn: asyncpg.Connection) -> Rows:
    """Read the catalog of a database and build rows for it."""
    return Rows(conn, await catalog.read(url))
