"""The statements that take the most time: of pg_stat_statements, else those that run now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.db.errors import read_sqlstate
from shared.doctor.literals import blank_literals

NOT_LOADED = "55000"  # SQLSTATE: the extension is created, and its library not loaded

EXISTS = statement("SELECT to_regclass('pg_stat_statements') IS NOT NULL")

# Of Postgres 13 and later. Rows of all roles, of this database only.
STATEMENTS = statement("""
SELECT s.calls::bigint, s.total_exec_time::float8 AS total_ms, s.mean_exec_time::float8 AS mean_ms,
       s.max_exec_time::float8 AS max_ms, s.rows::bigint,
       (s.shared_blks_hit + s.shared_blks_read)::bigint AS pages,
       COALESCE(pg_get_userbyid(s.userid)::text, '') AS login, COALESCE(s.query, '') AS query
FROM pg_stat_statements s
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY s.total_exec_time DESC LIMIT :most
""")

RUNNING = statement("""
SELECT pid, extract(epoch FROM clock_timestamp() - query_start)::float8 AS seconds,
       usename::text AS login, application_name AS program,
       COALESCE(wait_event_type || ': ' || wait_event, '') AS waits_for,
       COALESCE(query, '') AS query
FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND backend_type = 'client backend'
  AND pid <> pg_backend_pid()
ORDER BY query_start LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class SlowStatement:
    """A kind of statement, with its times in milliseconds and pages since statistics began.

    The statement has no literals.
    """

    calls: int
    total_ms: float
    mean_ms: float
    max_ms: float
    rows: int
    pages: int
    login: str
    query: str


@dataclass(frozen=True, slots=True)
class RunningStatement:
    """A statement that runs now, for some seconds, without literals."""

    pid: int
    seconds: float
    login: str
    program: str
    waits_for: str
    query: str


async def load_slow(conn: AsyncConnection, most: int) -> Sequence[SlowStatement] | None:
    """Load the statements with the most time in all; None if pg_stat_statements is not there.

    `conn` is in autocommit mode.
    """
    if not await conn.scalar(EXISTS):
        return None
    try:
        rows = (await conn.execute(STATEMENTS, {"most": most})).all()
    except DBAPIError as error:
        if read_sqlstate(error) != NOT_LOADED:
            raise
        return None
    return [replace(SlowStatement(*row), query=blank_literals(row.query)) for row in rows]


async def load_running(conn: AsyncConnection, most: int) -> list[RunningStatement]:
    """Load the statements that run now in other sessions of this database, the oldest first."""
    rows = await conn.execute(RUNNING, {"most": most})
    return [replace(RunningStatement(*row), query=blank_literals(row.query)) for row in rows]
