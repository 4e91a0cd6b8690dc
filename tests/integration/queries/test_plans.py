"""Plans of queries on tens of thousands of rows: which index, and how many pages they touch.

Each is tried on tables that were never analyzed, as after the first minutes of a new database, and
on analyzed ones; for the company with most rows and for a small one.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
import pytest_asyncio

from shared.db.engine import create_engine
from shared.db.roles import READER
from shared.queries import contacts, messages, reports, tickets
from shared.queries.cursors import TimePlace, encode_time
from shared.queries.query import Query, explain
from shared.queries.reader import Readers
from shared.queries.reports import By
from shared.queries.tickets import RELATIONS, TicketFilters
from shared.settings import DatabaseSettings
from shared.time_zones import build_period
from tests.support.plans import INDEX, SEQUENTIAL
from tests.support.query_rows import MANY
from tests.support.role_rows import login_of
from tests.support.servers import TestServers, cloned

pytestmark = pytest.mark.integration

BIG, SMALL = 1, 3  # companies
TICKETS = {BIG: 1, SMALL: 9}  # the one of the big company has 8,000 messages
# Of tables with few rows, such as queues, reading all rows is the best plan.
LARGE_TABLES = {
    "Contacts",
    "Messages",
    "TicketTags",
    "TicketTraking",
    "Tickets",
    "UserRatings",
}
BUFFERS = re.compile(r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?")
ZONE = ZoneInfo("America/Sao_Paulo")
DAY = date(2026, 11, 30)
TODAY = build_period(ZONE, DAY, DAY)
MONTH = build_period(ZONE, date(2026, 11, 1), DAY)
LIST = "ix_Tickets_companyId_status_updatedAt_id"
ATTENDANCES = "ix_TicketTraking_companyId_createdAt"
MIDDLE = datetime(2026, 10, 15, tzinfo=UTC)
PLACE = encode_time("messages", TimePlace(MIDDLE, 30_500))
DEEP = encode_time("tickets", TimePlace(MIDDLE, 5_000))


@dataclass(frozen=True)
class Case:
    """A query of a company, an index that it uses, and the most pages that it touches.

    Without `is_stable` that is so on analyzed tables only.
    """

    build: Any
    index: str
    pages: int
    is_stable: bool = True


def list_tickets(**filters: Any) -> Any:
    return lambda company: tickets.build_list(
        company, TicketFilters(**filters), relations=RELATIONS
    )


CASES = {
    "a list of all": Case(list_tickets(), LIST, 2_000),
    "a list of those that are not closed": Case(
        list_tickets(statuses=["open", "pending"]), LIST, 1_500
    ),
    "a page in the middle": Case(
        lambda company: tickets.build_list(company, TicketFilters(), cursor=DEEP), LIST, 500
    ),
    "a list of unread": Case(
        list_tickets(statuses=["open", "pending"], only_unread=True), "", 2_500
    ),
    "a list since a time": Case(list_tickets(since=MIDDLE), LIST, 2_000),
    # Without statistics any column of a key seems to be as selective as the company.
    "a list of a contact": Case(
        list_tickets(contact_id=101), "idx_tickets_contact", 500, is_stable=False
    ),
    "counts by status": Case(tickets.build_counts_by_status, "", 1_500),
    "a count of one status": Case(lambda c: tickets.build_counts_by_status(c, ["open"]), "", 2_500),
    "created today": Case(lambda c: tickets.build_created(c, TODAY), LIST, 700),
    "last messages": Case(
        lambda c: messages.build_last(c, TICKETS[c]), "idx_messages_ticket_created", 300
    ),
    "messages before one": Case(
        lambda c: messages.build_last(c, TICKETS[c], before=PLACE),
        "idx_messages_ticket_created",
        300,
    ),
    "messages after one": Case(
        lambda c: messages.build_after(
            c, TICKETS[c], encode_time("messages", TimePlace(MIDDLE, 30_500))
        ),
        "idx_messages_ticket_created",
        300,
    ),
    "messages around one": Case(
        lambda c: messages.build_around(c, TICKETS[c], 34_000), "idx_messages_ticket_created", 300
    ),
    "unread messages": Case(
        lambda c: messages.build_unread(c, TICKETS[c]), "idx_messages_ticket_created", 300
    ),
    "a contact by number": Case(
        lambda c: contacts.build_by_number(c, "5511960000011"), "idx_contacts_company_number", 30
    ),
    "active contacts": Case(
        contacts.build_active, "ix_Contacts_companyId_name", 300, is_stable=False
    ),
    "contacts with open tickets": Case(contacts.build_with_open_tickets, "", 4_000),
    "counts of a month": Case(
        lambda c: reports.build_counts(c, MONTH, ZONE, By.QUEUE), ATTENDANCES, 6_000
    ),
    "times of a month": Case(
        lambda c: reports.build_times(c, MONTH, ZONE, By.DAY), ATTENDANCES, 60_000
    ),
    "ratings of a month": Case(
        lambda c: reports.build_ratings(c, MONTH, ZONE, By.USER),
        "ix_UserRatings_companyId_createdAt",
        6_000,
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(servers: TestServers, migrated_template: str) -> AsyncIterator[dict[str, Readers]]:
    """Fill a database, and analyze a copy of it."""
    async with AsyncExitStack() as stack:
        bare = await stack.enter_async_context(cloned(servers.database_url, migrated_template))
        role = await _run(bare, MANY)
        name = bare.rpartition("/")[2]
        analyzed = await stack.enter_async_context(cloned(servers.database_url, name))
        await _run(analyzed, "VACUUM (ANALYZE)")
        found = {}
        for kind, url in (("never analyzed", bare), ("analyzed", analyzed)):
            settings = DatabaseSettings.model_validate({"DATABASE_URL": url})
            engine = create_engine(settings, "tests", connections=1)
            stack.push_async_callback(engine.dispose)
            found[kind] = Readers(engine, role)
        yield found


async def _run(url: str, command: str) -> str:
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(command)
        return await login_of(conn, READER)
    finally:
        await conn.close()


async def read_plan(readers: Readers, company: int, query: Query[Any]) -> list[str]:
    async with readers.read(company) as reader:
        return await explain(reader.conn, query)


def count_pages(plan: list[str]) -> int:
    """Return the pages that the whole statement touched, in memory or not."""
    line = next(line for line in plan if "Buffers:" in line)
    found = BUFFERS.search(line)
    assert found, line
    return sum(int(number or 0) for number in found.groups())


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("company", [BIG, SMALL])
@pytest.mark.parametrize("statistics", ["never analyzed", "analyzed"])
@pytest.mark.parametrize("name", CASES)
async def test_a_query_uses_its_index_and_reads_no_large_table_as_a_whole(
    filled: dict[str, Readers], name: str, statistics: str, company: int
) -> None:
    case = CASES[name]
    plan = await read_plan(filled[statistics], company, case.build(company))
    text = "\n".join(plan)
    assert not LARGE_TABLES & set(SEQUENTIAL.findall(text)), text
    if statistics == "never analyzed" and not case.is_stable:
        return
    if case.index and company == BIG:  # of a small one, another index may be as good
        assert case.index in INDEX.findall(text), text
    assert count_pages(plan) <= case.pages, text


def test_a_planted_plan_is_read() -> None:
    plan = [
        "Limit  (actual rows=1)",
        "  Buffers: shared hit=3 read=4",
        '  ->  Index Scan Backward using "ix_A" on "Tickets" t',
        '  ->  Bitmap Index Scan on "ix_B"',
        '  ->  Parallel Seq Scan on "Messages" m',
        "        Buffers: shared hit=1",
    ]
    text = "\n".join(plan)
    assert count_pages(plan) == 7
    assert INDEX.findall(text) == ["ix_A", "ix_B"]
    assert SEQUENTIAL.findall(text) == ["Messages"]
