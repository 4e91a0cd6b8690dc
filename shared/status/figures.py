"""The figures of a deployment at one moment, as `chatia status` and `chatia metrics` show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

# A report that is older is of a worker that is gone; by whether Kafka says that it left its group.
GONE_AFTER_S: Final = {True: 12.0, False: 30.0}


class WorkerStatus(StrEnum):
    """What is known about a worker."""

    OK = "ok"
    DEGRADED = "degraded"  # it waits for something, or has halted partitions
    GONE = "gone"  # it left its group, and its reports do not come
    UNREPORTED = "unreported"  # a member of its group that has written no report


@dataclass(frozen=True, slots=True)
class Server:
    """Whether Kafka or Postgres answered; `problem` says what happened if not."""

    name: str
    problem: str = ""

    @property
    def is_up(self) -> bool:
        """Whether it answered."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class Stage:
    """The records of a topic that a service has not taken yet.

    `backlog` counts those on the main path. `lateness_s` is the age of the oldest one in seconds,
    deferred ones included, 0 without one. None where a server did not answer.
    """

    service: str
    topic: str
    backlog: int | None
    lateness_s: float | None


@dataclass(frozen=True, slots=True)
class WorkerFigures:
    """A worker process: what it reported, and its membership in the consumer group.

    `status` is the text of `/ready`. `is_member` is None if Kafka did not answer.
    """

    service: str
    host: str
    process_id: int | None
    version: str
    partitions: int
    state: WorkerStatus
    status: str
    halted: Sequence[str]
    report_age_s: float | None
    is_member: bool | None


@dataclass(frozen=True, slots=True)
class DeferredCompany:
    """A company (or Evolution instance) with deferred records: at most so many are left."""

    service: str
    company: str
    most_records: int


@dataclass(frozen=True, slots=True)
class DeadLetterCount:
    """The open dead letters of a service with one reason."""

    service: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class QuarantinedLine:
    """A line whose records a service does not decode."""

    service: str
    line: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class LineCount:
    """The lines with one status."""

    status: str
    count: int


@dataclass(frozen=True, slots=True)
class PurgeProgress:
    """A deletion in steps that has not ended, with the number of rows deleted so far."""

    id: int
    company_id: int
    table: str
    since: datetime
    rows: int


@dataclass(frozen=True, slots=True)
class Status:
    """All figures; those of a server that did not answer are empty or None.

    `members` are the members of each service's consumer group, None if Kafka did not tell.
    """

    at: datetime
    namespace: str
    kafka: Server
    postgres: Server
    members: dict[str, int | None]
    stages: Sequence[Stage] = ()
    workers: Sequence[WorkerFigures] = ()
    deferred: Sequence[DeferredCompany] = ()
    quarantines: Sequence[QuarantinedLine] = ()
    dead_letters: Sequence[DeadLetterCount] = ()
    oldest_unsent_s: float | None = None
    lines: Sequence[LineCount] = ()
    purges: Sequence[PurgeProgress] = ()
    sends_held_since: datetime | None = None
