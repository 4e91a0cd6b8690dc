"""A Kafka and a database that misbehave by a seed, around the product's own worker.

Statements and sockets are all that is not real. Failures: a transaction that cannot begin, fails,
or commits without an answer; publishing that breaks off half-way; refused commits of offsets;
rebalances while batches are fetched, in hand or waiting; members that miss one (zombies).
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError
from aiokafka.structs import OffsetAndMetadata
from typing_extensions import override

from shared.delivery.batch.transaction import BatchResult
from shared.delivery.checkpoints.continuity import compute_crc
from shared.delivery.checkpoints.positions import group_by_partition
from shared.delivery.checkpoints.restored import LostFacts
from shared.delivery.checkpoints.store import Checkpoint, CheckpointMovedError
from shared.delivery.dead_letters.quarantine import UnreadableRuns

Place = TopicPartition

PARTITIONS = 4
RECORDS = 200  # of a partition, at most
GAPS = 0.1  # share of offsets after which some are missing, as in any log
NAP_S = 0.001


@dataclass(slots=True)
class World:
    """The contents of Kafka and the database, and the random source."""

    random: Random
    calm: bool = False
    log: dict[Place, list[Any]] = field(default_factory=dict)
    visible: Counter[Place] = field(default_factory=Counter)
    rows: dict[Place, Checkpoint] = field(default_factory=dict)
    locks: dict[Place, asyncio.Lock] = field(default_factory=dict)
    applied: dict[Place, list[int]] = field(default_factory=lambda: defaultdict(list))
    told: dict[Place, list[int]] = field(default_factory=lambda: defaultdict(list))
    committed: dict[Place, int] = field(default_factory=dict)

    @classmethod
    def of(cls, seed: int) -> "World":
        """Build logs with gaps, of which nothing is visible yet."""
        world = cls(Random(seed))
        for partition in range(PARTITIONS):
            place, offset = TopicPartition("t", partition), 0
            records = []
            while offset < RECORDS:
                records.append(_record(place, offset))
                is_gap = world.random.random() < GAPS
                offset += world.random.randint(2, 6) if is_gap else 1
            world.log[place], world.locks[place] = records, asyncio.Lock()
            world.rows[place] = Checkpoint("t", partition, 0, None, None, 0, None, {}, {}, None)
        return world

    def fails(self, share: float) -> bool:
        """Return at random whether something fails now."""
        return not self.calm and self.random.random() < share

    async def nap(self) -> None:
        """Wait for a random time, so that other tasks run."""
        await asyncio.sleep(self.random.choice((0, 0, NAP_S * self.random.random(), NAP_S)))

    @property
    def is_taken_in(self) -> bool:
        """Return whether every checkpoint is at the end of its log."""
        return all(
            self.rows[place].next_offset > records[-1].offset for place, records in self.log.items()
        )


def _record(place: Place, offset: int) -> Any:
    value = str(offset).encode()
    topic, partition = place
    return ConsumerRecord(topic, partition, offset, offset, 0, b"k", value, None, 0, 0, ())


class Transaction:
    """A transaction that locks checkpoint rows and changes them on commit."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.held: list[asyncio.Lock] = []
        self.changes: list[Callable[[], None]] = []

    async def lock(self, places: Iterable[Place]) -> dict[Place, Checkpoint]:
        """Lock rows in their order."""
        ordered = sorted(places)
        for place in ordered:
            await self.world.locks[place].acquire()
            self.held.append(self.world.locks[place])
            await self.world.nap()
        return {place: self.world.rows[place] for place in ordered}

    async def execute(self, *_: object) -> None:
        """Accept a statement; the database is available."""


class Database:
    """A replacement for the engine."""

    def __init__(self, world: World) -> None:
        self._world = world

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """Begin a transaction; it commits, fails, or commits although the connection breaks."""
        if self._world.fails(0.02):
            raise OSError
        transaction = Transaction(self._world)
        try:
            yield transaction
            if self._world.fails(0.01):
                raise OSError
            for change in transaction.changes:
                change()
        finally:
            for lock in transaction.held:
                lock.release()
        if self._world.fails(0.01):
            raise OSError

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Transaction]:
        """Connect, for reads."""
        yield Transaction(self._world)


async def create(*_: object) -> None:
    """Replace `checkpoints.create`: all rows are there."""


async def lock(conn: Transaction, _: str, places: Iterable[Place]) -> dict[Place, Checkpoint]:
    """Replace `checkpoints.lock`."""
    return await conn.lock(places)


async def lock_at(
    conn: Transaction, _: str, believed: Mapping[Place, int]
) -> dict[Place, Checkpoint]:
    """Replace `checkpoints.lock_at`."""
    held = await conn.lock(believed)
    moved = {place for place, at in believed.items() if held[place].next_offset != at}
    if moved:
        raise CheckpointMovedError(moved)
    return held


