"""Retention at scale beside traffic: `python -m tests.benchmarks.retention --scale 1`.

Twenty companies send at a steady rate, beside those of `chatia db generate`, whose messages of more
than a year and tickets closed half a year ago are deleted meanwhile. Printed are the delays without
and with the deletion, whether exactly the counted rows went, and the statements that took longest.
"""

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import typer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.archive import counts
from shared.archive.counts import Counted
from shared.embedded.servers import Servers
from shared.records import retention_store
from shared.records.retention_store import MESSAGES, TICKETS, NewRetentionPurge
from shared.retention import Cutoffs, count_age_back
from shared.settings import Settings
from tests.benchmarks import stage
from tests.benchmarks.load import Sender
from tests.benchmarks.purging import DRAINED_S, WARM_UP_S, Bench, show

FIRST = 50_001  # ids of the companies that send, and of their lines
OTHERS = [Sender(FIRST + n, 5.0, 40) for n in range(20)]
LOOK_S = 0.2
REQUEST = "benchmark"
LOGGED_MS = 50
LOG = Path("logs", "postgres.log")
DURATION = re.compile(rb"duration: ([0-9.]+) ms .*?: \s*(.{0,60})", re.DOTALL)

SENDING = (
    text("""INSERT INTO "Companies" (id, name)
    SELECT n, 'Empresa ' || n FROM generate_series(CAST(:first AS int), :last) AS n"""),
    text("""INSERT INTO "Whatsapps" (id, "companyId", name)
    SELECT n, n, 'Linha ' || n FROM generate_series(CAST(:first AS int), :last) AS n"""),
)
LEFT = text('SELECT count(*) FROM "Purges" WHERE "finishedAt" IS NULL')
REMOVED = text("""
SELECT each.key AS name, sum(each.value::bigint)::bigint AS rows
FROM "Purges", jsonb_each_text(removed) AS each GROUP BY 1 ORDER BY 1
""")


async def fill(running: Servers, settings: Settings, engine: AsyncEngine, scale: float) -> None:
    """Generate the companies with a history, then those that send."""
    await stage.prepare(running, settings, 0)
    arguments = [sys.executable, "-m", "shared.cli", "db", "generate", "--scale", str(scale)]
    environment = os.environ | {"DATABASE_URL": running.database_url}
    await asyncio.to_thread(subprocess.run, arguments, env=environment, check=True)
    async with engine.begin() as conn:
        for sql in SENDING:
            await conn.execute(sql, {"first": FIRST, "last": FIRST + len(OTHERS) - 1})
    for command in (
        f"ALTER SYSTEM SET log_min_duration_statement = {LOGGED_MS}",
        "SELECT pg_reload_conf()",
    ):
        autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with autocommit.connect() as conn:
            await conn.exec_driver_sql(command)


def find_limits(now: datetime) -> Cutoffs:
    """Return the times of a year and of half a year ago."""
    return Cutoffs(count_age_back(now, "1y"), count_age_back(now, "6m"))


async def count(engine: AsyncEngine, cutoffs: Cutoffs) -> list[Counted]:
    """Count what is older than the limits, as the command does."""
    async with engine.connect() as conn:
        companies = await counts.load_companies(conn, None)
        return [await counts.count_rows(conn, company.id, cutoffs) for company in companies]


async def begin(engine: AsyncEngine, counted: Sequence[Counted], cutoffs: Cutoffs) -> None:
    """Ask the workers to delete it."""
    times = ((MESSAGES, cutoffs.messages), (TICKETS, cutoffs.closed_tickets))
    purges = [
        NewRetentionPurge(each.company_id, table, REQUEST, None, older_than)
        for each in counted
        for table, older_than in times
        if older_than is not None and (each.messages or each.tickets)
    ]
    async with engine.begin() as conn:
        await retention_store.begin(conn, purges)


async def until_left(engine: AsyncEngine, most: int) -> float:
    """Wait until at most so many purges have not ended; return seconds."""
    began = time.monotonic()
    while True:
        async with engine.connect() as conn:
            if (await conn.scalar(LEFT) or 0) <= most:
                return time.monotonic() - began
        await asyncio.sleep(LOOK_S)


