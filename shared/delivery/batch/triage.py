"""Classifies decoded records: new events, repeated ones, and records that become dead letters."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from aiokafka import TopicPartition
from pydantic import BaseModel

from shared.contracts.base import Event
from shared.delivery.batch.decoder import RecordDecoder
from shared.delivery.checkpoints.restored import LostFacts
from shared.delivery.checkpoints.store import Checkpoint
from shared.delivery.dead_letters.deleted_tenants import (
    blank_if_deleted,
    find_deleted_tenants,
    reject_if_deleted,
)
from shared.delivery.dead_letters.quarantine import (
    Quarantine,
    UnreadableRuns,
    describe_resume,
    find_line,
)
from shared.delivery.dead_letters.replay import Replays
from shared.delivery.dead_letters.store import (
    DeadLetter,
    build_dead_letter,
    read_trusted_company,
)
from shared.delivery.kafka.record import (
    TENANT_MISMATCH,
    DecodedRecord,
    Headers,
    Record,
    Rejected,
    Skipped,
)


class Count(StrEnum):
    """Counters of a batch; the values are keys of the log event `batch.committed`."""

    READ = "read"
    REPEATED = "repeated"
    SKIPPED = "skipped"
    SKIPPED_BY_OPERATOR = "skipped_by_operator"
    LOST_TIME = "lost_time"  # before the database was restored
    DEFERRED = "deferred"
    FACTS = "facts"
    DEAD_LETTERS = "dead_letters"


@dataclass(slots=True)
class Triage:
    """The new events of a batch with their records, and the dead letters of the others.

    `seen` has the highest sequence of each source of facts, by partition. `ignored` names the
    members of requests and jobs that were ignored, by `id()` of the event.
    """

    runs: UnreadableRuns
    seen: dict[TopicPartition, dict[str, str]]
    quarantined: set[str]
    deleted_tenants: Mapping[str, bool] = field(default_factory=dict)
    events: list[tuple[BaseModel, Record]] = field(default_factory=list)
    ignored: dict[int, tuple[str, ...]] = field(default_factory=dict)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    quarantines: list[Quarantine] = field(default_factory=list)
    counts: Counter[Count] = field(default_factory=Counter)

    def reject(self, record: Record, rejected: Rejected, *, is_ours: bool) -> None:
        """Add the dead letter of an unreadable record, with a company only on our topics."""
        is_known = is_ours and rejected.reason != TENANT_MISMATCH
        company_id = read_trusted_company(record) if is_known else None
        dead_letter = build_dead_letter(
            record, rejected.reason, rejected.detail, rejected.sqlstate, company_id
        )
        self.dead_letters.append(blank_if_deleted(record, dead_letter, self.deleted_tenants))

    def count_unreadable(self, record: Record, rejected: Rejected) -> None:
        """Count an unreadable record; a run of them quarantines its line."""
        if quarantine := self.runs.count_unreadable(record, rejected):
            self.quarantines.append(quarantine)
            self.quarantined.add(quarantine.line)


def triage(
    readings: Sequence[DecodedRecord],
    checkpoints: Mapping[TopicPartition, Checkpoint],
    replays: Replays,
    decoder: RecordDecoder,
    runs: UnreadableRuns,
    lost: LostFacts | None = None,
) -> Triage:
    """Classify each record, in order; `runs` is not changed, the result has an updated copy.

    Records before their checkpoint, those that an operator skipped, and facts of the lost time
    are only counted.
    """
    batch = Triage(
        runs=runs.copy(),
        seen={partition: dict(row.seen) for partition, row in checkpoints.items()},
        quarantined={line for row in checkpoints.values() for line in row.quarantined or ()},
        deleted_tenants=find_deleted_tenants(checkpoints.values()),
    )
    for reading in readings:
        record = reading.record
        partition = TopicPartition(record.topic, record.partition)
        if record.offset < checkpoints[partition].next_offset:
            batch.counts[Count.REPEATED] += 1
            continue
        batch.counts[Count.READ] += 1
        if record.offset in (checkpoints[partition].skipped or ()):
            batch.counts[Count.SKIPPED_BY_OPERATOR] += 1
        elif skip_reason := replays.find_skip_reason(record):
            batch.counts[Count(skip_reason)] += 1
        elif batch.quarantined and (line := find_line(record)) in batch.quarantined:
            rejected = Rejected("quarantined", describe_resume(line))
            batch.reject(record, rejected, is_ours=decoder.is_ours(record.topic))
        else:
            _add_reading(reading, batch, decoder, batch.seen[partition], lost or LostFacts())
    return batch


def _add_reading(
    reading: DecodedRecord,
    batch: Triage,
    decoder: RecordDecoder,
    seen: dict[str, str],
    lost: LostFacts,
) -> None:
    record, event = reading.record, reading.event
    if isinstance(event, Rejected):
        batch.reject(record, event, is_ours=decoder.is_ours(record.topic))
        batch.count_unreadable(record, event)
        return
    batch.runs.note_readable(record)
    if isinstance(event, Skipped):
        batch.counts[Count.SKIPPED] += 1
    elif dead_letter := reject_if_deleted(record, event, batch.deleted_tenants):
        batch.dead_letters.append(dead_letter)
    elif _is_trusted(event) and lost.includes(reading.headers.source, reading.headers.sequence):
        batch.counts[Count.LOST_TIME] += 1
    elif _is_new(event, reading.headers, seen):
        batch.events.append((event, record))
        if reading.ignored:
            batch.ignored[id(event)] = reading.ignored
    else:
        batch.counts[Count.REPEATED] += 1


def _is_trusted(event: BaseModel) -> bool:
    """Return whether only our services write events of this kind."""
    return isinstance(event, Event) and event.ours_alone


def _is_new(event: BaseModel, headers: Headers, seen: dict[str, str]) -> bool:
    """Return whether a fact's sequence is higher than all seen of its source, and note it.

    Events on topics with external producers are always new: their headers are not trusted.
    """
    if not (_is_trusted(event) and headers.source and headers.sequence):
        return True
    if headers.sequence <= seen.get(headers.source, ""):
        return False
    seen[headers.source] = headers.sequence
    return True
