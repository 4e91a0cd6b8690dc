"""The methods of aiokafka's consumer that delivery uses; FastStream makes and owns the consumer."""

from collections.abc import Callable, Iterable
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata


class Consumer(Protocol):
    """Protocol of the used methods of AIOKafkaConsumer, also implemented by `PartitionReader`."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read a partition from an offset on; raise IllegalStateError if it is not assigned."""

    def assignment(self) -> Iterable[TopicPartition]:
        """Return the assigned partitions."""
        ...

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit offsets to Kafka; raise KafkaError if that fails."""

    def pause(self, *partitions: TopicPartition) -> None:
        """Pause partitions: polls return no records of them."""

    def paused(self) -> Iterable[TopicPartition]:
        """Return the partitions that are paused."""
        ...

    def resume(self, *partitions: TopicPartition) -> None:
        """Read paused partitions again."""

    async def beginning_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return the log start offsets of partitions."""
        ...

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the log end offsets of partitions."""
        ...


# Returns the consumer; None before the broker has started and, at the end of the process, after it
# has stopped, which may be in the middle of a batch.
FindConsumer = Callable[[], Consumer | None]
