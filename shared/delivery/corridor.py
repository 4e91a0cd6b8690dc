"""The corridor of one batch: read it, then handle, tell, and move the checkpoints.

All but the reading is one transaction. What reading costs is up to who wrote the records, and no
lock and no idle transaction may wait for that.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.outcome import Dead, Outcome, Told
from shared.delivery import checkpoints, dead_letters, quarantine, replay
from shared.delivery.checkpoints import Checkpoint, Progress
from shared.delivery.continuity import crc_of
from shared.delivery.dead_letters import DeadLetter, dead_letter
from shared.delivery.decode import Record, SortingTable
from shared.delivery.lanes import EntryLane, Lane
from shared.delivery.noise import Spans, written
from shared.delivery.outbox import LARGEST_RECORD, Origin, Outgoing, encode, pack
from shared.delivery.poison import Kind, kind_of
from shared.delivery.positions import Aside
from shared.delivery.publish import Publisher
from shared.delivery.quarantine import Runs
from shared.delivery.reading import Batch, BatchReader
from shared.delivery.settle import Impossible, settle
from shared.delivery.sorting import Sorted, sort
from shared.delivery.subscription import Subscription

Place = TopicPartition


@dataclass(frozen=True, slots=True)
class Result:
    """What one transaction did: the facts to publish now, the new offsets, the counts to log."""

    facts: list[Outgoing]
    next_offsets: dict[Place, int]
    counts: Counter[str]
    runs: Runs
    aside: Mapping[Place, Aside] = field(default_factory=dict)
    kinds: frozenset[Kind] = frozenset()


class Corridor:
    """Carries batches of one service through its handlers; it knows SQL, not Kafka's consumer."""

    def __init__(
        self,
        service: str,
        namespace: str,
        subscriptions: Sequence[Subscription],
        publisher: Publisher,
        quarantine_after: int = 0,
        lane: Lane | None = None,
    ) -> None:
        lane = lane or EntryLane()
        self.service = service + lane.suffix
        self._owner = service
        self.namespace = namespace
        self.table = SortingTable(subscriptions, namespace)
        self.reader = BatchReader(self.table, subscriptions, lane)
        self.deployment = ""
        self.runs = Runs(quarantine_after)
        self._subscriptions = subscriptions
        self.publisher = publisher

    async def carry(
        self, conn: AsyncConnection, read: Batch, held: dict[Place, Checkpoint]
    ) -> Result:
        """Let a batch of locked checkpoints take effect; records before them are dropped.

        Raises AsideChangedError where other records stand aside than was believed.
        """
        if any(row.aside != read.aside.get(place, {}) for place, row in held.items()):
            raise AsideChangedError({place: row.aside for place, row in held.items()})
        records = read.records
        replays = await replay.find(conn, self._owner, records)
        batch = sort(read.readings, held, replays, self.table, self.runs)
        batch.counts["aside"] = len(records) - len(read.readings)
        facts = await self._settled(conn, batch, held, read.outcomes)
        letters = await replays.settle(conn, [r for _, r in batch.events], batch.letters)
        if letters:
            epochs = {place: row.epoch for place, row in held.items()}
            await dead_letters.save(conn, self._owner, letters, epochs)
        if batch.quarantines:
            await quarantine.save(conn, self._owner, batch.quarantines)
        progress = _progress(records, held, batch.seen, facts, read.spans)
        await checkpoints.save(conn, self.service, progress)
        batch.counts["told"] = len(facts)
        batch.counts["dead"] = len(batch.letters)
        return Result(
            [fact for _, fact in facts],
            {Place(p.topic, p.partition): p.next_offset for p in progress},
            batch.counts,
            batch.runs,
            {Place(p.topic, p.partition): json.loads(p.aside) for p in progress},
            _kinds(batch),
        )

    async def _settled(
        self,
        conn: AsyncConnection,
        batch: Sorted,
        held: dict[Place, Checkpoint],
        outcomes: Mapping[int, Outcome],
    ) -> list[tuple[Place, Outgoing]]:
        while True:
            letters = list(batch.letters)
            try:
                async with conn.begin_nested():
                    return await self._facts(conn, batch, held, outcomes)
            except FactTooLargeError as error:
                letter = dead_letter(
                    error.record, "fact-too-large", str(error), company_id=error.company_id
                )
                batch.letters = [*letters, letter]
                batch.events = [pair for pair in batch.events if pair[1] is not error.record]

    async def _facts(
        self,
        conn: AsyncConnection,
        batch: Sorted,
        held: dict[Place, Checkpoint],
        outcomes: Mapping[int, Outcome],
    ) -> list[tuple[Place, Outgoing]]:
        origin_of = {id(event): record for event, record in batch.events}
        told: list[Told] = []
        for subscription in self._subscriptions:
            events = [e for e, _ in batch.events if isinstance(e, subscription.contracts)]
            if not events:
                continue
            if subscription.only_reads:
                outcome = [item for event in events for item in outcomes.get(id(event), ())]
                impossible = list[Impossible]()
            else:
                outcome, impossible = await settle(conn, subscription.handler, events)
            for item in outcome:
                if isinstance(item, Told):
                    told.append(item)
                else:
                    batch.letters.append(_given_up(item, origin_of))
            for refused in impossible:
                batch.letters.append(
                    dead_letter(
                        origin_of[id(refused.cause)],
                        refused.reason,
                        refused.detail,
                        refused.sqlstate,
                        getattr(refused.cause, "company_id", None),
                    )
                )
        return self._encode(told, origin_of, held)

    def _encode(
        self,
        told: Sequence[Told],
        origin_of: dict[int, Record],
        held: dict[Place, Checkpoint],
    ) -> list[tuple[Place, Outgoing]]:
        ordered = sorted(
            ((origin_of[id(item.cause)], item.fact) for item in told),
            key=lambda pair: (pair[0].topic, pair[0].partition, pair[0].offset),
        )
        index: Counter[tuple[Place, int]] = Counter()
        facts = []
        for record, fact in ordered:
            place = Place(record.topic, record.partition)
            origin = Origin(
                self.source(place, held[place].epoch), record.offset, max(record.timestamp, 0)
            )
            number = index[place, record.offset]
            index[place, record.offset] += 1
            topic = f"{self.namespace}.{fact.topic}"
            encoded = encode(fact, origin, number, topic, self.publisher.partitions)
            if encoded.size > LARGEST_RECORD:
                raise FactTooLargeError(record, encoded, fact.company_id)
            facts.append((place, encoded))
        return facts

    def source(self, place: Place, epoch: int) -> str:
        """Name the origin of facts, as `ce_source` carries it."""
        return f"{self.deployment}/{self.service}/{place.topic}/{place.partition}/{epoch}"


