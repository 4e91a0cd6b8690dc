"""Why partitions are paused: each is read again when the last of its reasons is gone."""

from collections.abc import Callable, Iterable

from aiokafka import TopicPartition

from shared.delivery.consumer import Consumer


class Pauses:
    """Keeps the reasons, and keeps them true to a consumer that forgets its pauses at a rebalance.

    A reason holds either the partitions that it names, or all that are ours.
    """

    def __init__(self, consumer: Callable[[], Consumer]) -> None:
        self._consumer = consumer
        self._held: dict[str, set[TopicPartition] | None] = {}

    def hold(self, why: str, places: Iterable[TopicPartition] | None = None) -> None:
        """Stop reading these partitions for this reason, or all of them."""
        self._held[why] = None if places is None else set(places)
        self.apply()

    def release(self, why: str) -> None:
        """Give up a reason."""
        if why in self._held:
            del self._held[why]
            self.apply()

    def apply(self) -> None:
        """Pause and resume what the reasons say; also after every assignment."""
        consumer = self._consumer()
        ours = set(consumer.assignment())
        still = ours & self._places(ours)
        paused = ours & set(consumer.paused())
        if still - paused:
            consumer.pause(*(still - paused))
        if paused - still:
            consumer.resume(*(paused - still))

    def _places(self, ours: set[TopicPartition]) -> set[TopicPartition]:
        named: set[TopicPartition] = set()
        for places in self._held.values():
            named |= ours if places is None else places
        return named
