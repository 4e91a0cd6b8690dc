"""The reasons why partitions are paused; a partition without a reason is resumed."""

from collections.abc import Iterable

from aiokafka import TopicPartition

from shared.delivery.kafka.consumer import FindConsumer


class Pauses:
    """Keeps the reasons and applies them to a consumer, which loses its pauses at a rebalance.

    A reason applies to named partitions, or to all assigned ones.
    """

    def __init__(self, consumer: FindConsumer) -> None:
        self._consumer = consumer
        self._reasons: dict[str, set[TopicPartition] | None] = {}  # None: all partitions

    def hold(self, reason: str, partitions: Iterable[TopicPartition] | None = None) -> None:
        """Pause exactly these partitions for a reason, or all."""
        self._reasons[reason] = None if partitions is None else set(partitions)
        self.apply()

    def release(self, reason: str) -> None:
        """Remove a reason."""
        if reason in self._reasons:
            del self._reasons[reason]
            self.apply()

    def apply(self) -> None:
        """Pause and resume partitions by the reasons; needed also after every assignment."""
        consumer = self._consumer()
        if consumer is None:
            return
        assigned = set(consumer.assignment())
        to_pause = assigned & self._find_held(assigned)
        paused = assigned & set(consumer.paused())
        if to_pause - paused:
            consumer.pause(*(to_pause - paused))
        if paused - to_pause:
            consumer.resume(*(paused - to_pause))

    def _find_held(self, assigned: set[TopicPartition]) -> set[TopicPartition]:
        held: set[TopicPartition] = set()
        for partitions in self._reasons.values():
            held |= assigned if partitions is None else partitions
        return held
