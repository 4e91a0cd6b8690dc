"""The transaction in which a batch takes effect: handlers, dead letters, checkpoints, outbox.

Records are decoded before it begins, because that may take long and must not hold locks. See
docs/architecture.md.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import Event
from shared.contracts.ignored import describe_ignored
from shared.contracts.outcome import Emit, Outcome, Reject, RejectWaiting
from shared.delivery.batch import ignored_members
from shared.delivery.batch.decoder import RecordDecoder
from shared.delivery.batch.ignored_members import IgnoredNames, add_to_answer
from shared.delivery.batch.isolation import RefusedEvent, run_handler
from shared.delivery.batch.poison import Kind, read_kind
from shared.delivery.batch.reading import Batch, BatchReader
from shared.delivery.batch.triage import Count, Triage, triage
from shared.delivery.checkpoints import store as checkpoint_store
from shared.delivery.checkpoints.continuity import compute_crc
from shared.delivery.checkpoints.outbox_format import pack
from shared.delivery.checkpoints.positions import StoredRanges
from shared.delivery.checkpoints.restored import LostFacts, build_source
from shared.delivery.checkpoints.store import Checkpoint, Progress
from shared.delivery.dead_letters import quarantine, replay
from shared.delivery.dead_letters import store as dead_letter_store
from shared.delivery.dead_letters.quarantine import UnreadableRuns
from shared.delivery.dead_letters.store import (
    DeadLetter,
    build_dead_letter,
    build_waiting_dead_letter,
    drop_content,
)
from shared.delivery.fairness.deferred_ranges import DeferredRanges, dump_ranges
from shared.delivery.fairness.selection import MainSelector, RecordSelector
from shared.delivery.kafka.outgoing import LARGEST_RECORD, Origin, OutgoingRecord, encode_fact
from shared.delivery.kafka.publisher import Publisher
from shared.delivery.kafka.record import Record
from shared.delivery.subscription import Subscription

Checkpoints = Mapping[TopicPartition, Checkpoint]
Facts = list[
    tuple[TopicPartition, OutgoingRecord]
]  # with the partition of the record that caused them


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of a batch transaction: facts to publish, new offsets, and counts to log.

    `runs` counts unreadable records in a row, `kinds` are topic and type of the applied records.
    `ignored` names ignored members of events without an answer, by type.
    """

    facts: list[OutgoingRecord]
    next_offsets: dict[TopicPartition, int]
    counts: Counter[Count]
    runs: UnreadableRuns
    deferred: Mapping[TopicPartition, StoredRanges] = field(default_factory=dict)
    kinds: frozenset[Kind] = frozenset()
    ignored: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class BatchTransaction:
    """Runs batches of one service through its handlers.

    `deployment` is the UUID in "Deployment", the first part of `ce_source`.
    """

    def __init__(
        self,
        service: str,
        namespace: str,
        deployment: str,
        subscriptions: Sequence[Subscription],
        publisher: Publisher,
        selector: RecordSelector | None = None,
    ) -> None:
        selector = selector or MainSelector()
        self.service = service + selector.suffix
        self.owner = service
        self.namespace = namespace
        self.deployment = deployment
        self.decoder = RecordDecoder(subscriptions, namespace)
        self.reader = BatchReader(self.decoder, subscriptions, selector)
        self.publisher = publisher
        self.lost = LostFacts()
        self._subscriptions = subscriptions

    async def run(
        self, conn: AsyncConnection, batch: Batch, checkpoints: Checkpoints, runs: UnreadableRuns
    ) -> BatchResult:
        """Apply a batch whose checkpoints are locked; records before the checkpoints are dropped.

        Raises DeferredChangedError if the deferred ranges in the checkpoints differ from those
        that the batch was selected with.
        """
        if any(row.deferred != batch.deferred.get(p, {}) for p, row in checkpoints.items()):
            raise DeferredChangedError({p: row.deferred for p, row in checkpoints.items()})
        replays = await replay.load_replays(conn, self.owner, batch.records)
        triaged = triage(batch.readings, checkpoints, replays, self.decoder, runs, self.lost)
        triaged.counts[Count.DEFERRED] = len(batch.records) - len(batch.readings)
        facts = await self._apply(conn, triaged, checkpoints, batch.outcomes)
        dead_letters = await replays.resolve(
            conn, [record for _, record in triaged.events], triaged.dead_letters
        )
        if dead_letters:
            epochs = {partition: row.epoch for partition, row in checkpoints.items()}
            await dead_letter_store.save(conn, self.owner, dead_letters, epochs)
        if triaged.quarantines:
            await quarantine.save(conn, self.owner, triaged.quarantines)
        progress = _build_progress(batch, checkpoints, triaged.seen, facts)
        await checkpoint_store.save(conn, self.service, progress)
        triaged.counts[Count.FACTS] = len(facts)
        triaged.counts[Count.DEAD_LETTERS] = len(triaged.dead_letters)
        return BatchResult(
            [fact for _, fact in facts],
            {TopicPartition(p.topic, p.partition): p.next_offset for p in progress},
            triaged.counts,
            triaged.runs,
            {TopicPartition(p.topic, p.partition): json.loads(p.deferred) for p in progress},
            _find_kinds(triaged),
            ignored_members.collect((event for event, _ in triaged.events), triaged.ignored),
        )

    async def _apply(
        self,
        conn: AsyncConnection,
        batch: Triage,
        checkpoints: Checkpoints,
        outcomes: Mapping[int, Outcome],
    ) -> Facts:
        """Run the handlers; if an event causes a too large fact, reject it and run them again."""
        while True:
            dead_letters = list(batch.dead_letters)
            try:
                async with conn.begin_nested():
                    return await self._run_handlers(conn, batch, checkpoints, outcomes)
            except FactTooLargeError as error:
                dead_letter = build_dead_letter(
                    error.record, "fact-too-large", str(error), company_id=error.company_id
                )
                batch.dead_letters = [*dead_letters, dead_letter]
                batch.events = [pair for pair in batch.events if pair[1] is not error.record]

    async def _run_handlers(
        self,
        conn: AsyncConnection,
        batch: Triage,
        checkpoints: Checkpoints,
        outcomes: Mapping[int, Outcome],
    ) -> Facts:
        records = {id(event): record for event, record in batch.events}
        emits: list[Emit] = []
        for subscription in self._subscriptions:
            events = [e for e, _ in batch.events if isinstance(e, subscription.contracts)]
            if not events:
                continue
            if subscription.only_reads:
                outcome = [item for event in events for item in outcomes.get(id(event), ())]
                refused = list[RefusedEvent]()
            else:
                outcome, refused = await run_handler(conn, subscription.handler, events)
            emits += [item for item in outcome if isinstance(item, Emit)]
            rejects = [item for item in outcome if not isinstance(item, Emit)]
            batch.dead_letters += [
                self._build_dead_letter(item, records, batch.ignored)
                for item in (*rejects, *refused)
            ]
        caused = [(records[id(e.cause)], add_to_answer(e, batch.ignored)) for e in emits]
        return self._encode_facts(caused, checkpoints)

    def _build_dead_letter(
        self,
        item: Reject | RejectWaiting | RefusedEvent,
        records: Mapping[int, Record],
        ignored: IgnoredNames,
    ) -> DeadLetter:
        if isinstance(item, RejectWaiting):
            return build_waiting_dead_letter(item, self.namespace)
        if isinstance(item, RefusedEvent):
            sqlstate, company_id = item.sqlstate, None
        else:
            sqlstate, company_id = None, item.company_id
        company_id = getattr(item.cause, "company_id", company_id)
        record = records[id(item.cause)]
        detail = item.detail + describe_ignored(ignored.get(id(item.cause), ()))
        dead_letter = build_dead_letter(record, item.reason, detail, sqlstate, company_id)
        is_dropped = isinstance(item, Reject) and not item.keeps_content
        return drop_content(dead_letter) if is_dropped else dead_letter

    def _encode_facts(
        self, caused: Iterable[tuple[Record, Event]], checkpoints: Checkpoints
    ) -> Facts:
        """Encode facts in the order of the records that cause them."""
        caused = sorted(caused, key=lambda pair: (pair[0].topic, pair[0].partition, pair[0].offset))
        next_index: Counter[tuple[TopicPartition, int]] = Counter()
        facts: Facts = []
        for record, fact in caused:
            partition = TopicPartition(record.topic, record.partition)
            source = self.build_source(partition, checkpoints[partition].epoch)
            origin = Origin(source, record.offset, max(record.timestamp, 0))
            index = next_index[partition, record.offset]
            next_index[partition, record.offset] += 1
            topic = f"{self.namespace}.{fact.topic}"
            encoded = encode_fact(fact, origin, index, topic, self.publisher.count_partitions)
            if encoded.size > LARGEST_RECORD:
                raise FactTooLargeError(record, encoded, fact.company_id)
            facts.append((partition, encoded))
        return facts

    def build_source(self, partition: TopicPartition, epoch: int) -> str:
        """Return the `ce_source` of facts that records of a partition cause."""
        return build_source(self.deployment, self.service, partition, epoch)


