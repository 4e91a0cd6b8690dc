"""A batch before its handlers: what is new and readable, and the dead letters of the rest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from pydantic import BaseModel

from shared.contracts.base import Event
from shared.delivery.checkpoints import Checkpoint
from shared.delivery.dead_letters import DeadLetter, claimed_company, dead_letter
from shared.delivery.decode import (
    TENANT_MISMATCH,
    Headers,
    Reading,
    Record,
    Rejected,
    Skipped,
    SortingTable,
)
from shared.delivery.leaving import leaving_in, refusal_of_event, without_words
from shared.delivery.quarantine import Quarantine, Runs, lifting, line_of
from shared.delivery.replay import Replays


@dataclass(slots=True)
class Sorted:
    """A batch after the sorting table: readable events with their records, and the rest."""

    runs: Runs
    seen: dict[TopicPartition, dict[str, str]]
    quarantined: set[str]
    leaving: Mapping[str, bool] = field(default_factory=dict)
    events: list[tuple[BaseModel, Record]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    quarantines: list[Quarantine] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def give_up(self, record: Record, why: Rejected, *, is_ours: bool) -> None:
        """Make a dead letter of a record that is not read; whose it is, only our topics tell."""
        is_known = is_ours and why.reason != TENANT_MISMATCH
        company_id = claimed_company(record) if is_known else None
        letter = dead_letter(record, why.reason, why.detail, why.sqlstate, company_id)
        self.letters.append(without_words(record, letter, self.leaving))

    def watch(self, record: Record, why: Rejected) -> None:
        """Count an unreadable record; a run of them quarantines its line."""
        if quarantine := self.runs.unreadable(record, why):
            self.quarantines.append(quarantine)
            self.quarantined.add(quarantine.line)


def sort(
    readings: Sequence[Reading],
    held: Mapping[TopicPartition, Checkpoint],
    replays: Replays,
    table: SortingTable,
    runs: Runs,
) -> Sorted:
    """Judge each record alone, in its order.

    Those before their checkpoint are dropped, and those that an operator has put into the dead
    letters.
    """
    batch = Sorted(
        runs=runs.copy(),
        seen={place: dict(row.seen) for place, row in held.items()},
        quarantined={line for row in held.values() for line in row.quarantined or ()},
        leaving=leaving_in(held.values()),
    )
    for reading in readings:
        record = reading.record
        place = TopicPartition(record.topic, record.partition)
        if record.offset < held[place].next_offset:
            batch.counts["repeated"] += 1
            continue
        batch.counts["read"] += 1
        if record.offset in (held[place].skipped or ()):
            batch.counts["skipped_by_hand"] += 1
        elif fate := replays.fate(record):
            batch.counts[fate] += 1
        elif batch.quarantined and (line := line_of(record)) in batch.quarantined:
            why = Rejected("quarantined", lifting(line))
            batch.give_up(record, why, is_ours=table.is_ours(record.topic))
        else:
            _take(reading, batch, table, batch.seen[place])
    return batch


def _take(reading: Reading, batch: Sorted, table: SortingTable, seen: dict[str, str]) -> None:
    record, event = reading.record, reading.event
    if isinstance(event, Rejected):
        batch.give_up(record, event, is_ours=table.is_ours(record.topic))
        batch.watch(record, event)
        return
    batch.runs.readable(record)
    if isinstance(event, Skipped):
        batch.counts["skipped"] += 1
    elif refused := refusal_of_event(record, event, batch.leaving):
        batch.letters.append(refused)
    elif _is_new(event, reading.headers, seen):
        batch.events.append((event, record))
    else:
        batch.counts["repeated"] += 1


def _is_new(event: BaseModel, headers: Headers, seen: dict[str, str]) -> bool:
    """Drop a fact not above the highest sequence of its source, on topics that are ours alone."""
    ours = isinstance(event, Event) and event.ours_alone
    if not (ours and headers.source and headers.sequence):
        return True
    if headers.sequence <= seen.get(headers.source, ""):
        return False
    seen[headers.source] = headers.sequence
    return True
