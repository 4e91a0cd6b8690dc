"""What delivery asks of aiokafka's consumer, which FastStream makes and owns."""

from collections.abc import Iterable
from typing import Protocol

from aiokafka import TopicPartition


class Consumer(Protocol):
    """What a worker asks of aiokafka's consumer."""

    def seek(self, partition: TopicPartition, offset: int) -> None: ...  # noqa: D102
    def assignment(self) -> Iterable[TopicPartition]: ...  # noqa: D102
    async def commit(self, offsets: dict[TopicPartition, int]) -> None: ...  # noqa: D102
    def pause(self, *partitions: TopicPartition) -> None: ...  # noqa: D102
    def paused(self) -> Iterable[TopicPartition]: ...  # noqa: D102
    def resume(self, *partitions: TopicPartition) -> None: ...  # noqa: D102
    async def beginning_offsets(  # noqa: D102
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]: ...
    async def end_offsets(  # noqa: D102
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]: ...