class AsideChangedError(Exception):
    """The records of a batch were chosen by what stood aside in their partitions before."""

    def __init__(self, aside: Mapping[Place, Aside]) -> None:
        super().__init__()
        self.aside = aside


class FactTooLargeError(Exception):
    """A record causes a fact that no broker would take."""

    def __init__(self, record: Record, fact: Outgoing, company_id: int) -> None:
        super().__init__(
            f"The fact for {fact.topic} caused by {record.topic}/{record.partition} offset "
            f"{record.offset} has {fact.size} bytes; the limit is {LARGEST_RECORD}."
        )
        self.record = record
        self.company_id = company_id


def _kinds(batch: Sorted) -> frozenset[Kind]:
    """Return of which kinds records took effect."""
    dead = {(letter.topic, letter.partition, letter.offset) for letter in batch.letters}
    return frozenset(
        kind_of(record)
        for _, record in batch.events
        if (record.topic, record.partition, record.offset) not in dead
    )


def _given_up(item: Dead, origin_of: dict[int, Record]) -> DeadLetter:
    company_id = getattr(item.cause, "company_id", item.company_id)
    return dead_letter(origin_of[id(item.cause)], item.reason, item.detail, company_id=company_id)


def _progress(
    records: Sequence[Record],
    held: dict[Place, Checkpoint],
    seen: dict[Place, dict[str, str]],
    facts: Sequence[tuple[Place, Outgoing]],
    aside: Mapping[Place, Spans],
) -> list[Progress]:
    last = {Place(r.topic, r.partition): r for r in records}
    outboxes: dict[Place, list[Outgoing]] = {place: [] for place in last}
    for where, fact in facts:
        outboxes[where].append(fact)
    progress = []
    for place, record in sorted(last.items()):
        row = held[place]
        goes_on = record.offset >= row.next_offset
        progress.append(
            Progress(
                topic=place.topic,
                partition=place.partition,
                next_offset=record.offset + 1 if goes_on else row.next_offset,
                last_timestamp=record.timestamp if goes_on else row.last_timestamp,
                last_crc=crc_of(record) if goes_on else row.last_crc,
                outbox=pack(outboxes[place]),
                seen=json.dumps(seen[place]),
                aside=json.dumps(written(aside.get(place, {}))),
            )
        )
    return progress
