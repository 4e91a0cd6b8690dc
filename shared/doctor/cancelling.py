"""Cancels the statement of a session, or ends the session; only of the connection's database."""

import asyncio
import time
from enum import Enum, auto

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement

# One statement finds the session and signals it, so that its process id cannot be reused between.
CANCEL = statement("""
SELECT state, CASE WHEN state IS NULL OR state = 'active' THEN pg_cancel_backend(pid) END AS is_sent
FROM pg_stat_activity
WHERE pid = :pid AND datname = current_database() AND pid <> pg_backend_pid()
""")

TERMINATE = statement("""
SELECT state, pg_terminate_backend(pid) AS is_sent FROM pg_stat_activity
WHERE pid = :pid AND datname = current_database() AND pid <> pg_backend_pid()
""")

STARTED = statement("""
SELECT query_start AS at FROM pg_stat_activity
WHERE pid = :pid AND datname = current_database() AND state = 'active'
""")

EXISTS = statement("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = :pid)")

POLL_S = 0.1
WAIT_S = 5.0


class Outcome(Enum):
    """What became of the request."""

    NO_SUCH_SESSION = auto()
    NOTHING_RUNS = auto()  # an idle session has no statement to cancel
    DONE = auto()
    NOT_YET = auto()  # signalled, and not ended within the time


async def cancel(conn: AsyncConnection, pid: int, *, wait_s: float = WAIT_S) -> Outcome:
    """Cancel the statement that a session runs, and wait until it has ended.

    `conn` is in autocommit mode. Raises DBAPIError (42501) if the login may not.
    """
    begun = (await conn.execute(STARTED, {"pid": pid})).scalar_one_or_none()
    row = (await conn.execute(CANCEL, {"pid": pid})).one_or_none()
    if row is None:
        return Outcome.NO_SUCH_SESSION
    if row.is_sent is None:
        return Outcome.NOTHING_RUNS
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        now = (await conn.execute(STARTED, {"pid": pid})).scalar_one_or_none()
        if now is None or now != begun:
            return Outcome.DONE
        await asyncio.sleep(POLL_S)
    return Outcome.NOT_YET


async def terminate(conn: AsyncConnection, pid: int, *, wait_s: float = WAIT_S) -> Outcome:
    """End a session, whose transaction is rolled back, and wait until it is gone.

    `conn` is in autocommit mode. Raises DBAPIError (42501) if the login may not.
    """
    if (await conn.execute(TERMINATE, {"pid": pid})).one_or_none() is None:
        return Outcome.NO_SUCH_SESSION
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if not await conn.scalar(EXISTS, {"pid": pid}):
            return Outcome.DONE
        await asyncio.sleep(POLL_S)
    return Outcome.NOT_YET
