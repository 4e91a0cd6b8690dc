"""A worker that starts before its servers waits for them, and says for which."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import kafka
from shared.db.engine import create_engine
from shared.db.logins import tell_role
from shared.delivery.retry import Backoff
from shared.delivery.settle import sqlstate_of
from shared.settings import Settings

log = structlog.get_logger("chatia.awaiting")

DEPLOYMENT = text('SELECT uuid FROM "Deployment"')
LONGEST_DELAY_S = 1.0  # who waits to start asks little and holds nothing
NO_ENTRY = ("28", "3D", "42")  # SQLSTATE classes: login, database or rights are not as they must be


async def await_servers(settings: Settings) -> None:
    """Return when database and broker answer (seed 2.1); raises DBAPIError where none will do."""
    engine = create_engine(settings.database, "chatia-waiting")
    try:
        await _until(lambda: _database_answers(engine))
    finally:
        await engine.dispose()
    await _until(lambda: _kafka_answers(settings))


async def _until(answers: Callable[[], Awaitable[bool]]) -> None:
    backoff = Backoff(LONGEST_DELAY_S)
    while not await answers():  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(backoff.failed())


async def _database_answers(engine: AsyncEngine) -> bool:
    try:
        async with engine.connect() as conn:
            await conn.execute(DEPLOYMENT)
            await tell_role(conn)
    except (OSError, DBAPIError) as error:
        if isinstance(error, DBAPIError) and sqlstate_of(error).startswith(NO_ENTRY):
            raise
        where = engine.url.render_as_string(hide_password=True)
        log.warning("database.awaited", at=where, error=type(error).__name__)
        return False
    return True


async def _kafka_answers(settings: Settings) -> bool:
    admin = AIOKafkaAdminClient(**kafka.connection(settings.kafka))
    try:
        await admin.start()
    except KafkaConnectionError as error:
        log.warning("kafka.awaited", at=settings.kafka.bootstrap_servers, error=str(error))
        return False
    finally:
        await admin.close()
    return True
