"""One worker process: takes batches from Kafka through the corridor and tells what came of them."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import structlog
from aiokafka.errors import IllegalStateError, KafkaError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.delivery import checkpoints
from shared.delivery.consumer import Consumer
from shared.delivery.corridor import Corridor, Place, Result
from shared.delivery.decode import Record
from shared.delivery.outage import Outage
from shared.delivery.outbox import unpack
from shared.delivery.publish import Publisher

log = structlog.get_logger("chatia.worker")


class OvertakenError(Exception):
    """Another worker has moved these checkpoints: they are read anew before going on."""

    def __init__(self, places: Iterable[Place]) -> None:
        super().__init__(", ".join(f"{p.topic}/{p.partition}" for p in places))
        self.places = set(places)


class Worker:
    """Holds what a process believes of its partitions and keeps it true to the database.

    `positions` are the offsets that the checkpoints had when we last saw them; a partition that
    is not among them is taken over first: its outbox is told again, and reading goes on from the
    stored offset. `busy` is held for the length of a batch; a rebalance waits for it.
    """

    def __init__(
        self,
        corridor: Corridor,
        engine: AsyncEngine,
        publisher: Publisher,
        consumer: Callable[[], Consumer],
    ) -> None:
        self.corridor = corridor
        self.busy = asyncio.Lock()
        self._consumer = consumer
        self._engine = engine
        self._publisher = publisher
        self._positions: dict[Place, int] = {}
        self._sought: set[Place] = set()
        self._untold: set[Place] = set()
        self._takeovers = 0
        self.outage = Outage(engine, consumer)

    async def take(self, records: Sequence[Record]) -> None:
        """Carry one batch; whatever goes wrong with the world, its records are read again."""
        takeovers = self._takeovers
        async with self.busy:
            # A batch that waited while partitions were taken over was fetched before their seek:
            # what it holds of them will be read again from there.
            if takeovers != self._takeovers:
                records = [r for r in records if Place(r.topic, r.partition) not in self._sought]
            try:
                await self._take(records)
                self.outage.is_over()
            except OvertakenError as overtaken:
                log.info("partitions.overtaken", partitions=str(overtaken))
                self._forget(overtaken.places)
                self._seek_back(records)
            # Nothing may leave the handler: FastStream would go on with the next batch and the
            # records of this one would never be read again. An outage and a bug of ours are both
            # waited for, loudly; neither is ever dead-lettered.
            except Exception as error:  # noqa: BLE001 - see above
                self._seek_back(records)
                self.outage.wait_out(error)

    async def take_over(self, places: Iterable[Place]) -> None:
        """Make partitions ours: tell what their outboxes hold, read on from the stored offset."""
        wanted = set(places)
        if not wanted:
            return
        self._takeovers += 1
        starts = await self._consumer().beginning_offsets(wanted)
        async with self._engine.begin() as conn:
            await checkpoints.create(conn, self.corridor.service, starts)
            held = await checkpoints.lock(conn, self.corridor.service, wanted)
        await self._publisher.publish(
            fact for _, row in sorted(held.items()) for fact in unpack(row.outbox)
        )
        for place, row in held.items():
            self._consumer().seek(place, row.next_offset)
            self._positions[place] = row.next_offset
            self._sought.add(place)
            self._untold.discard(place)

    async def let_go(self, places: Iterable[Place]) -> None:
        """Empty the told outboxes of partitions that another worker will take over."""
        leaving = {p: self._positions[p] for p in places if p in self._positions}
        told = {p: offset for p, offset in leaving.items() if p not in self._untold}
        self._forget(leaving)
        if told:
            async with self._engine.begin() as conn:
                await checkpoints.clear(conn, self.corridor.service, told)

    async def close(self) -> None:
        """Let go of everything, at the end of the process."""
        self.outage.forget()
        async with self.busy:
            try:
                await self.let_go(list(self._positions))
            except (OSError, SQLAlchemyError) as error:
                # Only an economy: who takes over next tells once more what was told already.
                log.warning("outboxes.left", error=type(error).__name__)

    async def _take(self, records: Sequence[Record]) -> None:
        started = time.monotonic()
        by_place: dict[Place, list[Record]] = defaultdict(list)
        for record in records:
            by_place[Place(record.topic, record.partition)].append(record)
        lost = {p for p in by_place if p not in self._positions or p in self._untold}
        # Their records in hand were fetched before the seek of the taking over: read them again.
        await self.take_over(lost & set(self._consumer().assignment()))
        fitting = [
            record
            for place, found in by_place.items()
            if place not in lost and self._fits(place, found)
            for record in found
        ]
        if not fitting:
            return
        result = await self._commit(fitting)
        self._positions.update(result.next_offsets)
        self._untold.update(result.next_offsets)
        await self._publisher.publish(result.facts)
        self._untold.difference_update(result.next_offsets)
        await self._show_progress(result.next_offsets)
        log.info(
            "batch.carried",
            service=self.corridor.service,
            partitions=len(result.next_offsets),
            ms=round((time.monotonic() - started) * 1000),
            **result.counts,
        )

    def _fits(self, place: Place, records: Sequence[Record]) -> bool:
        """Tell whether a partition's records go on where we are; else read from there.

        After a seek the first record is the next one, whatever its offset: logs have gaps.
        """
        position, first = self._positions[place], records[0].offset
        fresh = place in self._sought
        self._sought.discard(place)
        if first <= position or fresh:
            return True
        self._consumer().seek(place, position)
        self._sought.add(place)
        return False

    async def _commit(self, records: Sequence[Record]) -> Result:
        places = {Place(r.topic, r.partition) for r in records}
        async with self._engine.begin() as conn:
            held = await checkpoints.lock(conn, self.corridor.service, places)
            moved = {
                p for p in places if p not in held or held[p].next_offset != self._positions[p]
            }
            if moved:
                raise OvertakenError(moved)
            return await self.corridor.carry(conn, records, held)

    async def _show_progress(self, offsets: dict[Place, int]) -> None:
        """Commit to Kafka for lag dashboards only; the truth is in the checkpoints."""
        ours = {p: o for p, o in offsets.items() if p in set(self._consumer().assignment())}
        if not ours:
            return
        try:
            await self._consumer().commit(ours)
        except KafkaError as error:
            log.info("lag.not_committed", error=type(error).__name__)

    def _seek_back(self, records: Sequence[Record]) -> None:
        first: dict[Place, int] = {}
        for record in records:
            first.setdefault(Place(record.topic, record.partition), record.offset)
        for place, offset in first.items():
            with suppress(IllegalStateError):  # no longer ours: its new owner reads the checkpoint
                self._consumer().seek(place, min(offset, self._positions.get(place, offset)))
                self._sought.add(place)

    def _forget(self, places: Iterable[Place]) -> None:
        for place in set(places):
            self._positions.pop(place, None)
            self._sought.discard(place)
            self._untold.discard(place)
