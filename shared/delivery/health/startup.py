"""Waiting at the start of a process until database and broker answer."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.engine import create_engine
from shared.db.errors import read_sqlstate
from shared.db.logins import log_role
from shared.delivery.health.backoff import Backoff
from shared.delivery.kafka import clients
from shared.settings import Settings

log = structlog.get_logger("chatia.startup")

DEPLOYMENT = text('SELECT uuid FROM "Deployment"')
LONGEST_DELAY_S = 1.0  # shorter than in an outage, because a starting process holds no partitions
REFUSALS = ("28", "3D", "42")  # SQLSTATE classes: login, database, or rights and tables


async def await_servers(settings: Settings) -> None:
    """Return when database and broker answer.

    Raises DBAPIError if the database refuses the login, which waiting would not change.
    """
    engine = create_engine(settings.database, "chatia-waiting")
    try:
        await _wait_until(lambda: _check_database(engine))
    finally:
        await engine.dispose()
    await _wait_until(lambda: _check_kafka(settings))


async def _wait_until(check: Callable[[], Awaitable[bool]]) -> None:
    backoff = Backoff(LONGEST_DELAY_S)
    while not await check():  # noqa: ASYNC110 - servers do not announce themselves
        await asyncio.sleep(backoff.lengthen())


async def _check_database(engine: AsyncEngine) -> bool:
    try:
        async with engine.connect() as conn:
            await conn.execute(DEPLOYMENT)
            await log_role(conn)
    except (OSError, DBAPIError) as error:
        if isinstance(error, DBAPIError) and read_sqlstate(error).startswith(REFUSALS):
            raise
        url = engine.url.render_as_string(hide_password=True)
        log.warning("database.awaited", at=url, error=type(error).__name__)
        return False
    return True


async def _check_kafka(settings: Settings) -> bool:
    admin = AIOKafkaAdminClient(**clients.build_client_arguments(settings.kafka))
    try:
        await admin.start()
    except KafkaConnectionError as error:
        log.warning("kafka.awaited", at=settings.kafka.bootstrap_servers, error=str(error))
        return False
    finally:
        await admin.close()
    return True
