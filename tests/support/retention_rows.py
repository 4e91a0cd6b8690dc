"""Rows of a company that keeps messages for a year and closed tickets for half a year."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.contracts.base import Event
from shared.records import retention_store
from shared.records.retention_runner import begin_daily, delete_portions
from shared.records.retention_store import MESSAGES, TICKETS, NewRetentionPurge, RetentionPurge
from tests.support.minimal import Rows

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
YEAR_AGO = NOW - timedelta(days=365)
HALF_YEAR_AGO = NOW - timedelta(days=182)
DAY = timedelta(days=1)
OLD, RECENT = YEAR_AGO - DAY, YEAR_AGO + DAY
LONG_CLOSED, LATELY_CLOSED = HALF_YEAR_AGO - DAY, HALF_YEAR_AGO + DAY


@dataclass
class Kept:
    """A database with a company that keeps messages for a year, closed tickets for half a year."""

    conn: asyncpg.Connection
    engine: AsyncEngine
    rows: Rows
    company: int

    async def ticket(self, **given: object) -> dict[str, Any]:
        """Insert a ticket; one that is closed was not changed since."""
        row = {"status": "closed", "closedAt": LONG_CLOSED, **given}
        row.setdefault("updatedAt", row["closedAt"] or LONG_CLOSED)
        return await self.rows.insert("Tickets", self.company, row)

    async def message(self, ticket: dict[str, Any], at: datetime, **given: object) -> int:
        """Insert a message of a ticket; return its id."""
        row = {"ticketId": ticket["id"], "whatsappId": ticket["whatsappId"], "createdAt": at}
        inserted = await self.rows.insert("Messages", ticket["companyId"], row | given)
        return int(inserted["id"])

    async def ids(self, table: str) -> set[int]:
        """Return the ids of a table."""
        found = await self.conn.fetch(f'SELECT id FROM "{table}"')  # noqa: S608 - our own tables
        return {row["id"] for row in found}

    async def begin(self, now: datetime = NOW) -> None:
        """Begin what is due in both services."""
        for table in (MESSAGES, TICKETS):
            async with self.engine.begin() as conn:
                await begin_daily(conn, table, now)

    async def delete(self, table: str) -> list[Event]:
        """Delete all portions of a table, each in a transaction; return the facts."""
        facts: list[Event] = []
        while True:
            async with self.engine.begin() as conn:
                found = await delete_portions(conn, table)
            if found is None:
                return facts
            facts += found

    async def purge(self, now: datetime = NOW) -> list[Event]:
        """Run the day's retention of messages, then of tickets."""
        await self.begin(now)
        facts = await self.delete(MESSAGES)
        await self.begin(now)
        return facts + await self.delete(TICKETS)

    async def begin_one(
        self, table: str, older_than: datetime, unchanged_since: datetime | None = None
    ) -> RetentionPurge | None:
        """Begin a purge as a command does; return it if it may run now."""
        async with self.engine.begin() as conn:
            asked = NewRetentionPurge(
                self.company, table, "by-hand", "Ana", older_than, unchanged_since
            )
            await retention_store.begin(conn, [asked])
            return next(iter(await retention_store.load_open(conn, table)), None)

    async def reports(self) -> list[tuple[str, int, dict[str, int]]]:
        """Return the finished purges: table, company, deleted rows by table."""
        found = await self.conn.fetch(
            """SELECT "tableName", "companyId", removed FROM "Purges"
            WHERE "finishedAt" IS NOT NULL ORDER BY id"""
        )
        return [(row[0], row[1], json.loads(row[2])) for row in found]


@asynccontextmanager
async def open_engine(url: str) -> AsyncIterator[AsyncEngine]:
    asynchronous = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    made = create_async_engine(asynchronous, poolclass=NullPool)
    yield made
    await made.dispose()


async def insert_company(rows: Rows, message_days: int | None, ticket_days: int | None) -> int:
    company = await rows.company()
    limits = {"messageRetentionDays": message_days, "closedTicketRetentionDays": ticket_days}
    await rows.insert("CompaniesSettings", company, limits)
    return company
