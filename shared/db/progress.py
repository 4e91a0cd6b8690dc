"""Says, while a migration runs, for how long it has, and which sessions it waits for."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.bulk import statement

Report = Callable[[str], None]

INTERVAL_S = 3.0

BLOCKING = statement("""
SELECT a.pid, a.usename::text AS login, a.application_name AS program, a.state,
       extract(epoch FROM clock_timestamp() - COALESCE(a.xact_start, a.query_start))::int AS seconds
FROM unnest(pg_blocking_pids(:pid)) AS b(pid) JOIN pg_stat_activity a ON a.pid = b.pid
ORDER BY a.xact_start LIMIT 3
""")

HOLDERS = statement("""
SELECT a.pid, a.usename::text AS login, a.application_name AS program, a.state,
       extract(epoch FROM clock_timestamp() - a.backend_start)::int AS seconds
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.classid = (CAST(:key AS bigint) >> 32)::oid
  AND l.objid = (CAST(:key AS bigint) & 4294967295)::oid
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


@asynccontextmanager
async def report_progress(
    engine: AsyncEngine, pid: int, name: str, report: Report
) -> AsyncIterator[None]:
    """Report each few seconds until the block ends; `pid` is the session that is watched."""
    watching = asyncio.create_task(_watch(engine, pid, name, report))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(engine: AsyncEngine, pid: int, name: str, report: Report) -> None:
    started = time.monotonic()
    while True:
        await asyncio.sleep(INTERVAL_S)
        seconds = round(time.monotonic() - started)
        try:
            async with engine.connect() as conn:
                blocking = (await conn.execute(BLOCKING, {"pid": pid})).all()
        except (OSError, DBAPIError) as error:
            report(f"{name} has run for {seconds} s ({type(error).__name__}: no more is known)")
            continue
        waits = "".join(f"; it waits for {describe_session(row)}" for row in blocking)
        report(f"{name} has run for {seconds} s{waits}")


def describe_session(row: Row[tuple[int, str, str, str, int]]) -> str:
    """Return who a session is and what it does, in words."""
    return (
        f"process {row.pid} of Postgres ({row.program or 'unnamed program'} as {row.login}, "
        f"{row.state or 'state not visible'}, for {row.seconds} s)"
    )
