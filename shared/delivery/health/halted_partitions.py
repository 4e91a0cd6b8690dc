"""Halted partitions: not read until an operator decides, because records would be lost."""

import structlog
from aiokafka import TopicPartition

from shared.delivery.health.status import Health
from shared.delivery.kafka.pauses import Pauses

log = structlog.get_logger("chatia.worker")

HALTED, EVERYTHING = "halted", "everything"  # names of pauses; EVERYTHING also in the health


class HaltedPartitions:
    """The partitions that are paused until an operator decides, and why."""

    def __init__(self, pauses: Pauses, health: Health) -> None:
        self._pauses = pauses
        self._health = health
        self._partitions: set[TopicPartition] = set()

    @property
    def partitions(self) -> frozenset[TopicPartition]:
        """The partitions that are halted now."""
        return frozenset(self._partitions)

    def halt(self, partition: TopicPartition, problem: str) -> None:
        """Pause a partition, log the problem and show it in the health."""
        sentence = (
            f"{partition.topic}/{partition.partition}: {problem}; "
            f"`chatia topics accept-reset {partition.topic}` begins anew with what is there"
        )
        name = _build_name(partition)
        if self._health.note_halted(name, sentence):
            log.error("partition.halted", partition=name, problem=sentence)
        self._partitions.add(partition)
        self._pauses.hold(HALTED, self._partitions)

    def halt_all(self, problem: str) -> None:
        """Pause all partitions until the process is started again."""
        if self._health.note_halted(EVERYTHING, problem):
            log.error("consumer.halted", problem=problem)
        self._pauses.hold(EVERYTHING)

    def resume(self, partition: TopicPartition) -> None:
        """Read a partition again, or forget one that was revoked."""
        self._partitions.discard(partition)
        self._pauses.hold(HALTED, self._partitions)
        name = _build_name(partition)
        if self._health.note_resumed(name):
            log.info("partition.resumed", partition=name)


def _build_name(partition: TopicPartition) -> str:
    return f"{partition.topic}/{partition.partition}"
