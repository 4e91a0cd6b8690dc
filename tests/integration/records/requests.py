"""Builders of valid rows of any table, with their parents."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from shared.records.protected_columns import NEVER_WRITTEN, PLATFORM_ONLY, RULES_WRITE
from shared.records.tables import RecordTable, get_tables
from tests.support.minimal import Rows

COMPANY = 9_000_000
OPTIONAL = 4  # columns beside those that a new row must have
A_HASH = "$2b$12$" + "a" * 53
SPACE = UUID(int=0)

Row = dict[str, Any]


def choose_company(table: RecordTable) -> int:
    """Return the company of requests: the platform where a company has only one row."""
    alone = table.natural_key == (table.company_column,)
    return 0 if table.company_column is None or alone else COMPANY


def choose_columns(table: RecordTable) -> list[str]:
    """Choose the columns to save: required ones, those of keys, and some more."""
    closed = {
        *RULES_WRITE.get(table.name, ()),
        *NEVER_WRITTEN.get(table.name, ()),
        *PLATFORM_ONLY.get(table.name, ()),
    }
    parents = {parent.column for parent in table.parents}
    must = {*table.required_columns, *table.natural_key, *table.key} - {"id", table.company_column}
    more = [c for c in table.writable_columns if c not in must | closed | parents]
    free = [c for c in more if c not in {"isDefault", "lid", "jid"}]
    return [c for c in table.writable_columns if c in must or c in free[:OPTIONAL]]


def value(table: RecordTable, column: str, n: int) -> Any:
    described = table.columns[column]
    if column == "passwordHash":
        return A_HASH
    if column == "number":
        return str(5521900000000 + n)
    values: Mapping[type, object] = {
        str: f"{column[:20]} no. {n}",
        int: n,
        float: n + 0.5,
        bool: bool(n % 2),
        Decimal: "1.25",
        datetime: datetime(2026, 1, 1, n % 24, tzinfo=UTC).isoformat(),
        UUID: str(uuid5(SPACE, str(n))),
    }
    return values.get(described.kind, {"n": n})


class Makers:
    """Inserts parents: one for all rows, or one for each where the key requires it."""

    def __init__(self, conn: asyncpg.Connection, rows: Rows) -> None:
        self._conn = conn
        self._rows = rows
        self._made: dict[str, list[int]] = {}

    async def build_rows(self, table: RecordTable, count: int) -> list[Row]:
        """Return rows that can all be saved."""
        columns = choose_columns(table)
        companies = (
            await self._insert_parents("Companies", count) if choose_company(table) == 0 else []
        )
        parents = {p.column: p.table for p in table.parents if p.column in columns}
        apart = self._find_distinct_parent(table, parents)
        ids = {
            column: await self._insert_parents(name, count if column == apart else 1)
            for column, name in parents.items()
        }
        found = []
        for n in range(count):
            row = {c: value(table, c, n) for c in columns if c not in parents}
            row |= {c: of[n if c == apart else 0] for c, of in ids.items()}
            if table.company_column and choose_company(table) == 0:
                row[table.company_column] = companies[n]
            found.append(row)
        return found

    def _find_distinct_parent(self, table: RecordTable, parents: Mapping[str, str]) -> str | None:
        """Return the column whose parent must differ in each row."""
        if table.name == "Tickets":
            return "contactId"
        names = [
            c for c in (table.natural_key or table.key) if c not in {table.company_column, "id"}
        ]
        return names[-1] if names and all(name in parents for name in names) else None

    async def _insert_parents(self, name: str, count: int) -> list[int]:
        made = self._made.setdefault(name, [])
        while len(made) < count:
            if name == "Companies":
                made.append(await self._rows.company())
            else:
                made.append((await self._rows.insert(name, COMPANY))["id"])
        return made[:count]


def list_tables() -> list[str]:
    """Return the names of all tables that requests may name."""
    return list(get_tables())
