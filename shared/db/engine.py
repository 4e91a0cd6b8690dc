"""The pool of connections to Postgres, with limits that keep a stuck worker from harming others."""

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.settings import DatabaseSettings

STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000
CONNECT_TIMEOUT_S = 10


def create_engine(settings: DatabaseSettings, application_name: str) -> AsyncEngine:
    """Make an engine whose sessions run in UTC and give up waiting, rather than wait for ever."""
    return create_async_engine(
        settings.url,
        hide_parameters=True,  # an error's text goes to the log, and parameters are people's words
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
                # Tables grow within minutes: a plan that was made for an empty one does not stay.
                "plan_cache_mode": "force_custom_plan",
                "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                "lock_timeout": str(LOCK_TIMEOUT_MS),
                "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
            },
        },
    )
