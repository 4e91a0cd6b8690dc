"""The connection pool of Postgres, with timeouts, so that a stuck worker releases its locks."""

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.settings import DatabaseSettings

STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000
CONNECT_TIMEOUT_S = 10


def create_engine(settings: DatabaseSettings, application_name: str) -> AsyncEngine:
    """Return an engine with sessions in UTC and with statement, lock and idle timeouts."""
    return create_async_engine(
        settings.url,
        hide_parameters=True,  # errors are logged, and parameters are message texts
        pool_size=settings.pool_max,
        max_overflow=0,
        pool_timeout=settings.pool_acquire_ms / 1000,
        pool_recycle=settings.pool_idle_ms // 1000,
        connect_args={
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
