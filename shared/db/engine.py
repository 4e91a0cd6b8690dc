"""The connection pool of Postgres, with timeouts, so that a stuck worker releases its locks."""

import time
from contextlib import AsyncExitStack, suppress
from typing import Any
from urllib.parse import urlencode

import asyncpg
from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from typing_extensions import override

from shared.database_url import TLS_PARAMETERS
from shared.settings import DatabaseSettings

STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000
CONNECT_TIMEOUT_S = 10
# The client's own limit, longer than the server's, because a frozen server ends no statement.
COMMAND_TIMEOUT_S = STATEMENT_TIMEOUT_MS / 1000 + 5
CLOSE_TIMEOUT_S = 1.0
# Postgres keeps the plans of a session's statements, and of its checks of foreign keys, however
# much the tables have grown since. A session plans anew whenever it is twice as old.
REPLAN_FIRST_S, REPLAN_LAST_S = 1.0, 60.0
REPLAN_AT, REPLANNED_AFTER = "replan at", "replanned after"
read_clock = time.monotonic


class _Connection(asyncpg.Connection):
    """A connection that is closed within a second, also if its server is frozen."""

    __slots__ = ()

    @override
    async def close(self, *, timeout: float | None = None) -> None:
        """Close it; if the server does not confirm that in time, the socket is closed alone."""
        del timeout
        with suppress(TimeoutError):
            await super().close(timeout=CLOSE_TIMEOUT_S)


def create_engine(
    settings: DatabaseSettings, application_name: str, connections: int | None = None
) -> AsyncEngine:
    """Return an engine with sessions in UTC and with statement, lock and idle timeouts.

    `connections` is the size of its pool, by default DB_POOL_MAX. A statement that is not answered
    within 65 seconds raises TimeoutError, and its connection is dropped.
    """
    url, tls = split_tls(settings.url)
    engine = create_async_engine(
        url,
        hide_parameters=True,  # errors are logged, and parameters are message texts
        pool_size=connections or settings.pool_max,
        max_overflow=0,
        pool_timeout=settings.pool_acquire_ms / 1000,
        pool_recycle=settings.pool_idle_ms // 1000,
        connect_args=tls
        | {
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": COMMAND_TIMEOUT_S,
            "connection_class": _Connection,
            "server_settings": {
                "application_name": application_name,
                "TimeZone": "UTC",
                "jit": "off",
                "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                "lock_timeout": str(LOCK_TIMEOUT_MS),
                "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
            },
        },
    )
    event.listen(engine.sync_engine, "handle_error", _drop_silent_connection)
    event.listen(engine.sync_engine, "before_cursor_execute", _discard_old_plans)
    return engine


def create_unpooled_engine(url: str, application_name: str, **server_settings: str) -> AsyncEngine:
    """Return an engine without pool and without limits of time, for commands about the schema."""
    address, tls = split_tls(url)
    names = {"application_name": application_name, "TimeZone": "UTC"} | server_settings
    return create_async_engine(
        address,
        poolclass=NullPool,
        connect_args=tls | {"timeout": CONNECT_TIMEOUT_S, "server_settings": names},
    )


def split_tls(url: str) -> tuple[URL, dict[str, Any]]:
    """Return a URL without its parameters about TLS, and these as arguments for asyncpg.

    SQLAlchemy would hand them on one by one, and asyncpg reads them from a URL only.
    """
    parsed = make_url(url).set(drivername="postgresql+asyncpg")
    tls = {name: value for name, value in parsed.query.items() if name in TLS_PARAMETERS}
    arguments = {"dsn": f"postgresql:///?{urlencode(tls)}"} if tls else {}
    return parsed.difference_update_query(TLS_PARAMETERS), arguments


async def open_connections(engine: AsyncEngine, number: int) -> None:
    """Open connections at once; the pool keeps them, and replaces those that get too old."""
    async with AsyncExitStack() as stack:
        for _ in range(number):
            await stack.enter_async_context(engine.connect())


def _discard_old_plans(conn: Connection, _cursor: object, sql: str, *_: object) -> None:
    """Discard the plans of a session after 1, 2, 4 … seconds, and then once a minute."""
    if sql.startswith("ROLLBACK"):
        return  # a transaction that failed takes no other statement
    now, info = read_clock(), conn.info
    if REPLAN_AT not in info:
        info[REPLAN_AT], info[REPLANNED_AFTER] = now + REPLAN_FIRST_S, REPLAN_FIRST_S
    elif now >= info[REPLAN_AT]:
        # Set first, because the statement below comes here, too.
        info[REPLANNED_AFTER] = min(2 * info[REPLANNED_AFTER], REPLAN_LAST_S)
        info[REPLAN_AT] = now + info[REPLANNED_AFTER]
        conn.exec_driver_sql("DISCARD PLANS")


def _drop_silent_connection(context: ExceptionContext) -> None:
    """Close the socket of a connection whose server did not answer in time.

    asyncpg would ask the server on a second connection to cancel the statement, SQLAlchemy would
    roll back, and a frozen server answers neither. The server rolls back when it finds the socket
    closed.
    """
    connection = context.connection
    if connection is None or not isinstance(context.original_exception, TimeoutError):
        return
    if not connection.invalidated and (silent := connection.connection.driver_connection):
        silent.terminate()
    context.is_disconnect = True
