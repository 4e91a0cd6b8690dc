"""What workers do differently after the database was restored to an earlier time.

Kafka still has the facts of the lost time: those that later states of the database caused. Their
causes are read again from the restored checkpoints, in a new epoch, so the former facts are
dropped; their ids may belong to other rows now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.db.identity import REMEDY

LOAD = statement("""
SELECT p.service, p.topic, p.partition, p.epoch, p."nextOffset", d.uuid
FROM "RestoredPositions" p CROSS JOIN "Deployment" d
""")

CHECKPOINTS = statement("""
SELECT topic, partition, epoch, "nextOffset" FROM "Checkpoints" WHERE service = :service
""")


Committed = Mapping[str, Mapping[TopicPartition, OffsetAndMetadata]]  # by service


class Position(Protocol):
    """A checkpoint as it was read from the database."""

    @property
    def service(self) -> str: ...  # noqa: D102
    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def epoch(self) -> int: ...  # noqa: D102
    @property
    def next_offset(self) -> int: ...  # noqa: D102


class WentBackError(Exception):
    """Checkpoints are behind what workers committed: the database went back in time."""


def build_source(deployment: str, service: str, partition: TopicPartition, epoch: int) -> str:
    """Return the `ce_source` of facts that records of a partition cause."""
    return f"{deployment}/{service}/{partition.topic}/{partition.partition}/{epoch}"


@dataclass(slots=True)
class LostFacts:
    """Recognises facts of the lost time; empty if the database was never restored.

    `first` has, by source, the first sequence that is lost.
    """

    first: Mapping[str, str] = field(default_factory=dict)

    async def load(self, conn: AsyncConnection) -> None:
        """Read what recoveries left."""
        first = dict[str, str]()
        for row in await conn.execute(LOAD):
            partition = TopicPartition(row.topic, row.partition)
            source = build_source(str(row.uuid), row.service, partition, row.epoch)
            first[source] = f"{row.nextOffset:020d}"
        self.first = first

    def includes(self, source: str | None, sequence: str | None) -> bool:
        """Return whether a fact is one of the lost time."""
        if not self.first or source is None or sequence is None:
            return False
        first = self.first.get(source)
        return first is not None and sequence >= first


def build_note(deployment: str, epoch: int) -> str:
    """Return what is stored in Kafka beside a committed offset: to which checkpoint it belongs."""
    return f"{deployment}/{epoch}"


def read_epoch(note: str, deployment: str) -> int | None:
    """Return the epoch of a note; None for one of another deployment, or of no worker."""
    uuid, _, epoch = note.partition("/")
    return int(epoch) if uuid == deployment and epoch.isdecimal() else None


def find_behind(
    deployment: str,
    committed: Mapping[TopicPartition, OffsetAndMetadata],
    checkpoints: Mapping[TopicPartition, tuple[int, int]],
) -> list[TopicPartition]:
    """Return the partitions whose checkpoints are behind the committed offsets.

    `checkpoints` are epoch and next offset. Offsets are committed after their checkpoints, so they
    are never ahead of them, unless the database went back in time.
    """
    return [
        partition
        for partition, (offset, note) in sorted(committed.items())
        if _is_behind(deployment, offset, note, checkpoints.get(partition))
    ]


def _is_behind(deployment: str, offset: int, note: str, checkpoint: tuple[int, int] | None) -> bool:
    if not note:  # versions before 0.2 wrote none; they are compared in the first epoch alone
        return checkpoint is not None and checkpoint[0] == 0 and offset > checkpoint[1]
    epoch = read_epoch(note, deployment)
    return epoch is not None and (checkpoint is None or (epoch, offset) > checkpoint)


def went_back(deployment: str, committed: Committed, checkpoints: Iterable[Position]) -> bool:
    """Return whether any checkpoint is behind what its workers committed to Kafka."""
    by_service: dict[str, dict[TopicPartition, tuple[int, int]]] = {}
    for row in checkpoints:
        place = TopicPartition(row.topic, row.partition)
        by_service.setdefault(row.service, {})[place] = (row.epoch, row.next_offset)
    return any(
        find_behind(deployment, offsets, by_service.get(service, {}))
        for service, offsets in committed.items()
    )


async def check_checkpoints(
    conn: AsyncConnection,
    service: str,
    deployment: str,
    committed: Mapping[TopicPartition, OffsetAndMetadata],
) -> None:
    """Raise WentBackError if checkpoints of a service are behind the offsets of its group."""
    rows = await conn.execute(CHECKPOINTS, {"service": service})
    checkpoints = {
        TopicPartition(row.topic, row.partition): (row.epoch, row.nextOffset) for row in rows
    }
    behind = find_behind(deployment, committed, checkpoints)
    if behind:
        more = f" and {len(behind) - 1} more" if len(behind) > 1 else ""
        raise WentBackError(
            f"Checkpoints of {service} are behind what its workers committed to Kafka "
            f"({behind[0].topic}/{behind[0].partition}{more}), so the database went back in time: "
            f"{REMEDY}."
        )
