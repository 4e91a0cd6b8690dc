"""Runs all checks of a database within seconds; a check that fails does not end the others."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import create_unpooled_engine, split_tls
from shared.db.errors import describe_refusal, read_sqlstate
from shared.doctor import (
    backups,
    bloat,
    checkpoints,
    rights,
    schema_checks,
    server,
    sessions,
    statistics,
    wal,
)
from shared.doctor.connecting import find_connection_problem
from shared.doctor.findings import Code, Examined, Finding, Limits, Report, Severity
from shared.settings import Settings

Check = Callable[[Examined], Awaitable[list[Finding]]]

SCHEMA: Final = "schema"
CHECKS: Final[Mapping[str, Check]] = {
    SCHEMA: schema_checks.find,
    "rights": rights.find,
    "statistics": statistics.find,
    "bloat": bloat.find,
    "sessions": sessions.find,
    "wal": wal.find,
    "server": server.find,
    "backups": backups.find,
    "checkpoints": checkpoints.find,
}
NEED_TABLES: Final = ("sessions", "backups", "checkpoints")
CONNECT_S: Final = 5.0
CHECK_S: Final = 5.0
STATEMENT_MS: Final = 3_000
CLOSE_S: Final = 0.5
TOO_SLOW: Final = ("57014", "55P03")  # SQLSTATE: a statement timeout, a lock timeout
ORDER: Final = tuple(Severity)


async def examine(settings: Settings, limits: Limits | None = None) -> Report:
    """Run all checks; without a connection, or without tables, only those that are possible."""
    at, started = datetime.now(UTC), time.monotonic()
    engine = create_unpooled_engine(
        settings.database.url, "chatia db doctor", statement_timeout=str(STATEMENT_MS)
    ).execution_options(isolation_level="AUTOCOMMIT")
    problem = await _find_no_connection(engine, settings)
    checks = () if problem else tuple(CHECKS)
    results = [[problem]] if problem else []
    if not problem:
        results = await _run_checks(engine, settings, limits or Limits())
    findings = sorted(
        (finding for result in results for finding in result),
        key=lambda finding: ORDER.index(finding.severity),
    )
    return Report(at, time.monotonic() - started, checks, tuple(findings))


async def _run_checks(
    engine: AsyncEngine, settings: Settings, limits: Limits
) -> list[list[Finding]]:
    """Run them on one connection, but for that of Kafka, which waits for another server."""

    async def run(*names: str) -> list[list[Finding]]:
        async with engine.connect() as conn:
            examined = Examined(conn, settings, limits)
            return [await _run_check(name, examined) for name in names]

    (schema,) = await run(SCHEMA)
    without = any(each.code is Code.SCHEMA_MISSING for each in schema)
    names = [n for n in CHECKS if n != SCHEMA and not (without and n in NEED_TABLES)]
    of_kafka = [n for n in names if n == "checkpoints"]
    others = [n for n in names if n not in of_kafka]
    found = await asyncio.gather(run(*others), run(*of_kafka))
    return [schema, *found[0], *found[1]]


async def _run_check(name: str, examined: Examined) -> list[Finding]:
    try:
        async with asyncio.timeout(CHECK_S):
            return await CHECKS[name](examined)
    except TimeoutError:
        return [judge_failure(name, f"no answer within {CHECK_S:.0f} s", is_too_slow=True)]
    except DBAPIError as error:
        is_too_slow = read_sqlstate(error) in TOO_SLOW
        return [judge_failure(name, describe_refusal(error), is_too_slow=is_too_slow)]
    except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:
        return [judge_failure(name, str(error) or type(error).__name__, is_too_slow=False)]


def judge_failure(name: str, reason: str, *, is_too_slow: bool) -> Finding:
    """Return the finding of a check that failed, which names locks if a statement took too long."""
    sentence = f"The check of {name} failed: {reason}."
    if is_too_slow:
        return Finding(
            Code.CHECK_FAILED,
            Severity.WARNING,
            sentence,
            "A statement took too long, perhaps because it waited for a lock of another session.",
            "chatia db locks, and chatia db doctor again",
        )
    return Finding(
        Code.CHECK_FAILED,
        Severity.WARNING,
        sentence,
        "The login lacks a right, or the server broke off.",
        "chatia db doctor, as the owner of the database",
    )


async def _find_no_connection(engine: AsyncEngine, settings: Settings) -> Finding | None:
    """Return why there is no connection; None if there is one."""
    try:
        async with asyncio.timeout(CONNECT_S), engine.connect():
            return None
    except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return find_connection_problem(error, split_tls(settings.database.url)[0])
