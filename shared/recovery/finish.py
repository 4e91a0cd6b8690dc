"""Finishes a recovery: lets workers go on from the positions to which the database was restored."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.identity import accept_identity
from shared.delivery.checkpoints.restored import Committed, read_epoch, went_back
from shared.delivery.fairness.selection import BULK
from shared.recovery import statements
from shared.recovery.kafka import read_lost_sends
from shared.recovery.statements import StoredCheckpoint

SENDS = "message.send"
SENDER = "messages"


@dataclass(frozen=True, slots=True)
class LostLog:
    """A partition whose log begins after its checkpoint: `records` were deleted by retention."""

    service: str
    topic: str
    partition: int
    records: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """What finishing a recovery found and did; without `went_back` it changed nothing.

    `to_read_again` are records, `lost_sends` those that Kafka shows as published after the restored
    point, `given_up` the sends that were waiting at it. Sends are held.
    """

    went_back: bool
    new_epoch: int = 0
    to_read_again: int = 0
    lost_sends: int = 0
    given_up: int = 0
    lost_logs: Sequence[LostLog] = ()


async def finish(
    conn: AsyncConnection, reader: AIOKafkaConsumer, committed: Committed, namespace: str
) -> Recovery:
    """Accept the database; if it went back in time, begin a new epoch and hold sends.

    Everything happens in the transaction of `conn`, so it can be broken off and run again.
    """
    deployment = await statements.lock_deployment(conn)
    checkpoints = await statements.load_checkpoints(conn)
    if not (went_back(deployment, committed, checkpoints) or is_foreign(deployment, committed)):
        await accept_identity(conn)
        return Recovery(went_back=False)
    logs = list_logs(checkpoints)
    begins, ends = await reader.beginning_offsets(logs), await reader.end_offsets(logs)
    lost = await read_lost_sends(reader, find_send_starts(checkpoints, begins, namespace))
    new_epoch = choose_epoch(deployment, committed, checkpoints)
    await statements.begin_epoch(conn, new_epoch)
    await statements.skip_ids(conn)
    given_up = await statements.give_up_sends(conn, lost)
    await accept_identity(conn)
    return Recovery(
        went_back=True,
        new_epoch=new_epoch,
        to_read_again=count_records(checkpoints, begins, ends),
        lost_sends=len(lost),
        given_up=given_up,
        lost_logs=list(find_lost_logs(checkpoints, begins)),
    )


def is_foreign(deployment: str, committed: Committed) -> bool:
    """Return whether workers committed for another deployment, as before a restore of its backup.

    Such offsets cannot be compared with checkpoints, so the rows may be older ones.
    """
    return any(
        note and read_epoch(note, deployment) is None
        for offsets in committed.values()
        for _, note in offsets.values()
    )


def choose_epoch(
    deployment: str, committed: Committed, checkpoints: Iterable[StoredCheckpoint]
) -> int:
    """Return the new epoch: higher than all of the restored and of the lost time."""
    noted = (
        read_epoch(note, deployment) or 0
        for offsets in committed.values()
        for _, note in offsets.values()
    )
    return 1 + max((*noted, *(row.epoch for row in checkpoints)), default=0)


def list_logs(checkpoints: Iterable[StoredCheckpoint]) -> list[TopicPartition]:
    """Return the partitions of Kafka that have checkpoints; timers have checkpoints without one."""
    return sorted(
        {TopicPartition(row.topic, row.partition) for row in checkpoints if ":" not in row.topic}
    )


def find_send_starts(
    checkpoints: Iterable[StoredCheckpoint],
    begins: Mapping[TopicPartition, int],
    namespace: str,
) -> dict[TopicPartition, int]:
    """Return from where on sends of each partition may be of the lost time.

    Deferred records are not queued yet, so the lower one of the two paths' positions counts. A
    partition without a checkpoint is read from its beginning.
    """
    topic = f"{namespace}.{SENDS}"
    starts: dict[TopicPartition, int] = {}
    for row in checkpoints:
        if row.topic == topic and row.service in {SENDER, SENDER + BULK}:
            place = TopicPartition(row.topic, row.partition)
            starts[place] = min(row.next_offset, starts.get(place, row.next_offset))
    return {place: max(start, begins.get(place, 0)) for place, start in starts.items()}


def count_records(
    checkpoints: Iterable[StoredCheckpoint],
    begins: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> int:
    """Return how many records the services will read again, each as often as it is read."""
    return sum(
        max(0, ends[place] - max(row.next_offset, begins[place]))
        for row in checkpoints
        if not row.service.endswith(BULK)
        and (place := TopicPartition(row.topic, row.partition)) in ends
    )


def find_lost_logs(
    checkpoints: Iterable[StoredCheckpoint], begins: Mapping[TopicPartition, int]
) -> Iterator[LostLog]:
    """Yield the partitions of which Kafka has deleted records that were not read yet."""
    for row in checkpoints:
        missing = begins.get(TopicPartition(row.topic, row.partition), 0) - row.next_offset
        if missing > 0:
            yield LostLog(row.service, row.topic, row.partition, missing)