class DeferredChangedError(Exception):
    """The deferred ranges in the checkpoints changed after a batch was selected."""

    def __init__(self, deferred: Mapping[TopicPartition, StoredRanges]) -> None:
        super().__init__()
        self.deferred = deferred


class FactTooLargeError(Exception):
    """A record causes a fact that is larger than Kafka's record limit."""

    def __init__(self, record: Record, fact: OutgoingRecord, company_id: int) -> None:
        super().__init__(
            f"The fact for {fact.topic} caused by {record.topic}/{record.partition} offset "
            f"{record.offset} has {fact.size} bytes; the limit is {LARGEST_RECORD}."
        )
        self.record = record
        self.company_id = company_id


def _find_kinds(batch: Triage) -> frozenset[Kind]:
    """Return topic and type of the applied records."""
    rejected = {(d.topic, d.partition, d.offset) for d in batch.dead_letters}
    return frozenset(
        read_kind(record)
        for _, record in batch.events
        if (record.topic, record.partition, record.offset) not in rejected
    )


def _build_progress(
    batch: Batch,
    checkpoints: Checkpoints,
    seen: Mapping[TopicPartition, dict[str, str]],
    facts: Facts,
) -> list[Progress]:
    last_records = {TopicPartition(r.topic, r.partition): r for r in batch.records}
    outboxes: dict[TopicPartition, list[OutgoingRecord]] = {p: [] for p in last_records}
    for partition, fact in facts:
        outboxes[partition].append(fact)
    return [
        _build_row(
            checkpoints[partition],
            record,
            pack(outboxes[partition]),
            seen[partition],
            batch.ranges.get(partition, {}),
        )
        for partition, record in sorted(last_records.items())
    ]


def _build_row(
    checkpoint: Checkpoint,
    last_record: Record,
    outbox: bytes | None,
    seen: dict[str, str],
    ranges: DeferredRanges,
) -> Progress:
    """Build the checkpoint after a batch; if all records were repeated, its offset stays."""
    moves = last_record.offset >= checkpoint.next_offset
    return Progress(
        topic=checkpoint.topic,
        partition=checkpoint.partition,
        next_offset=last_record.offset + 1 if moves else checkpoint.next_offset,
        last_timestamp=last_record.timestamp if moves else checkpoint.last_timestamp,
        last_crc=compute_crc(last_record) if moves else checkpoint.last_crc,
        outbox=outbox,
        seen=json.dumps(seen),
        deferred=json.dumps(dump_ranges(ranges)),
    )
