"""The sessions of a database: long transactions, lock chains, and how many connections are left."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.doctor.findings import (
    Code,
    Examined,
    Finding,
    Limits,
    Severity,
    count,
    format_seconds,
)
from shared.doctor.literals import blank_literals
from shared.doctor.locks import Waiting, build_chains

SESSIONS = statement("""
SELECT a.pid, a.usename::text AS login, a.application_name AS program,
       COALESCE(a.state, '') AS state,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS transaction_s,
       extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS statement_s,
       COALESCE(a.wait_event_type || ': ' || a.wait_event, '') AS waits_for,
       COALESCE(a.query, '') AS query,
       CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) ELSE '{}' END AS blockers,
       l.waited_s, COALESCE(l.lock, '') AS lock
FROM pg_stat_activity a LEFT JOIN LATERAL (
  SELECT extract(epoch FROM clock_timestamp() - l.waitstart)::float8 AS waited_s,
         concat_ws(' ', l.mode, 'on', COALESCE(l.relation::regclass::text, l.locktype)) AS lock
  FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted LIMIT 1) AS l ON true
WHERE a.datname = current_database() AND a.backend_type = 'client backend'
  AND a.pid <> pg_backend_pid()
ORDER BY a.xact_start, a.pid
""")

PREPARED = statement("""
SELECT gid, owner::text AS login,
       extract(epoch FROM clock_timestamp() - prepared)::float8 AS seconds
FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared
""")

CONNECTIONS = statement("""
SELECT current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int
         - COALESCE(current_setting('reserved_connections', true), '0')::int AS room,
       d.datconnlimit AS database_room,
       count(a.pid)::int AS used,
       count(a.pid) FILTER (
         WHERE a.datname = current_database()
           AND a.application_name ~ '^chatia-(tickets|messages|contacts|campaigns)(-watch)?$'
       )::int AS by_workers,
       (SELECT count(*) FROM "Workers" WHERE "reportedAt" > now() - interval '30 seconds')::int
         AS workers
FROM pg_database d LEFT JOIN pg_stat_activity a ON a.backend_type = 'client backend'
WHERE d.datname = current_database()
GROUP BY d.oid, d.datconnlimit
""")


@dataclass(frozen=True, slots=True)
class Session:
    """A client's session; its statement has no literals, because they may be tenants' data."""

    pid: int
    login: str
    program: str
    state: str
    transaction_s: float | None
    statement_s: float | None
    waits_for: str
    query: str
    blockers: Sequence[int]
    waited_s: float | None
    lock: str

    @property
    def name(self) -> str:
        """Return who it is, in words."""
        return f"process {self.pid} ({self.program or 'unnamed program'} as {self.login})"


@dataclass(frozen=True, slots=True)
class Connections:
    """How many connections there may be, are used, and workers use and may use.

    `database_room` is the database's own limit, -1 for none.
    """

    room: int
    database_room: int
    used: int
    by_workers: int
    workers: int


async def load_sessions(conn: AsyncConnection) -> list[Session]:
    """Load the other sessions of this database, those with the oldest transactions first."""
    return [
        replace(Session(*row), query=blank_literals(row.query))
        for row in await conn.execute(SESSIONS)
    ]


async def find(examined: Examined) -> list[Finding]:
    """Find long and prepared transactions, sessions that block others, too few connections."""
    sessions = await load_sessions(examined.conn)
    prepared = [tuple(row) for row in await examined.conn.execute(PREPARED)]
    connections = Connections(*(await examined.conn.execute(CONNECTIONS)).one())
    limits = examined.limits
    short = judge_connections(connections, examined.settings.database.pool_max + 1)
    return [
        *([short] if short else []),
        *(found for session in sessions if (found := judge_transaction(session, limits))),
        *(judge_prepared(*each) for each in prepared if each[2] > limits.long_transaction_s),
        *judge_chains(sessions, limits),
    ]


def judge_transaction(session: Session, limits: Limits) -> Finding | None:
    """Return a finding if a transaction is open for too long."""
    seconds = session.transaction_s
    if seconds is None or seconds < limits.long_transaction_s:
        return None
    how = f"chatia db cancel {session.pid}"
    return Finding(
        Code.LONG_TRANSACTION,
        Severity.WARNING,
        f"The transaction of {session.name} is open for {format_seconds(seconds)}, "
        f"{session.state or 'state not visible'}.",
        "While it is open, VACUUM removes no row that was deleted since, and its locks stay.",
        how if session.state == "active" else f"{how} --terminate",
    )


def judge_prepared(gid: str, login: str, seconds: float) -> Finding:
    """Return the finding for a prepared transaction, which survives its session and restarts."""
    return Finding(
        Code.PREPARED_TRANSACTION,
        Severity.WARNING,
        f"The prepared transaction {gid} of {login} is open for {format_seconds(seconds)}.",
        "Its transaction manager has neither committed nor rolled it back; its locks stay, also "
        "over a restart. ChatIA Flow makes none.",
        f'psql "$DATABASE_URL" -c "ROLLBACK PREPARED \'{gid}\'"',
    )


def judge_chains(sessions: Sequence[Session], limits: Limits) -> list[Finding]:
    """Return a finding for each session that blocks others and waits for none itself."""
    by_pid = {session.pid: session for session in sessions}
    waiting = [Waiting(s.pid, tuple(s.blockers), s.waited_s or 0.0) for s in sessions if s.blockers]
    found = []
    for chain in build_chains(waiting):
        if chain.longest_s < limits.lock_wait_s:
            continue
        root = by_pid.get(chain.root)
        name = root.name if root else f"process {chain.root}, of another database or prepared"
        state = f", {root.state}," if root and root.state else ""
        found.append(
            Finding(
                Code.LOCK_CHAIN,
                Severity.WARNING,
                f"{name}{state} blocks {count(len(chain.members), 'session')}, the longest for "
                f"{format_seconds(chain.longest_s)}.",
                "It holds a lock that the others need, and they block each other in turn; workers "
                "give up after 10 s and try again.",
                f"chatia db locks; chatia db cancel {chain.root} --terminate",
            )
        )
    return found


def judge_connections(measured: Connections, per_worker: int) -> Finding | None:
    """Return a finding if connections are used up, or would be if all workers took theirs."""
    limits = [measured.room, *([measured.database_room] if measured.database_room >= 0 else [])]
    room = min(limits)
    others = measured.used - measured.by_workers
    needed = others + max(measured.workers * per_worker, measured.by_workers)
    if needed <= room:
        return None
    is_full = measured.used >= room
    return Finding(
        Code.CONNECTIONS_SHORT,
        Severity.ERROR if is_full else Severity.WARNING,
        f"Postgres takes {count(room, 'connection')}; {count(measured.workers, 'worker')} of "
        f"{per_worker} each and {count(others, 'other')} need {needed}, and {measured.used} are "
        "used now.",
        "max_connections, less what is reserved, or the database's own limit is too low for so "
        "many workers with this DB_POOL_MAX.",
        f"psql -U postgres -c 'ALTER SYSTEM SET max_connections = {_round_up(needed)}', and restart"
        " Postgres",
    )


def _round_up(needed: int) -> int:
    return -(-(needed + 10) // 50) * 50