async def clear_outboxes(conn: Transaction, _: str, told: Mapping[Place, int]) -> None:
    """Replace `checkpoints.clear_outboxes`."""
    await conn.lock(told)
    rows = conn.world.rows

    def empty() -> None:
        for place, next_offset in told.items():
            if rows[place].next_offset == next_offset:
                rows[place] = replace(rows[place], outbox=None)

    conn.changes.append(empty)


def unpack(outbox: list[tuple[Place, int]] | None) -> list[tuple[Place, int]]:
    """Replace `outbox.unpack`: the model's outboxes are lists."""
    return list(outbox or ())


class Reader:
    """Returns records unchanged."""

    async def read(self, _: object, records: Sequence[Any], *__: object) -> Sequence[Any]:
        """Replace `BatchReader.read`."""
        return records


class NothingLost(LostFacts):
    """What is known of a database that was never restored."""

    @override
    async def load(self, conn: Any) -> None:
        """Read nothing."""


class BatchTransaction:
    """Applies records and emits a fact for each, in a transaction."""

    service = owner = "model"

    def __init__(self) -> None:
        self.reader = Reader()
        self.lost = NothingLost()
        self.deployment = "d"

    async def run(
        self,
        conn: Transaction,
        records: Sequence[Any],
        held: Mapping[Place, Checkpoint],
        runs: UnreadableRuns,
    ) -> BatchResult:
        """Apply the records that are not before their checkpoint."""
        await conn.world.nap()
        if conn.world.fails(0.02):
            raise OSError
        new = group_by_partition(r for r in records if r.offset >= held[_place(r)].next_offset)
        facts: list[Any] = [(place, r.offset) for place in sorted(new) for r in new[place]]

        def apply() -> None:
            for place, found in new.items():
                last = found[-1]
                conn.world.applied[place] += [record.offset for record in found]
                conn.world.rows[place] = replace(
                    conn.world.rows[place],
                    next_offset=last.offset + 1,
                    last_timestamp=last.timestamp,
                    last_crc=compute_crc(last),
                    outbox=[fact for fact in facts if fact[0] == place],  # type: ignore[arg-type]
                )

        conn.changes.append(apply)
        next_offsets = {place: found[-1].offset + 1 for place, found in new.items()}
        return BatchResult(facts, next_offsets, Counter(), runs)


def _place(record: Any) -> Place:
    return TopicPartition(record.topic, record.partition)


class Publisher:
    """Publishes facts in order, and fails at random."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def publish(self, facts: Iterable[tuple[Place, int]]) -> int:
        """Publish facts; return how many."""
        published = list(facts)
        for place, offset in published:
            if self._world.random.random() < 0.1:
                await self._world.nap()
            if self._world.fails(0.003):
                raise KafkaConnectionError
            self._world.told[place].append(offset)
        return len(published)


class Consumer:
    """A member of the group, with positions as aiokafka keeps them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._at: dict[Place, int] = {}
        self._paused: set[Place] = set()
        self.is_zombie = False
        self.joined = asyncio.Event()

    def assign(self, places: Iterable[Place]) -> None:
        """Assign partitions, each from its committed offset."""
        self._at = {place: self._world.committed.get(place, 0) for place in places}
        self._paused, self.is_zombie = set(), False
        self.joined.set()

    def assignment(self) -> set[Place]:
        return set(self._at)

    def seek(self, place: Place, offset: int) -> None:
        if place not in self._at:
            raise IllegalStateError
        self._at[place] = offset

    def pause(self, *places: Place) -> None:
        self._paused |= set(places)

    def paused(self) -> set[Place]:
        return set(self._paused)

    def resume(self, *places: Place) -> None:
        self._paused -= set(places)

    async def commit(self, offsets: Mapping[Place, OffsetAndMetadata]) -> None:
        await self._world.nap()
        if self.is_zombie or self._world.fails(0.05):
            raise CommitFailedError
        self._world.committed.update({place: at.offset for place, at in offsets.items()})

    async def beginning_offsets(self, places: Iterable[Place]) -> dict[Place, int]:
        await self._world.nap()
        if self._world.fails(0.02):
            raise KafkaConnectionError
        return dict.fromkeys(places, 0)

    async def end_offsets(self, places: Iterable[Place]) -> dict[Place, int]:
        await self._world.nap()
        return dict.fromkeys(places, RECORDS + 10)

    async def getmany(self) -> list[Any]:
        """Return the visible records of some partitions and advance their positions."""
        await self._world.nap()
        await self.joined.wait()
        random, batch = self._world.random, list[Any]()
        for place in random.sample(sorted(self._at), len(self._at)):
            if place in self._paused or random.random() < 0.3:
                continue
            shown = self._world.log[place][: self._world.visible[place]]
            found = [r for r in shown if r.offset >= self._at[place]][: random.randint(1, 25)]
            if found:
                batch += found
                self._at[place] = found[-1].offset + 1
        return batch
