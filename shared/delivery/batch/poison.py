"""Poison pills: records that fail 5 times in a batch of their own while other writes commit.

There is no list of errors that records can cause. A failed batch is split until one record fails
alone, and the failure counts only if a test write of the worker commits. Errors that only servers
can cause (connections, locks, resources) never count. See docs/dead-letters.md.
"""

import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import asyncpg
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.bulk import ConcurrentUpdateError
from shared.db.errors import describe_refusal, read_sqlstate, read_table_name
from shared.delivery.batch.reading import Exclusions
from shared.delivery.checkpoints import store as checkpoints
from shared.delivery.kafka.record import Record, Rejected

log = structlog.get_logger("chatia.worker")

POISON = "poison"
MOST_FAILURES = 5

# SQLSTATE classes and codes of the servers, never of one record: 08 connection, 28 login,
# 3D database, 40 serialisation and deadlock, 53 resources, 55 locks, 57P shutdown, 58 system,
# F0 configuration, XX001 and XX002 corrupted data.
SERVER_SQLSTATES = ("08", "28", "3D", "40", "53", "55", "57P", "58", "F0", "XX001", "XX002")
# SQLSTATEs that a deployment or a slow server may cause as well: 0A and 42 a statement, table or
# right that is wrong, 25P an idle transaction, 57014 a statement that took too long. They count
# only if other records of the same topic and type succeed meanwhile.
DEPLOYMENT_SQLSTATES = ("0A", "25P", "42", "57014")
SKIPPED = Rejected("skipped", "an operator has put it into the dead letters")
SERVER_ERRORS = (
    OSError,
    KafkaError,
    MemoryError,
    ConcurrentUpdateError,
    exc.TimeoutError,
    exc.PendingRollbackError,  # a connection that broke earlier in the transaction
    exc.ResourceClosedError,
    asyncpg.PostgresError,  # raised while connecting; later ones are wrapped by SQLAlchemy
    asyncpg.InterfaceError,
    BaseExceptionGroup,
)

Location = tuple[TopicPartition, int]  # a partition and an offset
Kind = tuple[str, bytes]  # a topic, and the type that a record's header names


class FailureAction(Enum):
    """What to do after a failed batch.

    RETRY: retry immediately, in halves, or the single record again. POSTPONE: continue with other
    partitions first. WAIT: the servers are the cause.
    """

    RETRY = auto()
    POSTPONE = auto()
    WAIT = auto()


@dataclass(frozen=True, slots=True)
class PostponedRecord:
    """A record that is retried later, and the error of its last attempt."""

    record: Record
    error: Exception


def may_be_caused_by_record(error: Exception) -> bool:
    """Return whether the content of a record may cause an error."""
    if isinstance(error, SERVER_ERRORS):
        return False
    if not isinstance(error, exc.DBAPIError):
        return True
    sqlstate = read_sqlstate(error)
    return bool(sqlstate) and not sqlstate.startswith(SERVER_SQLSTATES)


def may_be_caused_by_deployment(error: Exception) -> bool:
    """Return whether a wrong deployment (missing table or right) may cause an error."""
    return isinstance(error, exc.DBAPIError) and read_sqlstate(error).startswith(
        DEPLOYMENT_SQLSTATES
    )


class PoisonDetector:
    """Counts failures of single records in memory, until their offsets are committed."""

    def __init__(self, engine: AsyncEngine, service: str) -> None:
        self._engine = engine
        self._service = service
        self._failures: dict[Location, int] = {}
        self._first_failed: dict[Location, float] = {}
        self._last_succeeded: dict[Kind, float] = {}
        self._poison: dict[Location, Rejected] = {}

    async def decide_after_failure(
        self, records: Sequence[Record], error: Exception
    ) -> FailureAction:
        """Return what to do after a batch, or a single record, failed.

        The failure of a single record counts if a test write commits and, if the deployment may be
        the cause, if another record of the same kind has succeeded since. The 5th makes it
        poison. Raises the error of a test write that fails.
        """
        if not may_be_caused_by_record(error):
            return FailureAction.WAIT
        if len(records) > 1:
            return FailureAction.RETRY
        (record,) = records
        partition = TopicPartition(record.topic, record.partition)
        since = self._first_failed.setdefault((partition, record.offset), time.monotonic())
        has_worked_since = self._last_succeeded.get(read_kind(record), 0.0) > since
        if may_be_caused_by_deployment(error) and not has_worked_since:
            return FailureAction.POSTPONE
        async with self._engine.begin() as conn:
            await checkpoints.touch(conn, self._service, partition)
        failures = self._failures.get((partition, record.offset), 0) + 1
        self._failures[partition, record.offset] = failures
        self._log_failure(record, error, failures)
        if failures >= MOST_FAILURES:
            self._poison[partition, record.offset] = _build_rejected(error)
        return FailureAction.RETRY

    def _log_failure(self, record: Record, error: Exception, failures: int) -> None:
        has_traceback = failures == 1 and not isinstance(error, exc.DBAPIError)
        log.error(
            "record.failed_alone",
            service=self._service,
            failures=failures,
            error=type(error).__name__,
            exc_info=error if has_traceback else None,
            **describe_location([record]),
            **describe_database_error(error),
        )

    def note_success(self, kinds: Iterable[Kind]) -> None:
        """Note that records of these kinds (topic and type) were applied."""
        self._last_succeeded.update(dict.fromkeys(kinds, time.monotonic()))

    def build_exclusions(self, skipped: Mapping[TopicPartition, Sequence[int]]) -> Exclusions:
        """Return the records not to decode: poison, and the offsets that an operator skipped."""
        by_operator = {(p, offset): SKIPPED for p, offsets in skipped.items() for offset in offsets}
        return {**self._poison, **by_operator}

    def forget(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Drop the failure counts of records before these offsets."""
        for partition, offset in list(self._first_failed):
            if offset < next_offsets.get(partition, 0):
                del self._first_failed[partition, offset]
                self._failures.pop((partition, offset), None)
                self._poison.pop((partition, offset), None)


def read_kind(record: Record) -> Kind:
    """Return topic and event type of a record."""
    return record.topic, next((v or b"" for n, v in record.headers if n == "ce_type"), b"")


def describe_location(records: Iterable[Record]) -> dict[str, object]:
    """Return topic, partition and offset of the first record as keys of a log event."""
    first = next(iter(records), None)
    if first is None:
        return {}
    return {"topic": first.topic, "partition": first.partition, "offset": first.offset}


def describe_database_error(error: Exception) -> dict[str, str]:
    """Return SQLSTATE and table of an error as keys of a log event, if it has them."""
    if not isinstance(error, exc.DBAPIError):
        return {}
    keys = {"sqlstate": read_sqlstate(error), "table": read_table_name(error)}
    return {name: value for name, value in keys.items() if value}


def _build_rejected(error: Exception) -> Rejected:
    alone = f"it failed alone {MOST_FAILURES} times while the database took other writes"
    if isinstance(error, exc.DBAPIError):
        table = f' of "{read_table_name(error)}"' if read_table_name(error) else ""
        sqlstate = read_sqlstate(error)
        detail = f"{alone}: {describe_refusal(error)} (SQLSTATE {sqlstate}{table})"
        return Rejected(POISON, detail, sqlstate)
    # An exception's message may contain personal data; its code location does not.
    last = traceback.extract_tb(error.__traceback__)[-1]
    location = f"{Path(last.filename).name}:{last.lineno}"
    return Rejected(POISON, f"{alone}: {type(error).__name__} in {location}; report this")
