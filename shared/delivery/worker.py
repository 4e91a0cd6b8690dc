"""One worker process: takes batches from Kafka through the corridor and tells what came of them."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain

import structlog
from aiokafka.errors import IllegalStateError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.delivery import checkpoints, lag
from shared.delivery.checkpoints import OvertakenError
from shared.delivery.consumer import Consumer
from shared.delivery.continuity import broken_log, lost_to_retention, other_log
from shared.delivery.corridor import AsideChangedError, Corridor, Place, Result
from shared.delivery.decode import Record
from shared.delivery.health import Health
from shared.delivery.in_flight import BYTES_IN_FLIGHT, Portions
from shared.delivery.outage import Outage
from shared.delivery.outbox import unpack
from shared.delivery.pauses import Pauses
from shared.delivery.poison import Left, Poison, Verdict
from shared.delivery.positions import Fit, Position, Positions, by_place, first_offsets, without
from shared.delivery.publish import Publisher
from shared.delivery.quarantine import EverythingUnreadableError
from shared.delivery.stops import Stops

log = structlog.get_logger("chatia.worker")

LOOK_ROUND_S = 2.0
LOOK_AT_STOPPED_EVERY = 5  # rounds


class Worker:
    """Holds what a process believes of its partitions and keeps it true to the database.

    A partition without a position is taken over first: its outbox is told again, its log is
    compared with its checkpoint, and reading goes on from the stored offset. `busy` is held for
    the length of a batch; a rebalance waits for it.
    """

    def __init__(
        self,
        corridor: Corridor,
        engine: AsyncEngine,
        publisher: Publisher,
        consumer: Callable[[], Consumer],
        bytes_in_flight: int = BYTES_IN_FLIGHT,
    ) -> None:
        self.corridor = corridor
        self.busy = asyncio.Lock()
        self.health = Health()
        self.pauses = Pauses(consumer)
        self.outage = Outage(engine, self.pauses, self.health)
        self.stops = Stops(self.pauses, self.health)
        self._consumer = consumer
        self._engine = engine
        self._publisher = publisher
        self._positions = Positions()
        self._expects = asyncio.Event()
        self._portions = Portions(bytes_in_flight)
        self.poison = Poison(engine, corridor.service)

    async def take(self, records: Sequence[Record]) -> None:
        """Carry one batch; whatever goes wrong with the world, its records are read again."""
        known = self._positions.known()
        async with self.busy:
            # A batch that waited while partitions were taken over was fetched before their seek:
            # what it holds of them will be read again from there. Of others it is the only copy.
            if moved := self._positions.moved_since(known):
                records = [r for r in records if Place(r.topic, r.partition) not in moved]
            waiting = deque(self._portions.of(records))
            try:
                await self._take_all(waiting)
            except OvertakenError as overtaken:
                log.info("partitions.overtaken", partitions=str(overtaken))
                self._positions.forget(overtaken.places)
                self._seek_back(waiting)
            except EverythingUnreadableError as error:
                self._seek_back(waiting)
                self.stops.stop_all(str(error))
            # Nothing may leave the handler: FastStream would go on with the next batch and the
            # records of this one would never be read again. What no single record is to blame for
            # is waited for, loudly, and never dead-lettered.
            except Exception as error:  # noqa: BLE001 - see above
                self._seek_back(waiting)
                self.outage.wait_out(error, waiting[0])

    async def _take_all(self, waiting: deque[Sequence[Record]]) -> None:
        left = list[Left]()
        try:
            while waiting:
                left += await self._take_first(waiting)
        finally:  # also where another portion fails: nothing else would read them again
            self._seek_back([[each.record] for each in left])
        for each in left:
            self.outage.wait_out(each.error, [each.record])
        if not left:
            self.outage.is_over()

    async def _take_first(self, waiting: deque[Sequence[Record]]) -> list[Left]:
        """Take the first portion; where a record of it may be to blame, leave it in halves.

        A record that may be to blame, unless its deployment is, is left and returned; what else is
        in hand of its partition is read again after it.
        """
        portion = waiting[0]
        try:
            await self._take(portion)
        except (OvertakenError, EverythingUnreadableError):
            raise
        # What is no record's fault is raised again, and waited for by who called.
        except Exception as error:
            self._portions.failed(portion, error)
            verdict = await self.poison.judge(portion, error)
            if verdict is Verdict.WAIT:
                raise
            self._positions.tried_again(first_offsets(portion))
            if verdict is Verdict.LATER:
                others = without(waiting, by_place(portion))
                waiting.clear()
                waiting.extend(others)
                return [Left(portion[0], error)]
            if (middle := len(portion) // 2) > 0:
                waiting.popleft()
                waiting.extendleft((portion[middle:], portion[:middle]))
        else:
            self._portions.went(waiting.popleft())
        return []

    async def take_over(self, places: Iterable[Place]) -> None:
        """Make partitions ours: tell what their outboxes hold, read on from the stored offset."""
        wanted = set(places)
        if not wanted:
            return
        self.pauses.apply()
        starts = await self._consumer().beginning_offsets(wanted)
        ends = await self._consumer().end_offsets(wanted)
        async with self._engine.begin() as conn:
            await checkpoints.create(conn, self.corridor.service, starts)
            held = await checkpoints.lock(conn, self.corridor.service, wanted)
        await self._publisher.publish(
            fact for _, row in sorted(held.items()) for fact in unpack(row.outbox)
        )
        for place, row in held.items():
            trouble = broken_log(row.next_offset, starts[place], ends[place])
            if trouble:
                self._stop(place, trouble)
                continue
            position = Position(
                row.next_offset,
                row.remembered,
                outbox=row.outbox is not None,
                aside=row.aside,
                skipped=row.skipped or (),
            )
            self._positions[place] = position
            self._consumer().seek(place, position.reads_from)
            self.stops.go_on(place)

    def expect(self, places: Iterable[Place]) -> None:
        """Have partitions taken over soon; a member beats no heart while its listener works."""
        self._positions.forget(places)
        self.pauses.apply()
        self._expects.set()

    def lost(self, places: Iterable[Place]) -> set[Place]:
        """Give those that have to be taken over, and may be."""
        return self._positions.lost(places) - self.stops.places

    async def let_go(self, places: Iterable[Place]) -> None:
        """Empty the told outboxes of partitions that another worker will take over."""
        leaving = set(places)
        told = self._positions.told_outboxes(leaving)
        self._positions.forget(leaving)
        for place in leaving & self.stops.places:
            self.stops.go_on(place)
        try:
            await self._clear(told)
        except (OSError, SQLAlchemyError) as error:
            # Only an economy: who takes over next tells once more what was told already.
            log.warning("outboxes.left", error=type(error).__name__)

    async def close(self) -> None:
        """Let go of everything, at the end of the process."""
        self.outage.forget()
        async with self.busy:
            await self.let_go(self._positions)

    async def look_round(self) -> None:
        """Do again and again what no record asks for, until cancelled.

        A partition whose taking over failed may get no record that would repeat it, a stopped one
        may have been reset, an idle one need not keep told facts, an outage may meet nobody.
        """
        rounds = 0
        await self._expects.wait()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_ROUND_S):
                    await self._expects.wait()
            self._expects.clear()
            rounds += 1
            async with self.busy:
                self.health.turned()
            if self.outage.lasts or self._consumer() is None:  # it goes before this loop does
                continue
            async with self.busy:
                try:
                    await self._look(also_at_stopped=rounds % LOOK_AT_STOPPED_EVERY == 0)
                # As in `take`: this loop must live as long as the process does.
                except Exception as error:  # noqa: BLE001 - see above
                    self.outage.wait_out(error)

    async def _look(self, *, also_at_stopped: bool) -> None:
        lost = self.lost(self._consumer().assignment())
        await self.take_over(lost | self.stops.places if also_at_stopped else lost)
        if also_at_stopped:
            await self.outage.ask()
        if lost or also_at_stopped:
            self.outage.is_over()
        if self.health.idle_s >= LOOK_ROUND_S:
            await self._clear(self._positions.told_outboxes(self._positions))

    async def _clear(self, told: dict[Place, int]) -> None:
        if told:
            async with self._engine.begin() as conn:
                await checkpoints.clear(conn, self.corridor.service, told)
            self._positions.cleared(told)

    async def _take(self, records: Sequence[Record]) -> None:
        started = time.monotonic()
        found = by_place(records)
        lost = self._positions.lost(found)
        # Their records in hand were fetched before the seek of the taking over: read them again.
        await self.take_over(self.lost(lost & set(self._consumer().assignment())))
        fitting = await self._fitting({p: f for p, f in found.items() if p not in lost})
        if not fitting:
            return
        result = await self._commit(fitting)
        self.corridor.runs = result.runs
        self._positions.committed(result.next_offsets, result.aside)
        self.poison.succeeded(result.kinds)
        self.poison.forget(result.next_offsets)
        await self._publisher.publish(result.facts)
        self._positions.told(result.next_offsets)
        await lag.show(self._consumer(), result.next_offsets)
        log.info(
            "batch.carried",
            service=self.corridor.service,
            partitions=len(result.next_offsets),
            ms=round((time.monotonic() - started) * 1000),
            **result.counts,
        )

    async def _fitting(self, batch: dict[Place, list[Record]]) -> list[Record]:
        """Give the records that follow where we stand; the others are read again, or stopped."""
        fits = {place: self._positions[place].fit(found[0]) for place, found in batch.items()}
        gaps = [place for place, fit in fits.items() if fit is Fit.AFTER_A_GAP]
        starts = await self._consumer().beginning_offsets(gaps) if gaps else {}
        fitting = []
        for place, fit in fits.items():
            next_offset = self._positions[place].next_offset
            if fit is Fit.OTHER_LOG:
                self._stop(place, other_log(next_offset))
            elif fit is Fit.BEHIND:
                self._positions.forget([place])
            elif fit is Fit.SKIPPED_SOME:
                self._seek(place, next_offset)
            elif trouble := lost_to_retention(next_offset, starts.get(place, next_offset)):
                self._stop(place, trouble)
            else:
                fitting += [r for r in batch[place] if r.offset >= next_offset]
        return fitting

    def _stop(self, place: Place, trouble: str) -> None:
        self._positions.forget([place])
        self.stops.stop(place, trouble)

    async def _commit(self, records: Sequence[Record]) -> Result:
        """Read records and let them take effect, with what stands aside as the rows say it."""
        while True:
            try:
                return await self._try(records)
            except AsideChangedError as changed:
                self._positions.stand_aside(changed.aside)

    async def _try(self, records: Sequence[Record]) -> Result:
        found = {place: self._positions[place] for place in first_offsets(records)}
        believed = {place: position.next_offset for place, position in found.items()}
        aside = {place: position.aside for place, position in found.items()}
        unread = self.poison.unread({p: position.skipped for p, position in found.items()})
        batch = await self.corridor.reader.read(self._engine, records, aside, unread)
        async with self._engine.begin() as conn:
            held = await checkpoints.lock_at(conn, self.corridor.service, believed)
            return await self.corridor.carry(conn, batch, held)

    def _seek_back(self, waiting: Iterable[Sequence[Record]]) -> None:
        for place, offset in first_offsets(chain.from_iterable(waiting)).items():
            with suppress(IllegalStateError):  # no longer ours: its new owner reads the checkpoint
                self._seek(place, self._positions.at_most(place, offset))

    def _seek(self, place: Place, offset: int) -> None:
        self._consumer().seek(place, offset)
        if place in self._positions:
            self._positions[place].sought = True
