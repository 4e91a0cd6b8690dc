"""Decodes a batch before its transaction begins, so that no lock is held meanwhile."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.outcome import Outcome
from shared.delivery.batch.decoder import RecordDecoder
from shared.delivery.batch.portions import cut_by_bytes
from shared.delivery.checkpoints.positions import StoredRanges
from shared.delivery.fairness.deferred_ranges import DeferredRanges
from shared.delivery.fairness.selection import RecordSelector
from shared.delivery.kafka.record import DecodedRecord, Headers, Record, Rejected
from shared.delivery.subscription import Subscription

BYTES_PER_TURN = 2**20  # bytes that are decoded before other tasks may run

Exclusions = Mapping[tuple[TopicPartition, int], Rejected]  # by partition and offset


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of a batch; `readings` are the decoded ones to apply, others are deferred.

    `outcomes` has the results of read-only handlers, by `id()` of the event. `deferred` are the
    deferred ranges that the checkpoints should have, `ranges` those after this batch.
    """

    records: Sequence[Record]
    readings: Sequence[DecodedRecord]
    deferred: Mapping[TopicPartition, StoredRanges] = field(default_factory=dict)
    ranges: Mapping[TopicPartition, DeferredRanges] = field(default_factory=dict)
    outcomes: Mapping[int, Outcome] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchReader:
    """Selects and decodes the records of a batch, and runs its read-only handlers."""

    decoder: RecordDecoder
    subscriptions: Sequence[Subscription]
    selector: RecordSelector

    async def read(
        self,
        engine: AsyncEngine,
        records: Sequence[Record],
        deferred: Mapping[TopicPartition, StoredRanges],
        exclusions: Exclusions,
    ) -> Batch:
        """Return the batch of these records; those in `exclusions` are not decoded."""
        selection = self.selector.select(records, deferred)
        readings = list[DecodedRecord]()
        for part in cut_by_bytes(selection.records, BYTES_PER_TURN):
            readings += [self._decode(record, exclusions) for record in part]
            await asyncio.sleep(0)
        outcomes: defaultdict[int, Outcome] = defaultdict(list)
        for subscription in self.subscriptions:
            if subscription.only_reads:
                for item in await _run_reading_handler(engine, subscription, readings):
                    outcomes[id(item.cause)].append(item)
        return Batch(records, readings, deferred, selection.deferred, outcomes)

    def _decode(self, record: Record, exclusions: Exclusions) -> DecodedRecord:
        partition = TopicPartition(record.topic, record.partition)
        rejected = exclusions.get((partition, record.offset)) if exclusions else None
        if rejected is not None:
            return DecodedRecord(record, Headers(), rejected)
        return self.decoder.decode(record)


async def _run_reading_handler(
    engine: AsyncEngine, subscription: Subscription, readings: Sequence[DecodedRecord]
) -> Outcome:
    handled = [r for r in readings if isinstance(r.event, subscription.contracts)]
    outcome: Outcome = []
    for events in _cut_events(handled):
        async with engine.connect() as conn:
            # Autocommit: the handler only reads, so no transaction stays open while it computes.
            await conn.execution_options(isolation_level="AUTOCOMMIT")
            outcome += await subscription.handler(conn, events)
    return outcome


def _cut_events(readings: Sequence[DecodedRecord]) -> Iterator[list[BaseModel]]:
    event_by_record = {id(r.record): r.event for r in readings if isinstance(r.event, BaseModel)}
    for part in cut_by_bytes([reading.record for reading in readings], BYTES_PER_TURN):
        yield [event_by_record[id(record)] for record in part]
