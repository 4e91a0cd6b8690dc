"""Statements about "Checkpoints": one row for each service and partition."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import BigInt, Json, rows_as_columns, source, statement
from shared.delivery.checkpoints.continuity import LastRecord, build_last_record
from shared.delivery.checkpoints.deleted_tenants import DELETED_TENANTS


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A row of "Checkpoints", with other data that a batch needs; fields in the order of `LOCK`.

    `outbox` holds the packed facts of the last batch. `seen` has the highest sequence of each
    source of facts. `deferred` are the first and the last offset of each noisy tenant's deferred
    records. `quarantined` are the service's quarantined lines. `deleted_tenants` are
    companies and lines whose purge has begun, with true if it has finished. `skipped` are
    offsets from `next_offset` on that an operator has put into the dead letters.
    """

    topic: str
    partition: int
    next_offset: int
    last_timestamp: int | None
    last_crc: int | None
    epoch: int
    outbox: bytes | None
    seen: dict[str, str]
    deferred: dict[str, list[int]]
    quarantined: list[str] | None
    deleted_tenants: dict[str, bool] | None = None
    skipped: list[int] | None = None

    @property
    def topic_partition(self) -> TopicPartition:
        """The partition of this checkpoint."""
        return TopicPartition(self.topic, self.partition)

    @property
    def last_record(self) -> LastRecord | None:
        """The last record that was read, if it is known."""
        return build_last_record(self.next_offset, self.last_timestamp, self.last_crc)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a batch changes in a checkpoint's row."""

    topic: str
    partition: int
    next_offset: BigInt
    last_timestamp: BigInt | None
    last_crc: BigInt | None
    outbox: bytes | None
    seen: Json
    deferred: Json = "{}"


class CheckpointMovedError(Exception):
    """Another worker has moved these checkpoints; their partitions must be claimed again."""

    def __init__(self, partitions: Iterable[TopicPartition]) -> None:
        super().__init__(", ".join(f"{p.topic}/{p.partition}" for p in partitions))
        self.partitions = set(partitions)


CREATE = statement(f"""
INSERT INTO "Checkpoints" (service, topic, partition, "nextOffset")
SELECT :service, b.topic, b.partition, b.next_offset
FROM {source(TopicPartition, next_offset="bigint")}
ON CONFLICT (service, topic, partition) DO NOTHING
""")

# Quarantines, deleted tenants and skipped offsets are read in the same statement, to save others.
LOCK = statement(f"""
SELECT c.topic, c.partition, c."nextOffset" AS next_offset, c."lastTimestamp" AS last_timestamp,
       c."lastCrc" AS last_crc, c.epoch, c.outbox, c.seen, c.aside,
       (SELECT array_agg(q.line) FROM "Quarantines" q
        WHERE q.service = split_part(:service, '.', 1)) AS quarantined,
       {DELETED_TENANTS} AS deleted_tenants,
       (SELECT array_agg(d."offset") FROM "DeadLetters" d
        WHERE d.service = split_part(:service, '.', 1) AND d.topic = c.topic
          AND d.partition = c.partition AND d.epoch = c.epoch AND d."offset" >= c."nextOffset"
          AND d.reason = 'skipped') AS skipped
FROM "Checkpoints" c
JOIN {source(TopicPartition)} ON b.topic = c.topic AND b.partition = c.partition
WHERE c.service = :service
ORDER BY c.topic, c.partition
FOR NO KEY UPDATE OF c
""")

SAVE = statement(f"""
UPDATE "Checkpoints" c
SET "nextOffset" = b.next_offset, "lastTimestamp" = b.last_timestamp, "lastCrc" = b.last_crc,
    outbox = b.outbox, seen = b.seen, aside = b.deferred, "updatedAt" = now()
FROM {source(Progress)}
WHERE c.service = :service AND c.topic = b.topic AND c.partition = b.partition
""")

TOUCH = statement("""
UPDATE "Checkpoints" SET "updatedAt" = now()
WHERE service = :service AND topic = :topic AND partition = :partition
""")

CLEAR = statement(f"""
UPDATE "Checkpoints" c SET outbox = NULL, "updatedAt" = now()
FROM {source(TopicPartition, next_offset="bigint")}
WHERE c.service = :service AND c.topic = b.topic AND c.partition = b.partition
  AND c."nextOffset" = b.next_offset AND c.outbox IS NOT NULL
""")


async def create(conn: AsyncConnection, service: str, starts: dict[TopicPartition, int]) -> None:
    """Insert the missing checkpoints with these next offsets; others stay as they are."""
    ordered = dict(sorted(starts.items()))
    await conn.execute(
        CREATE,
        {
            "service": service,
            **rows_as_columns(list(ordered), TopicPartition),
            "next_offset": list(ordered.values()),
        },
    )


async def lock(
    conn: AsyncConnection, service: str, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, Checkpoint]:
    """Lock and return checkpoints, in a fixed order to prevent deadlocks."""
    rows = await conn.execute(
        LOCK, {"service": service, **rows_as_columns(sorted(partitions), TopicPartition)}
    )
    return {row.topic_partition: row for row in (Checkpoint(*columns) for columns in rows)}


async def lock_at(
    conn: AsyncConnection, service: str, next_offsets: Mapping[TopicPartition, int]
) -> dict[TopicPartition, Checkpoint]:
    """Lock checkpoints; raises CheckpointMovedError if one has another next offset than this."""
    checkpoints = await lock(conn, service, next_offsets)
    moved = {
        partition
        for partition, next_offset in next_offsets.items()
        if partition not in checkpoints or checkpoints[partition].next_offset != next_offset
    }
    if moved:
        raise CheckpointMovedError(moved)
    return checkpoints


async def save(conn: AsyncConnection, service: str, progress: Sequence[Progress]) -> None:
    """Save a batch's offsets and outboxes; an outbox replaces the last one."""
    await conn.execute(SAVE, {"service": service, **rows_as_columns(progress, Progress)})


async def touch(conn: AsyncConnection, service: str, partition: TopicPartition) -> None:
    """Update "updatedAt" of one row, to test whether the database accepts writes."""
    await conn.execute(
        TOUCH, {"service": service, "topic": partition.topic, "partition": partition.partition}
    )


async def clear_outboxes(
    conn: AsyncConnection, service: str, next_offsets: dict[TopicPartition, int]
) -> None:
    """Empty the outboxes of checkpoints that still have these next offsets."""
    offsets = [next_offsets[partition] for partition in sorted(next_offsets)]
    await conn.execute(
        CLEAR,
        {
            "service": service,
            **rows_as_columns(sorted(next_offsets), TopicPartition),
            "next_offset": offsets,
        },
    )


def _build_parameters(
    service: str, partitions: Sequence[TopicPartition], **added: list[int]
) -> dict[str, Any]:
    return {"service": service, **rows_as_columns(partitions, TopicPartition), **added}
