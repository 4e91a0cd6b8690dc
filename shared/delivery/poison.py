"""Records that fail alone, again and again, while the database takes writes: dead letters.

Which errors can be a record's own is judged by what happens, not by a list of them: a batch that
fails is split until one record fails alone; between two of its failures a write has to commit. What
the servers alone can be blamed for (connections, locks, resources) never counts.
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

from shared.db.bulk import RacedError
from shared.delivery import checkpoints
from shared.delivery.decode import Record, Rejected
from shared.delivery.reading import Unread
from shared.delivery.settle import sentence_of, sqlstate_of, table_of

log = structlog.get_logger("chatia.worker")

POISON = "poison"
MOST_FAILURES = 5

# SQLSTATE classes and codes that speak of the servers, never of one record: 08 connection,
# 28 login, 3D database, 40 serialisation and deadlock, 53 resources, 55 locks, 57P shutdown,
# 58 system, F0 configuration, XX001 and XX002 corrupted data.
OF_SERVERS = ("08", "28", "3D", "40", "53", "55", "57P", "58", "F0", "XX001", "XX002")
# Those that a deployment or a slow server may be to blame for: 0A and 42 a statement, table or
# right that is not as it must be, 25P an idle transaction, 57014 a statement that took too long.
# A record's own they are only where others like it take effect meanwhile.
OF_DEPLOYMENTS = ("0A", "25P", "42", "57014")
SKIPPED = Rejected("skipped", "an operator has put it into the dead letters")
NEVER = (
    OSError,
    KafkaError,
    MemoryError,
    RacedError,
    exc.TimeoutError,
    exc.PendingRollbackError,  # a connection that broke earlier in the transaction
    exc.ResourceClosedError,
    asyncpg.PostgresError,  # at connecting; others come wrapped
    asyncpg.InterfaceError,
    BaseExceptionGroup,
)

Offset = tuple[TopicPartition, int]
Kind = tuple[str, bytes]  # a topic, and the type that a record's header names


class Verdict(Enum):
    """What to do after a failure.

    AGAIN: try at once, in halves, or the single record as it is. LATER: go on with other
    partitions first. WAIT: no record is to blame.
    """

    AGAIN = auto()
    LATER = auto()
    WAIT = auto()


@dataclass(frozen=True, slots=True)
class Left:
    """A record that is tried again later, and why."""

    record: Record
    error: Exception


def may_be_of_a_record(error: Exception) -> bool:
    """Return whether an error may come from what a record holds."""
    if isinstance(error, NEVER):
        return False
    if not isinstance(error, exc.DBAPIError):
        return True
    sqlstate = sqlstate_of(error)
    return bool(sqlstate) and not sqlstate.startswith(OF_SERVERS)


def may_be_of_a_deployment(error: Exception) -> bool:
    """Return whether every record of its kind may fail like that."""
    return isinstance(error, exc.DBAPIError) and sqlstate_of(error).startswith(OF_DEPLOYMENTS)


class Poison:
    """The failures of single records, counted in this process until their partition goes on."""

    def __init__(self, engine: AsyncEngine, service: str) -> None:
        self._engine = engine
        self._service = service
        self._failures: dict[Offset, int] = {}
        self._first_failed: dict[Offset, float] = {}
        self._succeeded: dict[Kind, float] = {}
        self._records: dict[Offset, Rejected] = {}

    async def judge(self, records: Sequence[Record], error: Exception) -> Verdict:
        """Return what to do with records that failed together, or with a single one.

        A single record counts as failed after a write has committed, and where the deployment may
        be to blame, after another of its kind has taken effect since; one that has failed 5 times
        is not tried any more. Raises what keeps the write from committing.
        """
        if not may_be_of_a_record(error):
            return Verdict.WAIT
        if len(records) > 1:
            return Verdict.AGAIN
        (record,) = records
        place = TopicPartition(record.topic, record.partition)
        since = self._first_failed.setdefault((place, record.offset), time.monotonic())
        is_known_to_work = self._succeeded.get(kind_of(record), 0.0) > since
        if may_be_of_a_deployment(error) and not is_known_to_work:
            return Verdict.LATER
        async with self._engine.begin() as conn:
            await checkpoints.touch(conn, self._service, place)
        failures = self._failures.get((place, record.offset), 0) + 1
        self._failures[place, record.offset] = failures
        log.error(
            "record.failed_alone",
            service=self._service,
            failures=failures,
            error=type(error).__name__,
            exc_info=None if failures > 1 or isinstance(error, exc.DBAPIError) else error,
            **where(records),
            **of_database(error),
        )
        if failures >= MOST_FAILURES:
            self._records[place, record.offset] = _rejected(error)
        return Verdict.AGAIN

    def succeeded(self, kinds: Iterable[Kind]) -> None:
        """Note that records of these kinds took effect."""
        self._succeeded.update(dict.fromkeys(kinds, time.monotonic()))

    def unread(self, skipped: Mapping[TopicPartition, Sequence[int]]) -> Unread:
        """Return the records that are not to be read: the poison, and those skipped by hand."""
        by_hand = {(p, offset): SKIPPED for p, offsets in skipped.items() for offset in offsets}
        return {**self._records, **by_hand}

    def forget(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Forget records before these offsets: their partitions go on."""
        for place, offset in list(self._first_failed):
            if offset < next_offsets.get(place, 0):
                del self._first_failed[place, offset]
                self._failures.pop((place, offset), None)
                self._records.pop((place, offset), None)


def kind_of(record: Record) -> Kind:
    """Return what a record has in common with those that the same handler takes."""
    return record.topic, next((v or b"" for n, v in record.headers if n == "ce_type"), b"")


def where(records: Iterable[Record]) -> dict[str, object]:
    """Return where the first of some records stands, for the log."""
    first = next(iter(records), None)
    if first is None:
        return {}
    return {"topic": first.topic, "partition": first.partition, "offset": first.offset}


def of_database(error: Exception) -> dict[str, str]:
    """Return the SQLSTATE and the table of an error, for the log; nothing where it has none."""
    if not isinstance(error, exc.DBAPIError):
        return {}
    found = {"sqlstate": sqlstate_of(error), "table": table_of(error)}
    return {name: value for name, value in found.items() if value}


def _rejected(error: Exception) -> Rejected:
    alone = f"it failed alone {MOST_FAILURES} times while the database took other writes"
    if isinstance(error, exc.DBAPIError):
        table = f' of "{table_of(error)}"' if table_of(error) else ""
        sqlstate = sqlstate_of(error)
        words = f"{alone}: {sentence_of(error)} (SQLSTATE {sqlstate}{table})"
        return Rejected(POISON, words, sqlstate)
    # An exception's own words may be people's; where it was raised is not.
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return Rejected(POISON, f"{alone}: {type(error).__name__} in {place}; report this")
