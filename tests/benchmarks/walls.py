"""The cost of tenant isolation: `python -m tests.benchmarks.walls`.

Composite foreign keys against plain ones, on two copies of "Messages" in one database; row-level
security on the messages service's own batches, by its role and by the owner; and on a ticket list,
by a reader and by the owner with a WHERE. Measurements take turns; medians of the repetitions are
printed.
"""

import argparse
import asyncio
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

import typer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.db import roles
from shared.db.bulk import statement
from shared.db.engine import create_engine
from shared.db.policies import set_company
from shared.embedded.servers import Servers, run_servers
from shared.settings import DatabaseSettings
from tests.benchmarks import checkpoints
from tests.benchmarks.checkpoints import Bench

COMPANIES, TICKETS_OF_ONE = 50, 1_000
ROWS, BATCHES = 2_000, 5  # of a measurement with copies
TAKEN, TAKINGS = 1_000, 2  # records of a batch: batches of a measurement
LISTINGS = 50  # of a measurement
SHOWN = 40  # tickets of a list
APART = 10_000_000  # between the ids of messages that two benches make
OURS = 25  # the company whose tickets are listed

# Beside what the batches need: company 1, line 10, tickets 1 to 50.
STAGE = (
    """INSERT INTO "Companies" (id, name)
    SELECT 100 + n, 'Empresa ' || n FROM generate_series(1, :companies) AS n""",
    """INSERT INTO "Whatsapps" (id, "companyId", name)
    SELECT id, id, 'Linha' FROM "Companies" WHERE id > 100""",
    """INSERT INTO "Contacts" (id, "companyId", name, number)
    SELECT 1000 + c.id * :tickets + n, c.id, 'Pessoa ' || n, '55119' || n
    FROM "Companies" c, generate_series(1, :tickets) AS n WHERE c.id > 100""",
    'ANALYZE "Contacts"',  # else each key is looked for by reading all of them
    """INSERT INTO "Tickets" (id, "companyId", "contactId", "whatsappId", status, "updatedAt")
    SELECT id, "companyId", id, "companyId",
           CASE WHEN id % 4 = 0 THEN 'open' ELSE 'closed' END, now() - random() * interval '90 days'
    FROM "Contacts" WHERE "companyId" > 100""",
)
FOREIGN_KEYS = text("""
SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint
WHERE conrelid = 'public."Messages"'::regclass AND contype = 'f' ORDER BY conname
""")
PAIR = re.compile(r'\("companyId", ("\w+")\)|\("companyId", (id)\)')
PARENTS_KEY = text("""
SELECT relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE i.indrelid = 'public.plain'::regclass AND i.indisunique AND NOT i.indisprimary
  AND pg_get_indexdef(i.indexrelid) LIKE '%("companyId", id)'
""")
INSERT = """
INSERT INTO {table} (id, "companyId", "whatsappId", "contactId", "ticketId", wid, body, "createdAt")
SELECT n, t."companyId", t."whatsappId", t."contactId", t.id, 'W' || n,
       'Bom dia, gostaria de saber se o pedido ' || n || ' já saiu para entrega.', now()
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
JOIN "Tickets" t ON t.id = 102001 + n * 7919 % {tickets}
"""
LIST = """
SELECT t.id, t.status, t."lastMessage", t."unreadMessages", c.name, c.number
FROM "Tickets" t JOIN "Contacts" c ON c."companyId" = t."companyId" AND c.id = t."contactId"
WHERE t.status = 'open' {condition} ORDER BY t."updatedAt" DESC LIMIT {shown}
"""
LIST_BY_OWNER = statement(LIST.format(shown=SHOWN, condition='AND t."companyId" = :company'))
LIST_BY_READER = statement(LIST.format(shown=SHOWN, condition=""))

Measured = Mapping[str, Callable[[], Awaitable[float]]]


async def make_copies(conn: AsyncConnection) -> None:
    """Make `composed`, with the keys of "Messages", and `plain`, as it would be without walls."""
    keys = (await conn.execute(FOREIGN_KEYS)).scalars().all()
    for table in ("composed", "plain"):
        await conn.execute(text(f'CREATE TABLE {table} (LIKE "Messages" INCLUDING ALL)'))
        for key in keys:
            definition = PAIR.sub(r"(\1\2)", key) if table == "plain" else key
            await conn.execute(text(f"ALTER TABLE {table} ADD {definition}"))
    for name in (await conn.execute(PARENTS_KEY)).scalars().all():
        await conn.execute(text(f'ALTER TABLE plain DROP CONSTRAINT "{name}"'))


