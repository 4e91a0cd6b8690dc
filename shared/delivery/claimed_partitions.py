"""Claims partitions for a worker, and releases them."""

import asyncio
from collections.abc import Iterable

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.delivery.checkpoints import store as checkpoint_store
from shared.delivery.checkpoints.continuity import describe_broken_log
from shared.delivery.checkpoints.outbox_format import unpack
from shared.delivery.checkpoints.positions import Position, Positions
from shared.delivery.checkpoints.restored import LostFacts
from shared.delivery.health.halted_partitions import HaltedPartitions
from shared.delivery.kafka.consumer import FindConsumer
from shared.delivery.kafka.limits import limit_waiting
from shared.delivery.kafka.pauses import Pauses
from shared.delivery.kafka.publisher import Publisher

log = structlog.get_logger("chatia.worker")

RELEASE_TIMEOUT_S = 5.0


class ClaimedPartitions:
    """Claims partitions for a worker, and releases them.

    To claim is to lock the checkpoint, publish the facts of its outbox again (the last owner may
    have died before it published them), compare Kafka's log with the checkpoint, and seek to the
    stored offset. A partition whose log does not continue the checkpoint is halted.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of one worker
        self,
        service: str,
        engine: AsyncEngine,
        publisher: Publisher,
        consumer: FindConsumer,
        positions: Positions,
        pauses: Pauses,
        halted: HaltedPartitions,
        lost: LostFacts,
    ) -> None:
        self._service = service
        self._engine = engine
        self._publisher = publisher
        self._consumer = consumer
        self._positions = positions
        self._pauses = pauses
        self._halted = halted
        self._lost = lost

    async def claim(self, partitions: Iterable[TopicPartition]) -> None:
        """Publish the outboxes of partitions, check their logs, and seek to their checkpoints.

        Without a consumer nothing is claimed. Raises KafkaTimeoutError after 15 seconds.
        """
        wanted, consumer = set(partitions), self._consumer()
        if not wanted or consumer is None:
            return
        self._pauses.apply()
        async with limit_waiting():
            starts = await consumer.beginning_offsets(wanted)
            ends = await consumer.end_offsets(wanted)
        async with self._engine.begin() as conn:
            await checkpoint_store.create(conn, self._service, starts)
            checkpoints = await checkpoint_store.lock(conn, self._service, wanted)
            await self._lost.load(conn)
        await self._publisher.publish(
            fact for _, row in sorted(checkpoints.items()) for fact in unpack(row.outbox)
        )
        for partition, row in checkpoints.items():
            problem = describe_broken_log(row.next_offset, starts[partition], ends[partition])
            if problem:
                self.halt(partition, problem)
                continue
            position = Position(
                row.next_offset,
                row.last_record,
                has_outbox=row.outbox is not None,
                deferred=row.deferred,
                skipped=row.skipped or (),
                epoch=row.epoch,
            )
            try:
                consumer.seek(partition, position.seek_offset)
            except IllegalStateError:
                continue  # it is not assigned any more: another worker will claim it
            self._positions[partition] = position
            self._halted.resume(partition)

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop the positions of partitions, so that they have to be claimed again."""
        self._positions.forget(partitions)
        self._pauses.apply()

    def find_unclaimed(self, partitions: Iterable[TopicPartition]) -> set[TopicPartition]:
        """Return the partitions without a position that are not halted."""
        return self._positions.find_unclaimed(partitions) - self._halted.partitions

    async def release(self, partitions: Iterable[TopicPartition]) -> None:
        """Clear the published outboxes of partitions that another worker will claim."""
        released = set(partitions)
        published = self._positions.find_published_outboxes(released)
        self._positions.forget(released)
        for partition in released & self._halted.partitions:
            self._halted.resume(partition)
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT_S):  # a rebalance waits for it
                await self._clear(published)
        except (OSError, SQLAlchemyError) as error:
            # Harmless: the next owner publishes these facts again, and consumers drop duplicates.
            log.warning("outboxes.clear_failed", error=type(error).__name__)

    async def clear_outboxes(self) -> None:
        """Clear the outboxes of claimed partitions whose facts are published."""
        await self._clear(self._positions.find_published_outboxes(self._positions))

    def halt(self, partition: TopicPartition, problem: str) -> None:
        """Halt a partition until an operator decides; `problem` is a sentence for them."""
        self._positions.forget([partition])
        self._halted.halt(partition, problem)

    async def _clear(self, next_offsets: dict[TopicPartition, int]) -> None:
        if next_offsets:
            async with self._engine.begin() as conn:
                await checkpoint_store.clear_outboxes(conn, self._service, next_offsets)
            self._positions.mark_cleared(next_offsets)