def find_longest(log: bytes, most: int = 5) -> list[tuple[float, str]]:
    """Return the longest statements of a log of Postgres: milliseconds, and how it begins."""
    found = [
        (float(ms), " ".join(sql.decode("utf-8", "replace").split()))
        for ms, sql in DURATION.findall(log)
    ]
    return sorted(found, reverse=True)[:most]


async def compare(arguments: argparse.Namespace, running: Servers, settings: Settings) -> None:
    """Measure the traffic alone, then beside the deletion, and prove the counts."""
    async with AsyncExitStack() as stack:
        engine = create_async_engine(settings.database.url, poolclass=NullPool)
        stack.push_async_callback(engine.dispose)
        await fill(running, settings, engine, arguments.scale)
        load = await stack.enter_async_context(stage.load(settings))
        bench = Bench(settings, engine, load)
        cutoffs = find_limits(datetime.now(UTC))
        counted = await count(engine, cutoffs)
        if arguments.kill:
            await killed(engine, running, counted, cutoffs)
            from_here = 0
        else:
            from_here = await beside(bench, running, counted, cutoffs, arguments.seconds)
        await report(engine, counted, (running.state / LOG).read_bytes()[from_here:])


async def beside(
    bench: Bench, running: Servers, counted: Sequence[Counted], cutoffs: Cutoffs, seconds: float
) -> int:
    """Print the delays without and with the deletion; return where Postgres' log was before it."""
    async with stage.workers(running, {}):
        await bench.load.run(OTHERS, WARM_UP_S)
        await bench.load.settled(DRAINED_S)
        alone = await bench.others(seconds, OTHERS)
        show("alone", alone)
        from_here = (running.state / LOG).stat().st_size
        async with asyncio.TaskGroup() as group:
            measured = group.create_task(bench.others(seconds, OTHERS))
            await asyncio.sleep(WARM_UP_S)
            await begin(bench.engine, counted, cutoffs)
            took = group.create_task(until_left(bench.engine, 0))
        found = measured.result()
        show("beside the deletion", {**found, "purge_s": took.result()})
    typer.echo(f"p95 x {found['p95'] / alone['p95']:.2f}")
    return from_here


async def killed(
    engine: AsyncEngine, running: Servers, counted: Sequence[Counted], cutoffs: Cutoffs
) -> None:
    """Kill all workers when half of the purges have ended, start others, and wait for the end."""
    processes = [stage.start(running, name, {}) for name in stage.SERVICES]
    await begin(engine, counted, cutoffs)
    await until_left(engine, sum(1 for each in counted if each.messages))
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    await asyncio.gather(*(asyncio.to_thread(process.stop) for process in processes))
    async with stage.workers(running, {}):
        show("killed in the middle", {"s_after_restart": await until_left(engine, 0)})


async def report(engine: AsyncEngine, counted: Sequence[Counted], log: bytes) -> None:
    """Print what was deleted, and the statements of a log of Postgres that took longest."""
    async with engine.connect() as conn:
        removed = Counter({row.name: row.rows for row in await conn.execute(REMOVED)})
    expected = (sum(each.messages for each in counted), sum(each.tickets for each in counted))
    typer.echo(f"counted {expected}, deleted {(removed[MESSAGES], removed[TICKETS])}")
    typer.echo(f"by table: {dict(removed)}")
    for ms, sql in find_longest(log):
        typer.echo(f"{ms:.0f} ms: {sql}")


def main(words: Sequence[str] | None = None) -> None:
    """Parse arguments, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kill", action="store_true", help="kill all workers in the middle")
    parser.add_argument("--state", type=Path, help="keep servers and logs here")
    arguments = parser.parse_args(words)
    with (
        tempfile.TemporaryDirectory(prefix="chatia-retention-") as folder,
        stage.servers(arguments.state or Path(folder)) as (running, settings),
    ):
        asyncio.run(compare(arguments, running, settings))


if __name__ == "__main__":
    main()
