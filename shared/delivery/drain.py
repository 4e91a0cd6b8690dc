"""The bulk lane at work: a slice of what stands aside, whenever the way is clear."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.delivery import aside, pace
from shared.delivery.aside import Waiting
from shared.delivery.consumer import Consumer
from shared.delivery.corridor import Corridor
from shared.delivery.health import US, Health, worst
from shared.delivery.lanes import Lanes
from shared.delivery.outage import awaited
from shared.delivery.pace import Pace
from shared.delivery.rereader import Rereader
from shared.delivery.retry import Backoff
from shared.delivery.worker import Worker

log = structlog.get_logger("chatia.bulk")

IDLE_S = 1.0
SWEEP_S = 10.0  # though nothing stirs: an operator may have decided
WATCHING_S = 0.1
BUSY_S = 0.04
ASK_S = 2.0  # for where logs end
NOTHING_ASIDE = "nothing aside"


class Drain:
    """Takes what stands aside in this process's partitions; the bulk lane's worker carries it.

    Who owns a partition in the normal lane owns it here. Should two hold themselves for its
    owner, the bulk lane's checkpoints decide, as everywhere.
    """

    def __init__(
        self,
        lanes: Lanes,
        corridor: Corridor,
        engine: AsyncEngine,
        rereader: Rereader,
        consumer: Callable[[], Consumer | None],
    ) -> None:
        self._service = lanes.service
        self._entry, self._bulk, self._watched = lanes.entry, lanes.bulk, lanes.watched
        self._worker = Worker(
            corridor, engine, corridor.publisher, lambda: rereader, rereader.bytes_in_flight
        )
        self._rereader = rereader
        self._consumer = consumer
        self._engine = engine
        self._pace = Pace()
        self._held: set[TopicPartition] = set()
        self._ours: set[TopicPartition] = set()
        self._sweep_at = 0.0
        self._health = Health()

    async def run(self) -> None:
        """Take slices until cancelled; an outage is waited for."""
        backoff = Backoff()
        while True:
            try:
                delay_s = await self.tick()
                backoff.succeeded()
            # As timers: a loop that died would leave records aside for ever.
            except Exception as error:  # noqa: BLE001 - see above
                delay_s = backoff.failed()
                self._complain(error)
            await asyncio.sleep(delay_s)

    def _complain(self, error: Exception) -> None:
        """Say once what is waited for; a fault of ours comes with its traceback."""
        what = awaited(error)
        if self._health.waits_for(what):
            log.error(
                "bulk.postponed",
                waiting_for=what,
                error=type(error).__name__,
                exc_info=error if what == US else None,
            )

    @property
    def status(self) -> str:
        """Say what it waits for, or had to stop."""
        return worst((self._health.status, self._worker.health.status))

    async def close(self) -> None:
        """Let go of everything, at the end of the process."""
        await self._worker.close()
        await self._rereader.stop()

    async def tick(self) -> float:
        """Look at the way, and take a slice if it is clear; gives how long to wait for the next."""
        now_s = time.monotonic()
        is_quiet = not self._entry.stirs and not self._held
        if self._is_assigned_anew() or now_s >= self._sweep_at:
            self._sweep_at = now_s + SWEEP_S
            self._held -= self._worker.stops.places  # an operator may have reset them
        elif is_quiet:
            return IDLE_S
        waiting = await self._waiting()
        if is_quiet and not waiting:
            self._entry.congested = False
            self._health.works()
            return IDLE_S
        await self._rereader.start()
        on_the_way = await self._on_the_way()
        self._entry.congested = on_the_way > pace.CONGESTED
        await self._take_up(waiting)
        drained = [place for place, found in waiting.items() if found.is_partly_drained]
        if drained:
            await self._lift(drained)
        elif waiting and not self._worker.outage.lasts:
            await self._take_slice(waiting, on_the_way)
        self._health.works()
        return BUSY_S if waiting else WATCHING_S

    async def _waiting(self) -> dict[TopicPartition, Waiting]:
        async with self._engine.connect() as conn:
            found = await aside.waiting(conn, self._service)
        return {place: waiting for place, waiting in found.items() if place in self._ours}

    def _is_assigned_anew(self) -> bool:
        consumer = self._consumer()  # there is none before the broker has started
        assigned = consumer.assignment() if consumer else ()
        before = self._ours
        self._ours = {place for place in assigned if place.topic in self._entry.topics}
        return self._ours != before

    async def _on_the_way(self) -> int:
        """Count the records that are in Kafka's log and not behind their readers' checkpoints."""
        async with self._engine.connect() as conn:
            behind = await aside.progress(conn, self._watched)
        try:
            async with asyncio.timeout(ASK_S):
                ends = await self._rereader.end_offsets({place for place, _ in behind})
        except TimeoutError as error:
            raise KafkaTimeoutError from error
        return sum(max(ends[place] - next_offset, 0) for place, next_offset in behind)

    async def _take_up(self, waiting: Mapping[TopicPartition, Waiting]) -> None:
        """Stand where each partition's first record waits; rest in the others."""
        async with self._worker.busy:
            if self._ours != self._rereader.assignment():
                await self._worker.let_go(self._held)
                self._held = set()
                self._rereader.assign(self._ours)
            self._worker.pauses.hold(NOTHING_ASIDE, self._ours - waiting.keys())
            ahead = {p: w for p, w in waiting.items() if w.is_ahead}
            await self._worker.let_go(self._held - waiting.keys() | ahead.keys())
            self._held &= waiting.keys() - ahead.keys()
            if ahead:
                async with self._engine.begin() as conn:
                    await aside.begin(conn, self._service, ahead)
            await self._worker.take_over(waiting.keys() - self._held | self._worker.lost(waiting))
            self._held = set(waiting)

    async def _lift(self, places: Sequence[TopicPartition]) -> None:
        """Let lanes go back whose last record was read and told."""
        async with self._worker.busy:
            await self._worker.let_go(places)
            self._held -= set(places)
        async with self._engine.begin() as conn:
            await aside.lift(conn, self._service, places)

    async def _take_slice(self, waiting: Mapping[TopicPartition, Waiting], on_the_way: int) -> None:
        now_s = time.monotonic()
        if not self._pace.lets_go(on_the_way, now_s):
            return
        self._bulk.aside = {place: found.spans for place, found in waiting.items()}
        ends = {place: found.known_to for place, found in waiting.items()}
        records = await self._rereader.slice(ends, self._bulk.takes, self._pace.records)
        if records:
            self._pace.went(now_s)
            await self._worker.take(records)
