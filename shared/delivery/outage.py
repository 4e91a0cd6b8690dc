"""Waiting for the world: partitions are paused, the group is kept, and health says for what."""

import asyncio
import time
from collections.abc import Sequence

import structlog
from aiokafka.errors import KafkaError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.delivery import health
from shared.delivery.decode import Record
from shared.delivery.health import Health
from shared.delivery.pauses import Pauses
from shared.delivery.poison import of_database, where
from shared.delivery.retry import Backoff
from shared.delivery.settle import sqlstate_of

log = structlog.get_logger("chatia.worker")

ANYTHING = text("SELECT 1")
OUTAGE = "outage"
SAY_AGAIN_S = 60.0
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

    def __init__(self, engine: AsyncEngine, pauses: Pauses, health: Health) -> None:
        self._health = health
        self._engine = engine
        self._pauses = pauses
        self._backoff = Backoff()
        self._resuming: asyncio.Task[None] | None = None
        self._said_of: dict[str, object] = {}
        self._said_at = 0.0

    @property
    def lasts(self) -> bool:
        """Tell whether partitions are paused for it now."""
        return self._resuming is not None and not self._resuming.done()

    def wait_out(self, error: Exception, records: Sequence[Record] = ()) -> None:
        """Pause every partition until the database answers, and then a little.

        `records` are those in hand, of which the log names the first, and how many they are.
        """
        what, at = awaited(error), where(records)
        is_news = self._health.waits_for(what) or at != self._said_of
        if is_news or time.monotonic() - self._said_at > SAY_AGAIN_S:
            self._said_of, self._said_at = at, time.monotonic()
            log.error(
                "batch.postponed",
                waiting_for=what,
                error=type(error).__name__,
                exc_info=error if what == health.US else None,
                records=len(records),
                **at,
                **of_database(error),
            )
        self._pauses.hold(OUTAGE)
        if not self.lasts:
            self._resuming = asyncio.create_task(self._resume(self._backoff.failed()))

    async def ask(self) -> None:
        """Ask whether the database is there; raises where it is not."""
        async with self._engine.connect() as conn:
            await conn.execute(ANYTHING)

    def is_over(self) -> None:
        """Note that a batch went through."""
        self._backoff.succeeded()
        if self._health.works():
            log.info("batch.resumed")

    def forget(self) -> None:
        """Stop waiting, at the end of the process."""
        if self._resuming is not None:
            self._resuming.cancel()

    async def _resume(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        while not await self._database_answers():  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(self._backoff.failed())
        self._pauses.release(OUTAGE)

    async def _database_answers(self) -> bool:
        try:
            await self.ask()
        except (OSError, SQLAlchemyError) as error:
            log.debug("database.silent", error=type(error).__name__)
            return False
        return True
