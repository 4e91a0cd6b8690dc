"""Retention: what is deleted and counted, what stays, once a day, and from where it was stopped."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.contracts.base import Event
from shared.contracts.record import RecordDeleted
from shared.db import roles
from shared.records import retention_store
from shared.records.retention_store import MESSAGES, PORTION, TICKETS, NewRetentionPurge
from shared.records.retention_timer import begin_daily, build_retention_timer, delete_portions
from tests.support import minimal
from tests.support.minimal import Rows
from tests.support.servers import TestServers, cloned

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
YEAR_AGO = NOW - timedelta(days=365)
HALF_YEAR_AGO = NOW - timedelta(days=182)
DAY = timedelta(days=1)
OLD, RECENT = YEAR_AGO - DAY, YEAR_AGO + DAY
LONG_CLOSED, LATELY_CLOSED = HALF_YEAR_AGO - DAY, HALF_YEAR_AGO + DAY
MANY = """
INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "createdAt")
SELECT $1, $2, $3, 'old-' || n, 'Oi', $4::timestamptz + n * interval '1 second'
FROM generate_series(1, $5::int) AS n
"""


@dataclass
class Flow:
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(servers: TestServers, migrated_template: str) -> AsyncIterator[str]:
    """Create one database for all tests; each begins with no company."""
    async with cloned(servers.database_url, migrated_template) as made:
        yield made


@pytest_asyncio.fixture
async def flow(url: str) -> AsyncIterator[Flow]:
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_engine(url))
        conn = await asyncpg.connect(url)
        stack.push_async_callback(conn.close)
        for table in ("Companies", "Purges", "Checkpoints"):
            await conn.execute(f'DELETE FROM "{table}"')  # noqa: S608 - our own tables
        rows = await minimal.rows(url, conn)
        yield Flow(conn, engine, rows, await insert_company(rows, 365, 182))


async def test_messages_older_than_the_limit_go_with_all_that_depends_on_them(flow: Flow) -> None:
    ticket = await flow.ticket(status="open", closedAt=None)
    old = await flow.message(ticket, OLD)
    stays = await flow.message(ticket, RECENT, quotedMsgId=old)
    for table in ("Reactions", "MessageMarks", "AwaitedQuotes"):
        await flow.rows.insert(table, flow.company, {"messageId": old})
    await flow.rows.insert("Sends", flow.company, {"messageId": old})
    facts = await flow.purge()
    assert await flow.ids("Messages") == {stays}
    assert await flow.conn.fetchval('SELECT "quotedMsgId" FROM "Messages"') is None
    assert await flow.conn.fetchval('SELECT count("messageId") FROM "Sends"') == 0
    counted = {
        "Messages": 1, "Reactions": 1, "MessageMarks": 1, "AwaitedQuotes": 1, "Sends.messageId": 1,
    }  # fmt: skip
    assert (await flow.reports())[0] == ("Messages", flow.company, counted)
    (fact,) = facts
    assert isinstance(fact, RecordDeleted)
    assert (fact.table, fact.removed, fact.deleted) == ("Messages", counted, {})


async def test_a_ticket_that_is_not_closed_stays_with_its_preview(flow: Flow) -> None:
    ticket = await flow.ticket(status="pending", closedAt=None, lastMessage="Até logo")
    await flow.message(ticket, OLD)
    await flow.purge()
    assert await flow.ids("Messages") == set()
    (row,) = await flow.conn.fetch('SELECT status, "lastMessage" FROM "Tickets"')
    assert tuple(row) == ("pending", "Até logo")


async def test_a_closed_ticket_goes_only_when_all_its_messages_have_gone(flow: Flow) -> None:
    goes, stays = await flow.ticket(), await flow.ticket()
    await flow.message(goes, OLD)
    await flow.message(stays, OLD)
    kept = await flow.message(stays, RECENT)
    await flow.purge()
    assert await flow.ids("Tickets") == {stays["id"]}
    assert await flow.ids("Messages") == {kept}


@pytest.mark.parametrize(
    "given",
    [
        {"closedAt": LATELY_CLOSED},
        {"closedAt": None, "updatedAt": LATELY_CLOSED},
        {"closedAt": LONG_CLOSED, "updatedAt": LATELY_CLOSED},
        {"status": "open", "closedAt": LONG_CLOSED, "updatedAt": LONG_CLOSED},
    ],
    ids=["closed lately", "changed lately, without a time of closing", "changed lately", "open"],
)
async def test_a_ticket_stays_that_is_within_the_limit(
    flow: Flow, given: dict[str, object]
) -> None:
    ticket = await flow.ticket(**given)
    await flow.purge()
    assert await flow.ids("Tickets") == {ticket["id"]}


async def test_what_depends_on_a_ticket_goes_with_it_and_ratings_and_schedules_stay(
    flow: Flow,
) -> None:
    ticket = await flow.ticket()
    of_ticket = {"ticketId": ticket["id"]}
    deleted = ("TicketNotes", "TicketTags", "TicketTraking", "LogTickets", "LaneTimers")
    for table in (*deleted, "UserRatings", "Schedules"):
        await flow.rows.insert(table, flow.company, of_ticket)
    await flow.purge()
    counts = dict(next(removed for table, _, removed in await flow.reports() if table == TICKETS))
    assert counts == dict.fromkeys(deleted, 1) | {"Tickets": 1, "UserRatings.ticketId": 1}
    for table in ("UserRatings", "Schedules"):
        left = await flow.conn.fetch(f'SELECT "ticketId" FROM "{table}"')  # noqa: S608 - our own
        assert [row["ticketId"] for row in left] == [None]
    assert await flow.conn.fetchval('SELECT count(*) FROM "PurgedRows"') == 0


async def test_companies_without_a_limit_or_with_another_one_are_not_touched(flow: Flow) -> None:
    other = await insert_company(flow.rows, None, None)
    longer = await insert_company(flow.rows, 730, None)
    for company in (other, longer):
        ticket = await flow.rows.insert(
            "Tickets", company, {"status": "closed", "closedAt": OLD, "updatedAt": OLD}
        )
        await flow.message(ticket, OLD)
    await flow.message(await flow.ticket(), OLD)
    await flow.purge()
    left = await flow.conn.fetch('SELECT "companyId" FROM "Messages" ORDER BY 1')
    assert [row["companyId"] for row in left] == [other, longer]
    assert len(await flow.ids("Tickets")) == 2


@pytest.mark.parametrize(("at", "left"), [(YEAR_AGO, 1), (YEAR_AGO - timedelta(microseconds=1), 0)])
async def test_the_limit_is_exact(flow: Flow, at: datetime, left: int) -> None:
    await flow.message(await flow.ticket(status="open"), at)
    await flow.purge()
    assert len(await flow.ids("Messages")) == left


async def test_a_company_is_purged_once_a_day_by_any_number_of_workers(flow: Flow) -> None:
    await flow.begin()
    await flow.begin(NOW + timedelta(hours=17))
    assert len(await flow.ids("Purges")) == 1  # tickets wait for the messages
    await flow.delete(MESSAGES)
    await flow.begin()
    await flow.begin()
    assert len(await flow.ids("Purges")) == 2
    await flow.delete(TICKETS)
    await flow.begin(NOW + timedelta(hours=18))  # six in the morning
    assert len(await flow.ids("Purges")) == 3


async def test_the_report_of_a_purge_is_kept_for_ninety_days(flow: Flow) -> None:
    await flow.purge()
    await flow.conn.execute(
        """UPDATE "Purges" SET "finishedAt" = CASE "tableName" WHEN 'Messages' THEN
             $1::timestamptz ELSE $1::timestamptz - interval '1 second' END""",
        NOW + DAY - 90 * DAY,
    )
    await flow.begin(NOW + DAY)
    await flow.delete(MESSAGES)
    await flow.begin(NOW + DAY)
    assert [table for table, *_ in await flow.reports()] == ["Messages", "Messages"]


async def test_every_portion_is_counted_and_a_stopped_purge_goes_on(flow: Flow) -> None:
    ticket = await flow.ticket()
    many = 2 * PORTION[MESSAGES] + 7
    await flow.conn.execute(MANY, flow.company, ticket["whatsappId"], ticket["id"], OLD - DAY, many)
    await flow.begin()
    async with flow.engine.connect() as conn:  # the process dies before the commit
        await delete_portions(conn, MESSAGES)
    assert len(await flow.ids("Messages")) == many
    async with flow.engine.begin() as conn:
        await delete_portions(conn, MESSAGES)
    assert len(await flow.ids("Messages")) == many - PORTION[MESSAGES]
    await flow.delete(MESSAGES)
    assert await flow.reports() == [("Messages", flow.company, {"Messages": many})]


async def test_messages_of_the_same_time_are_all_found(flow: Flow) -> None:
    ticket = await flow.ticket()
    many = PORTION[MESSAGES] + 3
    await flow.conn.execute(
        MANY.replace("n * interval '1 second'", "interval '0'"),
        flow.company, ticket["whatsappId"], ticket["id"], OLD, many,
    )  # fmt: skip
    await flow.message(ticket, OLD + timedelta(microseconds=1))
    await flow.purge()
    assert (await flow.reports())[0][2] == {"Messages": many + 1}


async def test_a_row_that_somebody_has_locked_goes_later(flow: Flow) -> None:
    first = await flow.message(await flow.ticket(), OLD - DAY)
    await flow.message(await flow.ticket(), OLD)
    await flow.begin()
    async with flow.engine.begin() as other:
        await other.exec_driver_sql(f'SELECT FROM "Messages" WHERE id = {first} FOR UPDATE')
        async with flow.engine.begin() as conn:
            assert await delete_portions(conn, MESSAGES) == []
        assert await flow.ids("Messages") == {first}
        assert await flow.reports() == []
    await flow.delete(MESSAGES)
    assert (await flow.reports())[0][2] == {"Messages": 2}


async def test_a_ticket_that_gets_a_message_while_it_is_chosen_stays(flow: Flow) -> None:
    ticket = await flow.ticket()
    await flow.purge(NOW - timedelta(days=3))  # nothing yet
    purge = await begin_by_hand(flow, TICKETS, HALF_YEAR_AGO)
    assert purge is not None
    async with flow.engine.begin() as conn:
        await flow.message(ticket, NOW)  # after the portion was found
        assert await retention_store.lock(conn, TICKETS, purge, [ticket["id"]]) == []


async def begin_by_hand(
    flow: Flow, table: str, older_than: datetime, unchanged_since: datetime | None = None
) -> retention_store.RetentionPurge | None:
    async with flow.engine.begin() as conn:
        asked = NewRetentionPurge(
            flow.company, table, "by-hand", "Ana", older_than, unchanged_since
        )
        await retention_store.begin(conn, [asked])
        found = await retention_store.load_open(conn, table)
    return next(iter(found), None)


async def test_rows_that_changed_after_they_were_archived_stay(flow: Flow) -> None:
    archived_at = datetime.now(UTC) - timedelta(hours=1)
    before, after = archived_at - DAY, archived_at + timedelta(seconds=1)
    ticket = await flow.ticket()
    await flow.message(ticket, OLD, updatedAt=before)
    edited = await flow.message(ticket, OLD - DAY, updatedAt=after)
    noted, forgotten = await flow.ticket(), await flow.ticket()
    for other, at in ((noted, after), (forgotten, before)):
        note = {"ticketId": other["id"], "updatedAt": at}
        await flow.rows.insert("TicketNotes", flow.company, note)
    await begin_by_hand(flow, MESSAGES, YEAR_AGO, archived_at)
    await begin_by_hand(flow, TICKETS, HALF_YEAR_AGO, archived_at)
    await flow.delete(MESSAGES)
    await flow.delete(TICKETS)
    assert await flow.ids("Messages") == {edited}
    assert await flow.ids("Tickets") == {ticket["id"], noted["id"]}


async def test_nothing_is_deleted_while_a_worker_is_behind(flow: Flow) -> None:
    await flow.message(await flow.ticket(), OLD)
    await flow.begin()
    await flow.conn.execute(
        """INSERT INTO "Checkpoints" (service, topic, partition, "nextOffset", "lastTimestamp")
        VALUES ('contacts', 't', 0, 9, extract(epoch FROM now()) * 1000 - 6000)"""
    )
    assert await flow.delete(MESSAGES) == []
    assert len(await flow.ids("Messages")) == 1
    await flow.conn.execute("""UPDATE "Checkpoints" SET "lastTimestamp" = "lastTimestamp" + 6000""")
    await flow.delete(MESSAGES)
    assert await flow.ids("Messages") == set()


async def test_each_service_deletes_under_its_own_login(flow: Flow) -> None:
    ticket = await flow.ticket()
    await flow.message(ticket, OLD)
    await flow.rows.insert("LogTickets", flow.company, {"ticketId": ticket["id"]})
    async with flow.engine.begin() as conn:
        await roles.apply(conn, {})
    database = str(await flow.conn.fetchval("SELECT current_database()"))
    for service in ("messages", "tickets"):
        await run_as(flow, roles.name_role(database, service), service)
    assert await flow.ids("Tickets") == set()


async def run_as(flow: Flow, role: str, service: str) -> None:
    """Run a service's timer under its role until it has nothing to do twice."""

    async def act(conn: AsyncConnection) -> bool:
        await conn.exec_driver_sql(f'SET LOCAL ROLE "{role}"')
        return await build_retention_timer(service).handler(conn) is None

    idle = 0
    while idle < 2:
        async with flow.engine.begin() as conn:
            idle += await act(conn)