def measure_inserts(engine: AsyncEngine, table: str) -> Callable[[], Awaitable[float]]:
    """Insert messages of all companies; return a measurement in ms per batch."""
    insert = statement(INSERT.format(table=table, tickets=TICKETS_OF_ONE, companies=COMPANIES))

    async def measure() -> float:
        async with engine.begin() as conn:
            await conn.execute(text(f"TRUNCATE {table}"))
        began = time.perf_counter()
        for batch in range(BATCHES):
            first = batch * ROWS + 1
            async with engine.begin() as conn:
                done = await conn.execute(insert, {"first": first, "last": first + ROWS - 1})
                assert done.rowcount == ROWS
        return (time.perf_counter() - began) * 1000 / BATCHES

    return measure


def measure_batches(bench: Bench) -> Callable[[], Awaitable[float]]:
    """Run batches as the messages service does; return a measurement in ms per batch."""

    async def measure() -> float:
        first, *batches = [bench.batch(TAKEN) for _ in range(TAKINGS + 1)]
        await bench.ways["bare"].take(first)  # warm-up
        began = time.perf_counter()
        for records in batches:
            await bench.ways["bare"].take(records)
        return (time.perf_counter() - began) * 1000 / TAKINGS

    return measure


def measure_lists(engine: AsyncEngine, *, as_reader: bool) -> Callable[[], Awaitable[float]]:
    """List a company's open tickets, newest first; return a measurement in ms per list."""
    query, values = (LIST_BY_READER, {}) if as_reader else (LIST_BY_OWNER, {"company": 100 + OURS})

    async def measure() -> float:
        async with engine.begin() as conn:
            await set_company(conn, 100 + OURS)
            await conn.execute(query, values)
            began = time.perf_counter()
            for _ in range(LISTINGS):
                assert len((await conn.execute(query, values)).all()) == SHOWN
            return (time.perf_counter() - began) * 1000 / LISTINGS

    return measure


@asynccontextmanager
async def prepare_measurements(running: Servers) -> AsyncIterator[Measured]:
    """Create roles, companies and copies of tables; yield the measurements by name."""
    owner = DatabaseSettings.model_validate({"DATABASE_URL": running.database_url})

    def under(role: str) -> DatabaseSettings:
        return owner.with_login(roles.name_role(owner.database, role), running.role_passwords[role])

    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(checkpoints.bench(running.database_url))
        async with own.engine.begin() as conn:
            sizes = {"companies": COMPANIES, "tickets": TICKETS_OF_ONE}
            for command in STAGE:
                await conn.execute(text(command), sizes)
            await make_copies(conn)
            await roles.apply(conn, running.role_passwords)
        async with own.engine.connect() as conn:  # before autovacuum does, between two ways
            outside = await conn.execution_options(isolation_level="AUTOCOMMIT")
            await outside.execute(text("VACUUM (ANALYZE)"))
        engines = {
            name: create_engine(under(name), "chatia-benchmark") for name in ("messages", "reader")
        }
        for engine in engines.values():
            stack.push_async_callback(engine.dispose)
        yield {
            "2,000 messages into a copy, plain keys": measure_inserts(own.engine, "plain"),
            "2,000 messages into a copy, composite keys": measure_inserts(own.engine, "composed"),
            "a batch of 1,000 by the owner": measure_batches(own),
            "a batch of 1,000 by the service's role": measure_batches(
                Bench(engines["messages"], APART)
            ),
            "a ticket list by the owner, with WHERE": measure_lists(own.engine, as_reader=False),
            "a ticket list by the reader": measure_lists(engines["reader"], as_reader=True),
        }


async def compare(running: Servers, repetitions: int) -> None:
    """Run every measurement in turn and print medians."""
    found: dict[str, list[float]] = defaultdict(list)
    async with prepare_measurements(running) as ways:
        for measure in ways.values():  # statements are prepared, pages are there
            await measure()
        for number in range(repetitions):
            for name, measure in sorted(ways.items(), reverse=number % 2 == 1):
                found[name].append(await measure())
    typer.echo("| what | ms, median | least | most |")
    typer.echo("|---|---:|---:|---:|")
    for name, all_ms in found.items():
        typer.echo(f"| {name} | {median(all_ms):,.2f} | {min(all_ms):,.2f} | {max(all_ms):,.2f} |")


def main() -> None:
    """Parse arguments, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=7)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="chatia-walls-") as folder,
        run_servers(Path(folder), kafka=False) as running,
    ):
        asyncio.run(compare(running, arguments.repetitions))


if __name__ == "__main__":
    main()
