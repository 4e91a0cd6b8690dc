"""Waiting for the world: partitions are paused, the group is kept, and health says for what."""

import asyncio
from collections.abc import Callable

import structlog
from aiokafka.errors import KafkaError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.delivery import health
from shared.delivery.consumer import Consumer
from shared.delivery.health import Health
from shared.delivery.retry import Backoff
from shared.delivery.settle import sqlstate_of

log = structlog.get_logger("chatia.worker")

ANYTHING = text("SELECT 1")
OUR_FAULTS = ("42", "0A")  # SQLSTATE classes: a statement, table or right that is not as it must be


def awaited(error: BaseException) -> str:
    """Tell what an error makes a worker wait for."""
    if isinstance(error, BaseExceptionGroup):
        return awaited(error.exceptions[0])
    if isinstance(error, KafkaError):
        return health.KAFKA
    if isinstance(error, SQLAlchemyError):
        sqlstate = sqlstate_of(error) if isinstance(error, DBAPIError) else ""
        return health.US if sqlstate.startswith(OUR_FAULTS) else health.DATABASE
    return health.DATABASE if isinstance(error, OSError) else health.US


class Outage:
    """Pauses a consumer while something is away, and lets it read on when it is back.

    The handler returns at once: one that waited would lose its group after
    `max_poll_interval_ms`. Meanwhile the consumer keeps polling, and gets nothing.
    """

    def __init__(self, engine: AsyncEngine, consumer: Callable[[], Consumer]) -> None:
        self.health = Health()
        self._engine = engine
        self._consumer = consumer
        self._backoff = Backoff()
        self._resuming: asyncio.Task[None] | None = None

    def wait_out(self, error: Exception) -> None:
        """Pause every partition until the database answers, and then a little."""
        what = awaited(error)
        if self.health.waits_for(what):
            log.error(
                "batch.postponed",
                waiting_for=what,
                error=type(error).__name__,
                exc_info=error if what == health.US else None,
            )
        self._consumer().pause(*self._consumer().assignment())
        if self._resuming is None or self._resuming.done():
            self._resuming = asyncio.create_task(self._resume(self._backoff.failed()))

    def is_over(self) -> None:
        """Note that a batch went through."""
        self._backoff.succeeded()
        if self.health.works():
            log.info("batch.resumed")

    def forget(self) -> None:
        """Stop waiting, at the end of the process."""
        if self._resuming is not None:
            self._resuming.cancel()

    async def _resume(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        while not await self._database_answers():  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(self._backoff.failed())
        mine = set(self._consumer().assignment())
        self._consumer().resume(*(mine & set(self._consumer().paused())))

    async def _database_answers(self) -> bool:
        try:
            async with self._engine.connect() as conn:
                await conn.execute(ANYTHING)
        except (OSError, SQLAlchemyError) as error:
            log.debug("database.silent", error=type(error).__name__)
            return False
        return True
