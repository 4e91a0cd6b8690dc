"""The second consumer of a process: reads deferred records while the backlog is small."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import structlog
from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.delivery.batch.transaction import BatchTransaction
from shared.delivery.fairness import deferred, pacing
from shared.delivery.fairness.deferred import DeferredPartition
from shared.delivery.fairness.pacing import Pacing
from shared.delivery.fairness.selection import Selectors
from shared.delivery.health.backoff import Backoff
from shared.delivery.health.outage import find_cause
from shared.delivery.health.status import Health, WaitsFor, find_worst
from shared.delivery.kafka.consumer import FindConsumer
from shared.delivery.kafka.limits import limit_waiting
from shared.delivery.kafka.partition_reader import PartitionReader
from shared.delivery.worker import Worker

log = structlog.get_logger("chatia.deferred")

IDLE_S = 1.0
CHECK_EVERY_S = 10.0  # seconds, even without noisy tenants: an operator may reset checkpoints
WATCHING_S = 0.1
BUSY_S = 0.04
END_OFFSETS_TIMEOUT_S = 2.0
NOTHING_DEFERRED = "nothing deferred"


class DeferredConsumer:
    """Reads the deferred records of this process's partitions, with a worker of the bulk path.

    It has no consumer group: a process reads the deferred records of the partitions that it is
    assigned in the main path's group. If two processes both consider a partition assigned, the
    checkpoints of the bulk path decide.
    """

    def __init__(
        self,
        selectors: Selectors,
        transaction: BatchTransaction,
        engine: AsyncEngine,
        reader: PartitionReader,
        consumer: FindConsumer,
        quarantine_after: int = 0,
    ) -> None:
        self._service = selectors.service
        self._main, self._bulk = selectors.main, selectors.bulk
        self._watched_topics = selectors.watched_topics
        self._worker = Worker(
            transaction,
            engine,
            transaction.publisher,
            lambda: reader if reader.is_connected else None,
            reader.bytes_in_flight,
            quarantine_after,
        )
        self._reader = reader
        self._consumer = consumer
        self._engine = engine
        self._pacing = Pacing()
        self._claimed: set[TopicPartition] = set()
        self._assigned: set[TopicPartition] = set()
        self._check_at = 0.0
        self._health = Health()

    async def run(self) -> None:
        """Read slices until cancelled, also after an outage."""
        backoff = Backoff()
        while True:
            try:
                delay_s = await self.tick()
                backoff.reset()
            # The loop must not end, or records would stay deferred forever.
            except Exception as error:  # noqa: BLE001 - see above
                delay_s = backoff.lengthen()
                self._report(error)
            await asyncio.sleep(delay_s)

    def _report(self, error: Exception) -> None:
        """Log once what is waited for, an internal error with its traceback."""
        cause = find_cause(error)
        if self._health.note_waiting(cause):
            log.error(
                "slice.postponed",
                waiting_for=cause.value,
                error=type(error).__name__,
                exc_info=error if cause is WaitsFor.INTERNAL_ERROR else None,
            )

    @property
    def status(self) -> str:
        """The health status: `ok`, what this consumer waits for, or which partitions it halted."""
        return find_worst(health.status for health in self.healths)

    @property
    def healths(self) -> tuple[Health, Health]:
        """The health of its loop, and of its worker."""
        return self._health, self._worker.health

    async def close(self) -> None:
        """Release all partitions and disconnect, at the end of the process."""
        await self._worker.close()
        await self._reader.stop()

    async def tick(self) -> float:
        """Read a slice if the backlog is small; return the seconds until the next call."""
        now_s = time.monotonic()
        is_quiet = not self._main.is_active and not self._claimed
        if self._is_assignment_new() or now_s >= self._check_at:
            self._check_at = now_s + CHECK_EVERY_S
            self._claimed -= self._worker.halted.partitions  # an operator may have reset them
        elif is_quiet:
            return IDLE_S
        partitions = await self._load_partitions()
        if is_quiet and not partitions:
            self._main.congested = False
            self._health.note_work()
            return IDLE_S
        async with limit_waiting():
            await self._reader.start()
        backlog = await self._measure_backlog()
        self._main.congested = backlog > pacing.CONGESTED_BACKLOG
        await self._claim(partitions)
        drained = [name for name, partition in partitions.items() if partition.has_finished_range]
        if drained:
            await self._remove_finished_ranges(drained)
        elif partitions and not self._worker.outage.is_active:
            await self._read_slice(partitions, backlog)
        self._health.note_work()
        return BUSY_S if partitions else WATCHING_S

    async def _load_partitions(self) -> dict[TopicPartition, DeferredPartition]:
        async with self._engine.connect() as conn:
            partitions = await deferred.load_partitions(conn, self._service)
        return {name: partitions[name] for name in partitions if name in self._assigned}

    def _is_assignment_new(self) -> bool:
        consumer = self._consumer()  # there is none before the broker has started
        assignment = consumer.assignment() if consumer else ()
        before = self._assigned
        self._assigned = {p for p in assignment if p.topic in self._main.topics}
        return self._assigned != before

    async def _measure_backlog(self) -> int:
        """Count the records in Kafka's log that checkpoints have not passed."""
        async with self._engine.connect() as conn:
            progress = await deferred.load_progress(conn, self._watched_topics)
        async with limit_waiting(END_OFFSETS_TIMEOUT_S):
            ends = await self._reader.end_offsets({partition for partition, _ in progress})
        return sum(max(ends[partition] - next_offset, 0) for partition, next_offset in progress)

    async def _claim(self, partitions: Mapping[TopicPartition, DeferredPartition]) -> None:
        """Claim the partitions with deferred records, and pause the others."""
        async with self._worker.busy:
            if self._assigned != self._reader.assignment():
                await self._worker.partitions.release(self._claimed)
                self._claimed = set()
                self._reader.assign(self._assigned)
            self._worker.pauses.hold(NOTHING_DEFERRED, self._assigned - partitions.keys())
            ahead = {p: found for p, found in partitions.items() if found.is_ahead_of_bulk_path}
            await self._worker.partitions.release(self._claimed - partitions.keys() | ahead.keys())
            self._claimed &= partitions.keys() - ahead.keys()
            if ahead:
                async with self._engine.begin() as conn:
                    await deferred.advance_bulk_path(conn, self._service, ahead)
            await self._worker.partitions.claim(
                partitions.keys() - self._claimed
                | self._worker.partitions.find_unclaimed(partitions)
            )
            self._claimed = set(partitions)

    async def _remove_finished_ranges(self, partitions: Sequence[TopicPartition]) -> None:
        """Remove finished ranges, so that their tenants' new records take the main path again."""
        async with self._worker.busy:
            await self._worker.partitions.release(partitions)
            self._claimed -= set(partitions)
        async with self._engine.begin() as conn:
            await deferred.remove_finished_ranges(conn, self._service, partitions)

    async def _read_slice(
        self, partitions: Mapping[TopicPartition, DeferredPartition], backlog: int
    ) -> None:
        now_s = time.monotonic()
        if not self._pacing.may_send(backlog, now_s):
            return
        self._bulk.deferred = {name: partition.ranges for name, partition in partitions.items()}
        ends = {name: partition.main_offset for name, partition in partitions.items()}
        records = await self._reader.read_slice(ends, self._bulk.is_deferred, self._pacing.records)
        if records:
            self._pacing.mark_sent(now_s)
            await self._worker.consume(records)
