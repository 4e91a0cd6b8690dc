"""Rows of any table to ask for, and what they hang on, made by the thousand."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from shared.records.rights import NEVER, PLATFORMS_WORD, RULES_WRITE
from shared.records.tables import RecordTable, tables
from tests.support.minimal import Rows

COMPANY = 9_000_000
OPTIONAL = 4  # columns beside those that a new row must have
A_HASH = "$2b$12$" + "a" * 53
SPACE = UUID(int=0)

Row = dict[str, Any]


def asks_as(table: RecordTable) -> int:
    """Say as which company one asks: as the platform where a company has but one row."""
    alone = table.natural == (table.company,)
    return 0 if table.company is None or alone else COMPANY


def columns_of(table: RecordTable) -> list[str]:
    """Choose the columns to be written: those that must, those that tell rows apart, and more."""
    closed = {
        *RULES_WRITE.get(table.name, ()),
        *NEVER.get(table.name, ()),
        *PLATFORMS_WORD.get(table.name, ()),
    }
    parents = {parent.column for parent in table.parents}
    must = {*table.wanted, *table.natural, *table.key} - {"id", table.company}
    more = [c for c in table.writable if c not in must | closed | parents]
    free = [c for c in more if c not in {"isDefault", "lid", "jid"}]
    return [c for c in table.writable if c in must or c in free[:OPTIONAL]]


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
    """Makes the parents of rows: one for all, or one for each where that tells them apart."""

    def __init__(self, conn: asyncpg.Connection, rows: Rows) -> None:
        self._conn = conn
        self._rows = rows
        self._made: dict[str, list[int]] = {}

    async def rows_of(self, table: RecordTable, count: int) -> list[Row]:
        """Build rows that can all be saved."""
        columns = columns_of(table)
        companies = await self._many("Companies", count) if asks_as(table) == 0 else []
        parents = {p.column: p.table for p in table.parents if p.column in columns}
        apart = self._apart(table, parents)
        ids = {
            column: await self._many(name, count if column == apart else 1)
            for column, name in parents.items()
        }
        found = []
        for n in range(count):
            row = {c: value(table, c, n) for c in columns if c not in parents}
            row |= {c: of[n if c == apart else 0] for c, of in ids.items()}
            if table.company and asks_as(table) == 0:
                row[table.company] = companies[n]
            found.append(row)
        return found

    def _apart(self, table: RecordTable, parents: Mapping[str, str]) -> str | None:
        """Name the parent that has to be another one in each row."""
        if table.name == "Tickets":
            return "contactId"
        names = [c for c in (table.natural or table.key) if c not in {table.company, "id"}]
        return names[-1] if names and all(name in parents for name in names) else None

    async def _many(self, name: str, count: int) -> list[int]:
        made = self._made.setdefault(name, [])
        while len(made) < count:
            if name == "Companies":
                made.append(await self._rows.company())
            else:
                made.append((await self._rows.insert(name, COMPANY))["id"])
        return made[:count]


def all_tables() -> list[str]:
    """Name all 55."""
    return list(tables())
