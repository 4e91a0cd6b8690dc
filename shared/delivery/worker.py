"""The batch loop of a worker process: processes batches, commits them, publishes their facts."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError
from aiokafka.structs import OffsetAndMetadata
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.delivery.batch import ignored_members
from shared.delivery.batch.poison import (
    FailureAction,
    PoisonDetector,
    PostponedRecord,
    describe_location,
)
from shared.delivery.batch.portions import Portions
from shared.delivery.batch.transaction import BatchResult, BatchTransaction, DeferredChangedError
from shared.delivery.checkpoints import store as checkpoint_store
from shared.delivery.checkpoints.continuity import (
    describe_lost_records,
    describe_replaced_log,
)
from shared.delivery.checkpoints.positions import (
    Fit,
    Positions,
    drop_partitions,
    find_first_offsets,
    group_by_partition,
)
from shared.delivery.checkpoints.restored import build_note
from shared.delivery.checkpoints.store import CheckpointMovedError
from shared.delivery.claimed_partitions import ClaimedPartitions
from shared.delivery.dead_letters.quarantine import EverythingUnreadableError, UnreadableRuns
from shared.delivery.health.halted_partitions import HaltedPartitions
from shared.delivery.health.outage import Outage
from shared.delivery.health.status import Health
from shared.delivery.kafka import group_lag
from shared.delivery.kafka.consumer import FindConsumer
from shared.delivery.kafka.fetch_sizes import BYTES_IN_FLIGHT
from shared.delivery.kafka.limits import limit_waiting
from shared.delivery.kafka.pauses import Pauses
from shared.delivery.kafka.publisher import Publisher
from shared.delivery.kafka.record import Record
from shared.metrics import instruments

log = structlog.get_logger("chatia.worker")

MAINTENANCE_S = 2.0
CLOSE_TIMEOUT_S = 10.0
CHECK_HALTED_EVERY = 5  # maintenance runs between two checks of halted partitions


class Worker:
    """Consumes the partitions of one process, each from its checkpoint in the database.

    A partition without a position is claimed first (`ClaimedPartitions`). `busy` is held for the
    length of a batch; a rebalance waits for it. `quarantine_after` is how many unreadable records
    in a row quarantine a line, 0 none.
    """

    def __init__(
        self,
        transaction: BatchTransaction,
        engine: AsyncEngine,
        publisher: Publisher,
        consumer: FindConsumer,
        bytes_in_flight: int = BYTES_IN_FLIGHT,
        quarantine_after: int = 0,
    ) -> None:
        self.transaction = transaction
        self.busy = asyncio.Lock()
        self.health = Health()
        self.pauses = Pauses(consumer)
        self.outage = Outage(engine, self.pauses, self.health)
        self.halted = HaltedPartitions(self.pauses, self.health)
        self._consumer = consumer
        self._engine = engine
        self._publisher = publisher
        self._positions = Positions()
        self.partitions = ClaimedPartitions(
            transaction.service, engine, publisher, consumer, self._positions, self.pauses,
            self.halted, transaction.lost,
        )  # fmt: skip
        self._runs = UnreadableRuns(quarantine_after)
        self._portions = Portions(bytes_in_flight)
        self._poison = PoisonDetector(engine, transaction.service)
        self._wake_up = asyncio.Event()

    async def consume(self, records: Sequence[Record]) -> None:
        """Process a batch; after an error that no record causes, seek back to read it again."""
        snapshot = self._positions.take_snapshot()
        async with self.busy:
            # Records of partitions that were claimed while this batch waited were fetched before
            # the seek, and will be read again. Of other partitions this is the only copy.
            if moved := self._positions.find_changed(snapshot):
                records = [r for r in records if TopicPartition(r.topic, r.partition) not in moved]
            portions = deque(self._portions.cut(records))
            try:
                await self._consume_portions(portions)
            except CheckpointMovedError as overtaken:
                log.info("partitions.overtaken", partitions=str(overtaken))
                self._positions.forget(overtaken.partitions)
                self._seek_back(portions)
            except EverythingUnreadableError as error:
                self._seek_back(portions)
                self.halted.halt_all(str(error))
            # No error may leave this method: FastStream would take the next batch, and these
            # records would be lost. An error that no single record causes is an outage: it is
            # logged, the worker waits, and no dead letter is written.
            except Exception as error:  # noqa: BLE001 - see above
                self._seek_back(portions)
                self._postpone(error, portions[0])

    async def _consume_portions(self, portions: deque[Sequence[Record]]) -> None:
        postponed = list[PostponedRecord]()
        try:
            while portions:
                postponed += await self._consume_first(portions)
        finally:  # also if another portion fails; otherwise they would be lost
            self._seek_back([[each.record] for each in postponed])
        for each in postponed:
            self._postpone(each.error, [each.record])
        if not postponed:
            self.outage.end()

    async def _consume_first(self, portions: deque[Sequence[Record]]) -> list[PostponedRecord]:
        """Consume the first portion; after an error that a record may cause, split it in halves.

        A single record with an error that the deployment may cause is returned, and the other
        records of its partition are dropped: they are read again after it.
        """
        portion = portions[0]
        try:
            await self._commit_and_publish(portion)
        except (CheckpointMovedError, EverythingUnreadableError, ConsumerStoppedError):
            raise
        # Errors that no record causes are raised again.
        except Exception as error:
            self._portions.note_failure(portion, error)
            verdict = await self._poison.decide_after_failure(portion, error)
            if verdict is FailureAction.WAIT:
                raise
            self._positions.mark_retried(find_first_offsets(portion))
            if verdict is FailureAction.POSTPONE:
                others = drop_partitions(portions, group_by_partition(portion))
                portions.clear()
                portions.extend(others)
                return [PostponedRecord(portion[0], error)]
            if (middle := len(portion) // 2) > 0:
                portions.popleft()
                portions.extendleft((portion[middle:], portion[:middle]))
        else:
            self._portions.note_success(portions.popleft())
        return []

    def request_claim(self, partitions: Iterable[TopicPartition]) -> None:
        """Let the maintenance loop claim partitions.

        A rebalance callback must return immediately: no heartbeats are sent while it runs.
        """
        self.partitions.forget(partitions)
        self._wake_up.set()

    async def close(self) -> None:
        """Release all partitions, at the end of the process, unless a batch waits for a server."""
        self.outage.cancel()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S), self.busy:
                await self.partitions.release(self._positions)
        except TimeoutError:
            log.warning("partitions.not_released")  # as after a SIGKILL: their outboxes stay

    async def run_maintenance(self) -> None:
        """Run periodic work every 2 seconds, until cancelled.

        It claims unclaimed partitions, resumes halted ones after an accept-reset, clears outboxes
        of idle partitions, and detects the end of an outage: at once if it detected its beginning.
        """
        rounds, has_failed = 0, False
        await self._wake_up.wait()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(MAINTENANCE_S):
                    await self._wake_up.wait()
            self._wake_up.clear()
            rounds += 1
            async with self.busy:
                self.health.note_loop_iteration()
            if self.outage.is_active:
                continue
            async with self.busy:
                try:
                    await self._maintain(
                        checks_halted=has_failed or rounds % CHECK_HALTED_EVERY == 0
                    )
                    has_failed = False
                # As in `consume`: no error may end this loop.
                except Exception as error:  # noqa: BLE001 - see above
                    has_failed = True
                    self._postpone(error)

    async def _maintain(self, *, checks_halted: bool) -> None:
        consumer = self._consumer()
        if consumer is None:
            return
        unclaimed = self.partitions.find_unclaimed(consumer.assignment())
        await self.partitions.claim(
            unclaimed | self.halted.partitions if checks_halted else unclaimed
        )
        if checks_halted:
            await self.outage.check_database()
        if unclaimed or checks_halted:
            self.outage.end()
        if self.health.idle_s >= MAINTENANCE_S:
            await self.partitions.clear_outboxes()

    async def _commit_and_publish(self, records: Sequence[Record]) -> None:
        started = time.monotonic()
        records_of = group_by_partition(records)
        unclaimed = self._positions.find_unclaimed(records_of)
        # Records of these were fetched before the seek of the claim, and are read again.
        if consumer := self._consumer():
            await self.partitions.claim(
                self.partitions.find_unclaimed(unclaimed & set(consumer.assignment()))
            )
        fitting = await self._select_fitting(
            {p: r for p, r in records_of.items() if p not in unclaimed}
        )
        if not fitting:
            return
        result = await self._commit(fitting)
        self._runs = result.runs
        self._positions.mark_committed(result.next_offsets, result.deferred)
        ignored_members.log_names(self.transaction.service, result.ignored)
        self._poison.note_success(result.kinds)
        self._poison.forget(result.next_offsets)
        with instruments.PUBLISH_SECONDS.labels(self.transaction.owner).time():
            published = await self._publisher.publish(result.facts)
        instruments.FACTS.labels(self.transaction.owner).inc(published)
        self._positions.mark_published(result.next_offsets)
        await group_lag.commit_offsets(self._consumer(), self._build_commits(result.next_offsets))
        seconds = time.monotonic() - started
        instruments.note_batch(self.transaction.owner, seconds, result.counts.items())
        log.info(
            "batch.committed",
            service=self.transaction.service,
            partitions=len(result.next_offsets),
            ms=round(seconds * 1000),
            **{count.value: number for count, number in result.counts.items()},
        )

    def _build_commits(
        self, next_offsets: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        deployment = self.transaction.deployment
        return {
            partition: OffsetAndMetadata(
                offset, build_note(deployment, self._positions[partition].epoch)
            )
            for partition, offset in next_offsets.items()
            if partition in self._positions
        }

    async def _select_fitting(self, records_of: dict[TopicPartition, list[Record]]) -> list[Record]:
        """Return the records that continue their positions; seek back or halt other partitions."""
        fits = {p: self._positions[p].check_fit(records[0]) for p, records in records_of.items()}
        gaps = [partition for partition, fit in fits.items() if fit is Fit.AFTER_A_GAP]
        starts = await self._load_log_starts(gaps)
        fitting = []
        for partition, fit in fits.items():
            next_offset = self._positions[partition].next_offset
            if fit is Fit.OTHER_LOG:
                self.partitions.halt(partition, describe_replaced_log(next_offset))
            elif fit is Fit.BEHIND:
                self._positions.forget([partition])
            elif fit is Fit.SKIPPED_SOME:
                self._seek(partition, next_offset)
            elif problem := describe_lost_records(next_offset, starts.get(partition, next_offset)):
                self.partitions.halt(partition, problem)
            else:
                fitting += [r for r in records_of[partition] if r.offset >= next_offset]
        return fitting

    async def _load_log_starts(
        self, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        consumer = self._consumer()
        if not partitions:
            return {}
        if consumer is None:
            raise ConsumerStoppedError
        async with limit_waiting():
            return await consumer.beginning_offsets(partitions)

    async def _commit(self, records: Sequence[Record]) -> BatchResult:
        """Commit a batch; if the deferred ranges have changed, select and commit it again."""
        while True:
            try:
                return await self._try_commit(records)
            except DeferredChangedError as changed:
                self._positions.set_deferred(changed.deferred)

    async def _try_commit(self, records: Sequence[Record]) -> BatchResult:
        positions = {
            partition: self._positions[partition] for partition in find_first_offsets(records)
        }
        next_offsets = {partition: each.next_offset for partition, each in positions.items()}
        deferred = {partition: each.deferred for partition, each in positions.items()}
        exclusions = self._poison.build_exclusions(
            {p: each.skipped for p, each in positions.items()}
        )
        batch = await self.transaction.reader.read(self._engine, records, deferred, exclusions)
        async with self._engine.begin() as conn:
            checkpoints = await checkpoint_store.lock_at(
                conn, self.transaction.service, next_offsets
            )
            return await self.transaction.run(conn, batch, checkpoints, self._runs)

    def _postpone(self, error: Exception, records: Sequence[Record] = ()) -> None:
        """Begin an outage; without a consumer the process ends, and nothing is read again here."""
        if self._consumer() is None:
            location = describe_location(records)
            log.info(
                "batch.abandoned", error=type(error).__name__, records=len(records), **location
            )
            return
        self.outage.begin(error, records)

    def _seek_back(self, portions: Iterable[Sequence[Record]]) -> None:
        for partition, offset in find_first_offsets(chain.from_iterable(portions)).items():
            with suppress(IllegalStateError):  # its new owner reads from the checkpoint
                self._seek(partition, self._positions.limit_offset(partition, offset))

    def _seek(self, partition: TopicPartition, offset: int) -> None:
        if consumer := self._consumer():
            consumer.seek(partition, offset)
        if partition in self._positions:
            self._positions[partition].after_seek = True
