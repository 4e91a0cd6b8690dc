"""Records read before their transaction begins, so that no lock waits for what reading costs."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.outcome import Outcome
from shared.delivery.decode import Headers, Reading, Record, Rejected, SortingTable
from shared.delivery.in_flight import in_parts
from shared.delivery.lanes import Lane
from shared.delivery.noise import Spans
from shared.delivery.positions import Aside
from shared.delivery.subscription import Subscription

READ_AT_ONCE = 2**20  # bytes of records that are read before other tasks get their turn

Unread = Mapping[tuple[TopicPartition, int], Rejected]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records, and the readings of those that are to be taken now.

    `outcomes` is what handlers that only read made of events, by the event's identity. `aside` is
    what the checkpoints are believed to hold, `spans` what they are to hold after this batch.
    """

    records: Sequence[Record]
    readings: Sequence[Reading]
    aside: Mapping[TopicPartition, Aside] = field(default_factory=dict)
    spans: Mapping[TopicPartition, Spans] = field(default_factory=dict)
    outcomes: Mapping[int, Outcome] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchReader:
    """Reads batches of one service."""

    table: SortingTable
    subscriptions: Sequence[Subscription]
    lane: Lane

    async def read(
        self,
        engine: AsyncEngine,
        records: Sequence[Record],
        aside: Mapping[TopicPartition, Aside],
        unread: Unread,
    ) -> Batch:
        """Read the records that are to be taken now; those in `unread` are left as they are."""
        choice = self.lane.choose(records, aside)
        readings = list[Reading]()
        for part in in_parts(choice.taken, READ_AT_ONCE):
            readings += [self._reading(record, unread) for record in part]
            await asyncio.sleep(0)
        outcomes: defaultdict[int, Outcome] = defaultdict(list)
        for subscription in self.subscriptions:
            if subscription.only_reads:
                for item in await _outcome(engine, subscription, readings):
                    outcomes[id(item.cause)].append(item)
        return Batch(records, readings, aside, choice.aside, outcomes)

    def _reading(self, record: Record, unread: Unread) -> Reading:
        place = TopicPartition(record.topic, record.partition)
        why = unread.get((place, record.offset)) if unread else None
        return self.table.reading(record) if why is None else Reading(record, Headers(), why)


async def _outcome(
    engine: AsyncEngine, subscription: Subscription, readings: Sequence[Reading]
) -> Outcome:
    found = [r for r in readings if isinstance(r.event, subscription.contracts)]
    outcome: Outcome = []
    for events in _parts(found):
        async with engine.connect() as conn:
            # Nothing is written, so no transaction has to stay open while a handler thinks.
            await conn.execution_options(isolation_level="AUTOCOMMIT")
            outcome += await subscription.handler(conn, events)
    return outcome


def _parts(readings: Sequence[Reading]) -> Iterator[list[BaseModel]]:
    event_of = {id(r.record): r.event for r in readings if isinstance(r.event, BaseModel)}
    for part in in_parts([reading.record for reading in readings], READ_AT_ONCE):
        yield [event_of[id(record)] for record in part]
