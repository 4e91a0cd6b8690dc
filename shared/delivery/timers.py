"""Work that no record causes: asked for every so often, told like any other fact."""

import asyncio
import time
from collections.abc import Sequence

import structlog
from aiokafka import TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.base import Event
from shared.delivery import checkpoints
from shared.delivery.checkpoints import Checkpoint, Progress
from shared.delivery.corridor import Corridor
from shared.delivery.health import US, Health
from shared.delivery.outage import awaited
from shared.delivery.outbox import Origin, Outgoing, encode, pack, unpack
from shared.delivery.publish import Publisher
from shared.delivery.retry import Backoff
from shared.delivery.subscription import Timer

log = structlog.get_logger("chatia.timer")

# Publishing may take longer than an idle transaction may last; the claim must not end before it.
CLAIM = text("""
SELECT pg_try_advisory_xact_lock(hashtextextended(:claim, 0)),
       set_config('idle_in_transaction_session_timeout', '0', true)
""")


class TimerLoop:
    """Asks a timer's handler again and again what is due; one process of the service at a time.

    The claim is held until the facts are acknowledged, so nobody else can find them untold; if
    this process dies in between, the next claimer tells them before anything new.
    """

    def __init__(
        self, timer: Timer, corridor: Corridor, engine: AsyncEngine, publisher: Publisher
    ) -> None:
        self._timer = timer
        self._corridor = corridor
        self._engine = engine
        self._publisher = publisher
        self._place = TopicPartition(f"timer:{timer.name}", 0)
        self._backoff = Backoff()
        self._health = Health()
        self._idles = False

    async def run(self) -> None:
        """Tick until cancelled; an outage is waited for."""
        while True:
            delay_s = self._timer.pause_s(idles=False)
            try:
                await self.tick()
                delay_s = self._timer.pause_s(idles=self._idles)
                self._backoff.succeeded()
                self._health.works()
            # A timer that died would stop silently; it waits and tries again, whatever happened.
            except Exception as error:  # noqa: BLE001 - see above
                delay_s = max(delay_s, self._backoff.failed())
                self._complain(error)
            await asyncio.sleep(delay_s)

    def _complain(self, error: Exception) -> None:
        """Say once what is waited for; a fault of ours comes with its traceback."""
        what = awaited(error)
        if self._health.waits_for(what):
            log.error(
                "timer.postponed",
                timer=self._timer.name,
                waiting_for=what,
                error=type(error).__name__,
                exc_info=error if what == US else None,
            )

    async def tick(self) -> int:
        """Do what is due, unless another process is at it; returns how many facts were told."""
        async with self._engine.begin() as claim:
            name = f"{self._corridor.service}/{self._place.topic}"
            if not (await claim.execute(CLAIM, {"claim": name})).scalar_one():
                self._idles = True
                return 0
            count, were_left = await self._tell()
            return (await self._tell())[0] if were_left else count

    async def _tell(self) -> tuple[int, bool]:
        """Tell what is due; gives how many facts, and whether another process had left them."""
        async with self._engine.begin() as conn:
            row = await self._row(conn)
            if row.outbox is None:
                facts, at = await self._due(conn, row)
            else:
                facts, at = unpack(row.outbox), row.next_offset
        if facts:
            await self._publisher.publish(facts)
            async with self._engine.begin() as conn:
                await checkpoints.clear(conn, self._corridor.service, {self._place: at})
        return len(facts), row.outbox is not None

    async def _due(self, conn: AsyncConnection, row: Checkpoint) -> tuple[list[Outgoing], int]:
        told = await self._timer.handler(conn)
        self._idles = told is None
        if not told:
            return [], row.next_offset
        now_ms = int(time.time() * 1000)
        facts = self._encode(told, row, now_ms)
        progress = Progress(
            topic=self._place.topic,
            partition=0,
            next_offset=row.next_offset + 1,
            last_timestamp=now_ms,
            last_crc=None,
            outbox=pack(facts),
            seen="{}",
        )
        await checkpoints.save(conn, self._corridor.service, [progress])
        log.info("timer.ticked", timer=self._timer.name, told=len(facts))
        return facts, progress.next_offset

    def _encode(self, told: Sequence[Event], row: Checkpoint, now_ms: int) -> list[Outgoing]:
        source = self._corridor.source(self._place, row.epoch)
        return [
            encode(
                fact,
                Origin(source, row.next_offset, now_ms),
                index,
                f"{self._corridor.namespace}.{fact.topic}",
                self._publisher.partitions,
            )
            for index, fact in enumerate(told)
        ]

    async def _row(self, conn: AsyncConnection) -> Checkpoint:
        service = self._corridor.service
        held = await checkpoints.lock(conn, service, [self._place])
        if not held:
            await checkpoints.create(conn, service, {self._place: 0})
            held = await checkpoints.lock(conn, service, [self._place])
        return held[self._place]
