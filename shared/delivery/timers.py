"""Runs timer handlers, which have no record; their facts are published through an outbox, too."""

import asyncio
import time
from collections.abc import Sequence

import structlog
from aiokafka import TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.base import Event
from shared.contracts.outcome import RejectWaiting
from shared.delivery.batch.transaction import BatchTransaction
from shared.delivery.checkpoints import store as checkpoints
from shared.delivery.checkpoints.outbox_format import pack, unpack
from shared.delivery.checkpoints.store import Checkpoint, Progress
from shared.delivery.dead_letters import store as dead_letter_store
from shared.delivery.dead_letters.store import build_waiting_dead_letter
from shared.delivery.health.backoff import Backoff
from shared.delivery.health.outage import find_cause
from shared.delivery.health.status import Health, WaitsFor
from shared.delivery.kafka.outgoing import Origin, OutgoingRecord, encode_fact
from shared.delivery.kafka.publisher import Publisher
from shared.delivery.subscription import Timer

log = structlog.get_logger("chatia.timer")

# The transaction with the lock is idle until the facts are published, so its idle timeout is off.
LOCK = text("""
SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0)),
       set_config('idle_in_transaction_session_timeout', '0', true)
""")


class TimerLoop:
    """Runs a timer's handler again and again, in one process of the service at a time.

    The lock is held until the facts are acknowledged, so that no other process publishes them too.
    If this process dies, the next one publishes them before it runs the handler.
    """

    def __init__(
        self, timer: Timer, transaction: BatchTransaction, engine: AsyncEngine, publisher: Publisher
    ) -> None:
        self._timer = timer
        self._transaction = transaction
        self._engine = engine
        self._publisher = publisher
        self._partition = TopicPartition(f"timer:{timer.name}", 0)  # of its checkpoint
        self._backoff = Backoff()
        self._health = Health()
        self._is_idle = False

    async def run(self) -> None:
        """Run until cancelled; after an error, wait and try again."""
        while True:
            delay_s = self._timer.compute_pause_s(is_idle=False)
            try:
                await self.tick()
                delay_s = self._timer.compute_pause_s(is_idle=self._is_idle)
                self._backoff.reset()
                self._health.note_work()
            # No error may end the loop: the timer would stop without being noticed.
            except Exception as error:  # noqa: BLE001 - see above
                delay_s = max(delay_s, self._backoff.lengthen())
                self._log_postponed(error)
            await asyncio.sleep(delay_s)

    def _log_postponed(self, error: Exception) -> None:
        """Log the first failure of a series; a traceback only for internal errors."""
        waits_for = find_cause(error)
        if self._health.note_waiting(waits_for):
            log.error(
                "timer.postponed",
                timer=self._timer.name,
                waiting_for=waits_for.value,
                error=type(error).__name__,
                exc_info=error if waits_for is WaitsFor.INTERNAL_ERROR else None,
            )

    async def tick(self) -> int:
        """Run the handler unless another process does; return how many facts were published."""
        async with self._engine.begin() as conn:
            name = f"{self._transaction.service}/{self._partition.topic}"
            if not (await conn.execute(LOCK, {"name": name})).scalar_one():
                self._is_idle = True
                return 0
            count, were_left = await self._run_and_publish()
            return (await self._run_and_publish())[0] if were_left else count

    async def _run_and_publish(self) -> tuple[int, bool]:
        """Publish the facts of the handler, or those that another process left in the outbox.

        Returns their number, and whether they were left over.
        """
        async with self._engine.begin() as conn:
            row = await self._lock_checkpoint(conn)
            if row.outbox is None:
                facts, next_offset = await self._run_handler(conn, row)
            else:
                facts, next_offset = unpack(row.outbox), row.next_offset
        if facts:
            await self._publisher.publish(facts)
            async with self._engine.begin() as conn:
                cleared = {self._partition: next_offset}
                await checkpoints.clear_outboxes(conn, self._transaction.service, cleared)
        return len(facts), row.outbox is not None

    async def _run_handler(
        self, conn: AsyncConnection, row: Checkpoint
    ) -> tuple[list[OutgoingRecord], int]:
        """Return the facts of the handler, which are in the outbox then, and the next offset."""
        outcome = await self._timer.handler(conn)
        self._is_idle = outcome is None
        rejects = [item for item in outcome or () if isinstance(item, RejectWaiting)]
        await self._save_dead_letters(conn, rejects)
        events = [item for item in outcome or () if isinstance(item, Event)]
        if not events:
            return [], row.next_offset
        now_ms = int(time.time() * 1000)
        facts = self._encode_facts(events, row, now_ms)
        progress = Progress(
            topic=self._partition.topic,
            partition=0,
            next_offset=row.next_offset + 1,
            last_timestamp=now_ms,
            last_crc=None,
            outbox=pack(facts),
            seen="{}",
        )
        await checkpoints.save(conn, self._transaction.service, [progress])
        log.info(
            "timer.ticked", timer=self._timer.name, facts=len(facts), dead_letters=len(rejects)
        )
        return facts, progress.next_offset

    async def _save_dead_letters(
        self, conn: AsyncConnection, rejects: Sequence[RejectWaiting]
    ) -> None:
        namespace = self._transaction.namespace
        dead_letters = [build_waiting_dead_letter(item, namespace) for item in rejects]
        if dead_letters:
            await dead_letter_store.save(conn, self._transaction.owner, dead_letters, {})

    def _encode_facts(
        self, events: Sequence[Event], row: Checkpoint, now_ms: int
    ) -> list[OutgoingRecord]:
        source = self._transaction.build_source(self._partition, row.epoch)
        return [
            encode_fact(
                event,
                Origin(source, row.next_offset, now_ms),
                index,
                f"{self._transaction.namespace}.{event.topic}",
                self._publisher.count_partitions,
            )
            for index, event in enumerate(events)
        ]

    async def _lock_checkpoint(self, conn: AsyncConnection) -> Checkpoint:
        service = self._transaction.service
        rows = await checkpoints.lock(conn, service, [self._partition])
        if not rows:
            await checkpoints.create(conn, service, {self._partition: 0})
            rows = await checkpoints.lock(conn, service, [self._partition])
        return rows[self._partition]
