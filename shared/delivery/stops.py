"""Partitions that stand still because going on would lose records without an operator's word."""

import structlog
from aiokafka import TopicPartition

from shared.delivery.health import Health
from shared.delivery.pauses import Pauses

log = structlog.get_logger("chatia.worker")

STOPPED, EVERYTHING = "stopped", "everything"


class Stops:
    """Keeps the partitions that are not read, and says why; the others go on."""

    def __init__(self, pauses: Pauses, health: Health) -> None:
        self._pauses = pauses
        self._health = health
        self._places: set[TopicPartition] = set()

    @property
    def places(self) -> frozenset[TopicPartition]:
        """Partitions that stand still."""
        return frozenset(self._places)

    def stop(self, place: TopicPartition, trouble: str) -> None:
        """Read no more of a partition, and alarm."""
        sentence = (
            f"{place.topic}/{place.partition}: {trouble}; "
            f"`chatia topics accept-reset {place.topic}` begins anew with what is there"
        )
        if self._health.stopped(_name(place), sentence):
            log.error("partition.stopped", partition=_name(place), trouble=sentence)
        self._places.add(place)
        self._pauses.hold(STOPPED, self._places)

    def stop_all(self, sentence: str) -> None:
        """Read nothing more, and alarm; a restart tries again."""
        if self._health.stopped(EVERYTHING, sentence):
            log.error("everything.stopped", trouble=sentence)
        self._pauses.hold(EVERYTHING)

    def go_on(self, place: TopicPartition) -> None:
        """Read a partition again, or forget one that is no longer ours."""
        self._places.discard(place)
        self._pauses.hold(STOPPED, self._places)
        if self._health.goes_on(_name(place)):
            log.info("partition.goes_on", partition=_name(place))


def _name(place: TopicPartition) -> str:
    return f"{place.topic}/{place.partition}"
