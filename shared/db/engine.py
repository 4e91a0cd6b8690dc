"""The connection pool of Postgres, with timeouts, so that a stuck worker releases its locks."""

from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.database_url import TLS_PARAMETERS
from shared.settings import DatabaseSettings

STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000
CONNECT_TIMEOUT_S = 10


def create_engine(settings: DatabaseSettings, application_name: str) -> AsyncEngine:
    """Return an engine with sessions in UTC and with statement, lock and idle timeouts."""
    url, tls = split_tls(settings.url)
    return create_async_engine(
        url,
        hide_parameters=True,  # errors are logged, and parameters are message texts
        pool_size=settings.pool_max,
        max_overflow=0,
        pool_timeout=settings.pool_acquire_ms / 1000,
        pool_recycle=settings.pool_idle_ms // 1000,
        connect_args=tls
        | {
            "timeout": CONNECT_TIMEOUT_S,
            "server_settings": {
                "application_name": application_name,
                "TimeZone": "UTC",
                "jit": "off",
                # No generic plan is cached: it may be one for an empty table.
                "plan_cache_mode": "force_custom_plan",
                "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                "lock_timeout": str(LOCK_TIMEOUT_MS),
                "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
            },
        },
    )


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
