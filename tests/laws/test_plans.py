"""Plans of the workers' statements: right also on tables that were never analyzed.

Such tables are those of a new database that grew for a minute, also in sessions that planned the
statements when the tables were empty. Without statistics the planner takes columns for equally
selective, and reads a company to find one row of it.
"""

import importlib
import pkgutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import Dialect, TextClause, text
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

import services
import shared.delivery
import shared.records
from shared.db import engine as sessions
from shared.db.policies import quote_name
from shared.delivery.subscription import Timer
from shared.settings import DatabaseSettings
from tests.laws.samples import WORLD
from tests.laws.test_handlers import HANDLERS, TIMERS, build_batch
from tests.support.deployment import CONSUMERS
from tests.support.plan_rows import LARGE_TABLES, NEVER_ANALYZED, ROWS
from tests.support.plans import Executed, LargeTables, describe_large_tables, watch_plans
from tests.support.role_rows import login_of
from tests.support.servers import AHEAD, TestServers, cloned

pytestmark = pytest.mark.integration

FEW, MANY = 3, 100  # events of each contract
USED_BEFORE = ("contacts.identify_messages", "tickets.route_messages", "messages.store_messages")
TIMES_BEFORE = 6  # from the sixth time on, Postgres may keep a plan for all values
PAGES = 80  # of one statement, for each event; an insert into "Messages" alone touches fifty
PAGES_OF_HANDLERS = {
    # It marks all unread messages of each ticket, and each has thirteen indexes.
    "messages.mark_messages_read": 700,
}
SOME_PAGES = 60  # of a statement of a timer, which finds nothing due
VALUES: Mapping[str, Any] = {  # of parameters, by their types
    "bool": True,
    "bytea": b"",
    "date": datetime(2026, 8, 20, tzinfo=UTC).date(),
    "float8": 1.0,
    "int4": 1,
    "int8": 1,
    "interval": timedelta(days=1),
    "jsonb": "{}",
    "numeric": 1,
    "text": "a",
    "timestamptz": datetime(2026, 8, 20, tzinfo=UTC),
    "uuid": UUID(int=1),
    "varchar": "a",
}
LOOKUP = 'Index Scan using idx_a on "Tickets" t  (cost=0.28)\n        Index Cond: {}'
WIDE = {
    # It reads the pending tickets of queues with a router, which are few.
    "services.tickets.timers.store.OF_ROUTERS",
}


DIALECT: Dialect = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
STATISTICS = ("never analyzed", "analyzed")
CASES: dict[str, Any] = {str(case.id): case.values[0] for case in (*HANDLERS, *TIMERS)}


def collect_statements() -> dict[str, TextClause]:
    """Return the statements of all services, and of what they share, by module and name."""
    found: dict[str, TextClause] = {}
    for package in (services, shared.delivery, shared.records):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, TextClause) and value not in found.values():
                    found[f"{module.name}.{name}"] = value
    return found


STATEMENTS = collect_statements()


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen with and without statistics: runs of cases, and plans of statements."""

    large: LargeTables
    runs: dict[tuple[str, str, int], list[Executed] | Exception] = field(default_factory=dict)
    plans: dict[tuple[str, str], str] = field(default_factory=dict)

    def read_run(self, statistics: str, name: str, size: int) -> list[Executed]:
        """Return the statements that ran for so many events; raise what the handler raised."""
        found = self.runs[statistics, name, size]
        if isinstance(found, Exception):
            raise found
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def measured(servers: TestServers, migrated_template: str) -> AsyncIterator[Measured]:
    """Fill a database behind a session's back; measure without statistics, then with them."""
    async with cloned(servers.database_url, migrated_template) as url:
        owner = await asyncpg.connect(url)
        for statements in (NEVER_ANALYZED, WORLD, AHEAD):
            await owner.execute(statements)
        roles = {service: await login_of(owner, service) for service in CONSUMERS}
        settings = DatabaseSettings.model_validate({"DATABASE_URL": url})
        engine = sessions.create_engine(settings, "tests", connections=1)
        for name in USED_BEFORE * TIMES_BEFORE:
            await run_case(engine, roles, name, 1)
        await owner.execute(ROWS)
        with pytest.MonkeyPatch.context() as patch:
            # The session's next statement is one of a minute later: it plans anew.
            patch.setattr(sessions, "read_clock", lambda: monotonic() + sessions.REPLAN_LAST_S)
            async with engine.connect() as conn:
                found = Measured(await describe_large_tables(conn, LARGE_TABLES))
            await measure(found, "never analyzed", engine, owner, roles)
            await owner.execute("VACUUM (ANALYZE)")
            await measure(found, "analyzed", engine, owner, roles)
        await engine.dispose()
        await owner.close()
        yield found


