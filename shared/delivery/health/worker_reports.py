"""Writes the state of a worker into "Workers" every five seconds, for `chatia status`."""

import asyncio
import json
import os
import socket
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.bulk import statement
from shared.delivery.health.worker_state import WorkerState
from shared.version import VERSION

log = structlog.get_logger("chatia.worker")

REPORT_EVERY_S: Final = 5.0
REMOVE_TIMEOUT_S: Final = 2.0
LONGEST_HOST: Final = 255  # characters

# Rows of workers that were killed are deleted by others of the service after an hour.
SAVE = statement("""
WITH forgotten AS (
  DELETE FROM "Workers" WHERE id IN (
    SELECT id FROM "Workers"
    WHERE service = :service AND "reportedAt" < now() - interval '1 hour' AND id <> :id
    FOR UPDATE SKIP LOCKED)
)
INSERT INTO "Workers" AS w
  (id, service, host, "processId", version, status, halted, partitions)
VALUES (:id, :service, :host, :process_id, :version, :status, CAST(:halted AS jsonb), :partitions)
ON CONFLICT (id) DO UPDATE
SET status = excluded.status, halted = excluded.halted, partitions = excluded.partitions,
    "reportedAt" = now()
""")

REMOVE = statement('DELETE FROM "Workers" WHERE id = :id')


class WorkerReports:
    """The reports of one process, under an id of its own; its row is deleted when it stops."""

    def __init__(
        self, worker_id: UUID, engine: AsyncEngine, describe: Callable[[], WorkerState]
    ) -> None:
        self._id = worker_id
        self._engine = engine
        self._describe = describe
        self._is_failing = False

    async def run(self) -> None:
        """Report until cancelled; a failure is logged once and ends nothing."""
        while True:
            try:
                await self.report()
                self._is_failing = False
            except (OSError, SQLAlchemyError) as error:
                self._log_failure(error)
            await asyncio.sleep(REPORT_EVERY_S)

    async def report(self) -> None:
        """Save the present state."""
        async with self._engine.begin() as conn:
            await conn.execute(SAVE, self._build_row(self._describe()))

    async def remove(self) -> None:
        """Delete the row, at the end of the process."""
        try:
            async with asyncio.timeout(REMOVE_TIMEOUT_S), self._engine.begin() as conn:
                await conn.execute(REMOVE, {"id": self._id})
        except (OSError, SQLAlchemyError) as error:
            self._log_failure(error)

    def _build_row(self, state: WorkerState) -> dict[str, Any]:
        return {
            "id": self._id,
            "service": state.service,
            "host": socket.gethostname()[:LONGEST_HOST],
            "process_id": os.getpid(),
            "version": VERSION,
            "status": state.status,
            "halted": json.dumps(dict(state.halted)),
            "partitions": state.partitions,
        }

    def _log_failure(self, error: Exception) -> None:
        if not self._is_failing:
            self._is_failing = True
            log.warning("report.not_saved", error=type(error).__name__)
