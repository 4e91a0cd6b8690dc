"""Outages of Kafka or Postgres: partitions are paused, and the member stays in its group."""

import asyncio
import time
from collections.abc import Sequence

import structlog
from aiokafka.errors import KafkaError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.errors import read_sqlstate
from shared.db.identity import DatabaseReplacedError
from shared.delivery.batch.poison import describe_database_error, describe_location
from shared.delivery.health.backoff import Backoff
from shared.delivery.health.status import Health, WaitsFor
from shared.delivery.kafka.pauses import Pauses
from shared.delivery.kafka.record import Record

log = structlog.get_logger("chatia.worker")

ANYTHING = text("SELECT 1")
OUTAGE = "outage"  # the name of the pause
LOG_AGAIN_S = 60.0
# SQLSTATE classes of wrong statements, tables or rights, which an operator has to fix.
INTERNAL_SQLSTATES = ("42", "0A")


def find_cause(error: BaseException) -> WaitsFor:
    """Return what a worker waits for after an error; of an exception group the first decides."""
    if isinstance(error, BaseExceptionGroup):
        return find_cause(error.exceptions[0])
    if isinstance(error, KafkaError):
        return WaitsFor.KAFKA
    if isinstance(error, DatabaseReplacedError):
        return WaitsFor.RECOVERY
    if isinstance(error, SQLAlchemyError):
        sqlstate = read_sqlstate(error) if isinstance(error, DBAPIError) else ""
        is_internal = sqlstate.startswith(INTERNAL_SQLSTATES)
        return WaitsFor.INTERNAL_ERROR if is_internal else WaitsFor.DATABASE
    return WaitsFor.DATABASE if isinstance(error, OSError) else WaitsFor.INTERNAL_ERROR


class Outage:
    """Pauses a consumer until the database answers again.

    `begin` does not wait: a batch loop that waits is removed from its group after
    `max_poll_interval_ms`. A paused consumer continues to poll and gets no records.
    """

    def __init__(self, engine: AsyncEngine, pauses: Pauses, health: Health) -> None:
        self._health = health
        self._engine = engine
        self._pauses = pauses
        self._backoff = Backoff()
        self._resuming: asyncio.Task[None] | None = None
        self._logged_location: dict[str, object] = {}
        self._logged_at = 0.0

    @property
    def is_active(self) -> bool:
        """Return whether partitions are paused for an outage now."""
        return self._resuming is not None and not self._resuming.done()

    def begin(self, error: Exception, records: Sequence[Record] = ()) -> None:
        """Pause every partition until the database answers, for at least the backoff.

        The log event has the location of the first of `records`, and how many they are.
        """
        waits_for, location = find_cause(error), describe_location(records)
        is_news = self._health.note_waiting(waits_for) or location != self._logged_location
        if is_news or time.monotonic() - self._logged_at > LOG_AGAIN_S:
            self._logged_location, self._logged_at = location, time.monotonic()
            log.error(
                "batch.postponed",
                waiting_for=waits_for.value,
                error=type(error).__name__,
                exc_info=error if waits_for is WaitsFor.INTERNAL_ERROR else None,
                records=len(records),
                **location,
                **describe_database_error(error),
            )
        self._pauses.hold(OUTAGE)
        if not self.is_active:
            self._resuming = asyncio.create_task(self._resume(self._backoff.lengthen()))

    async def check_database(self) -> None:
        """Raise the error of the database or its driver if it does not answer."""
        async with self._engine.connect() as conn:
            await conn.execute(ANYTHING)

    def end(self) -> None:
        """Note that a batch was committed, which ends the outage."""
        self._backoff.reset()
        if self._health.note_work():
            log.info("batch.resumed")

    def cancel(self) -> None:
        """Stop waiting, at the end of the process."""
        if self._resuming is not None:
            self._resuming.cancel()

    async def _resume(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        while not await self._is_database_up():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(self._backoff.lengthen())
        self._pauses.release(OUTAGE)

    async def _is_database_up(self) -> bool:
        try:
            await self.check_database()
        except (OSError, SQLAlchemyError) as error:
            log.debug("database.awaited", error=type(error).__name__)
            return False
        return True