async def measure(
    found: Measured,
    statistics: str,
    engine: AsyncEngine,
    owner: asyncpg.Connection,
    roles: Mapping[str, str],
) -> None:
    """Run each case with few and many events, and explain each statement."""
    for name in CASES:
        for size in (FEW, MANY):
            found.runs[statistics, name, size] = await try_case(engine, roles, name, size)
    for name in STATEMENTS:
        found.plans[statistics, name] = await explain(owner, STATEMENTS[name])


async def run_case(
    engine: AsyncEngine, roles: Mapping[str, str], name: str, size: int
) -> list[Executed]:
    """Run a handler or a timer under its service's role, and roll it back."""
    case = CASES[name]
    async with engine.connect() as conn:
        await conn.execute(text(f"SET LOCAL ROLE {quote_name(roles[name.partition('.')[0]])}"))
        with watch_plans(conn) as executed:
            if isinstance(case, Timer):
                await case.handler(conn)
            else:
                await case.handler(conn, build_batch(case, size))
        await conn.rollback()
    return executed


async def try_case(
    engine: AsyncEngine, roles: Mapping[str, str], name: str, size: int
) -> list[Executed] | Exception:
    """Return the error instead, such as a statement that takes too long."""
    try:
        return await run_case(engine, roles, name, size)
    except DBAPIError as error:
        return error


async def explain(conn: asyncpg.Connection, statement: TextClause) -> str:
    """Plan a statement for three rows of made-up values."""
    sql = str(statement.compile(dialect=DIALECT))
    prepared = await conn.prepare(sql)
    values = [
        [VALUES[of.name.removesuffix("[]")]] * FEW if of.kind == "array" else VALUES[of.name]
        for of in prepared.get_parameters()
    ]
    return "\n".join(row[0] for row in await conn.fetch(f"EXPLAIN {sql}", *values))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("statistics", STATISTICS)
@pytest.mark.parametrize("name", CASES)
async def test_a_few_events_read_no_large_table_as_a_whole(
    measured: Measured, name: str, statistics: str
) -> None:
    for executed in measured.read_run(statistics, name, FEW):
        assert not measured.large.find_whole_scans(executed.plan), executed
        assert not measured.large.names & executed.whole_scans, executed


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("statistics", STATISTICS)
@pytest.mark.parametrize("name", CASES)
async def test_an_event_touches_few_pages(measured: Measured, name: str, statistics: str) -> None:
    case = CASES[name]
    events = 1 if isinstance(case, Timer) else len(build_batch(case, MANY))
    most = SOME_PAGES if isinstance(case, Timer) else PAGES_OF_HANDLERS.get(name, PAGES) * events
    for executed in measured.read_run(statistics, name, MANY):
        assert sum(executed.pages.values()) <= most, executed


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("statistics", STATISTICS)
@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_statement_finds_rows_of_large_tables_by_more_than_their_company(
    measured: Measured, name: str, statistics: str
) -> None:
    plan = measured.plans[statistics, name]
    assert not measured.large.find_whole_scans(plan), plan
    if name not in WIDE:
        assert not measured.large.find_wide_lookups(plan), plan


@pytest.mark.parametrize(
    ("plan", "whole", "wide"),
    [
        ('Seq Scan on "Tickets" t  (cost=0.00)', {"Tickets"}, 0),
        ('Seq Scan on "Queues" q  (cost=0.00)', set(), 0),
        (LOOKUP.format('("companyId" = b.company_id)'), set(), 1),
        (
            LOOKUP.format("""(("companyId" = b.x) AND ((status)::text = 'closed'::text))"""),
            set(),
            1,
        ),
        (LOOKUP.format('(("companyId" = b.company_id) AND (id = b.id))'), set(), 0),
        (LOOKUP.format('(ROW("companyId", id) > ROW(b.x, b.y))'), set(), 0),
    ],
)
def test_planted_plans_are_read(plan: str, whole: set[str], wide: int) -> None:
    large = LargeTables(frozenset({"Tickets"}), frozenset({"idx_a"}))
    assert large.find_whole_scans(plan) == whole
    assert len(large.find_wide_lookups(plan)) == wide
