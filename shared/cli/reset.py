"""Finds checkpoints that do not fit their log, and resets them when an operator accepts it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli import cluster, dead_letter_store
from shared.cli.cluster import build_kafka_arguments, explain_kafka_errors
from shared.cli.errors import InvalidUsageError
from shared.db.bulk import BigInt, rows_as_columns, source, statement
from shared.delivery.checkpoints.continuity import (
    build_last_record,
    describe_broken_log,
    describe_replaced_log,
)
from shared.delivery.fairness.selection import BULK
from shared.settings import KafkaSettings, Settings

READ_MS = 10_000

LOAD = statement("""
SELECT service, partition, "nextOffset", epoch, "lastTimestamp", "lastCrc"
FROM "Checkpoints" WHERE topic = :topic ORDER BY service, partition
""")


@dataclass(frozen=True, slots=True)
class BrokenCheckpoint:
    """A checkpoint that does not fit its log, and the offset where reading would restart."""

    service: str
    partition: int
    next_offset: BigInt
    epoch: int
    log_start: BigInt
    trouble: str


# The outbox and the sequences of other sources are kept. The checkpoints of the main path and of
# the bulk path get the same new epoch; deferred ranges are cleared, their records are gone.
RESET = statement(f"""
WITH broken AS (
  SELECT c.service, c.partition, b.log_start
  FROM {source(BrokenCheckpoint)}
  JOIN "Checkpoints" c ON c.service = b.service AND c.partition = b.partition
    AND c."nextOffset" = b.next_offset AND c.epoch = b.epoch
  WHERE c.topic = :topic
), new_epoch AS (
  SELECT split_part(l.service, '.', 1) AS owner, l.partition, 1 + max(l.epoch) AS epoch,
         max(broken.log_start) AS log_start
  FROM broken JOIN "Checkpoints" l ON l.topic = :topic AND l.partition = broken.partition
    AND split_part(l.service, '.', 1) = split_part(broken.service, '.', 1)
  GROUP BY 1, 2
), checkpoint AS (
  SELECT l.service, l.partition, new_epoch.epoch, new_epoch.log_start,
         broken.service IS NOT NULL AS is_broken,
         broken.service IS NOT NULL OR l.service LIKE :bulk AS restarts
  FROM new_epoch JOIN "Checkpoints" l ON l.topic = :topic AND l.partition = new_epoch.partition
    AND split_part(l.service, '.', 1) = new_epoch.owner
  LEFT JOIN broken ON broken.service = l.service AND broken.partition = l.partition
), moved AS (
  UPDATE "Checkpoints" c
  SET epoch = checkpoint.epoch,
      "nextOffset" = CASE WHEN restarts THEN checkpoint.log_start ELSE c."nextOffset" END,
      "lastTimestamp" = CASE WHEN restarts THEN NULL ELSE c."lastTimestamp" END,
      "lastCrc" = CASE WHEN restarts THEN NULL ELSE c."lastCrc" END,
      aside = CASE WHEN restarts THEN '{{}}' ELSE c.aside END,
      "updatedAt" = now()
  FROM checkpoint
  WHERE c.topic = :topic AND c.service = checkpoint.service AND c.partition = checkpoint.partition
  RETURNING checkpoint.is_broken
)
SELECT 1 FROM moved WHERE is_broken
""")  # noqa: S608 - only the batch source is filled in


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    service: str
    partition: int
    next_offset: int
    epoch: int
    last_timestamp: int | None
    last_crc: int | None


async def find_broken_checkpoints(settings: Settings, topic: str) -> list[BrokenCheckpoint]:
    """Compare all services' checkpoints of a topic with its log, as workers do."""
    async with dead_letter_store.open_transaction(settings.database) as conn:
        checkpoints = [_Checkpoint(*row) for row in await conn.execute(LOAD, {"topic": topic})]
    partitions = await load_partitions(settings.kafka, topic)
    async with open_reader(settings.kafka) as client:
        client.assign(partitions)
        starts = await client.beginning_offsets(partitions)
        ends = await client.end_offsets(partitions)
        broken = []
        for checkpoint in checkpoints:
            partition = TopicPartition(topic, checkpoint.partition)
            if partition not in starts:
                continue
            trouble = describe_broken_log(
                checkpoint.next_offset, starts[partition], ends[partition]
            ) or (await _describe_replacement(client, partition, checkpoint, starts[partition]))
            if trouble:
                broken.append(
                    BrokenCheckpoint(
                        checkpoint.service,
                        checkpoint.partition,
                        checkpoint.next_offset,
                        checkpoint.epoch,
                        starts[partition],
                        trouble,
                    )
                )
    return broken


async def accept_reset(settings: Settings, topic: str, broken: Sequence[BrokenCheckpoint]) -> int:
    """Move checkpoints to the start of their logs, but not those moved since; return how many."""
    async with dead_letter_store.open_transaction(settings.database) as conn:
        return len(await _reset(conn, topic, broken))


async def _reset(
    conn: AsyncConnection, topic: str, broken: Sequence[BrokenCheckpoint]
) -> Sequence[object]:
    parameters = {"topic": topic, "bulk": f"%{BULK}", **rows_as_columns(broken, BrokenCheckpoint)}
    return (await conn.execute(RESET, parameters)).all()


async def load_partitions(settings: KafkaSettings, topic: str) -> list[TopicPartition]:
    """Return the partitions of a topic; raises InvalidUsageError if it does not exist."""
    async with cluster.connect_admin(settings) as admin:
        found = (await cluster.find_topics(admin, [topic])).get(topic)
    if found is None:
        raise InvalidUsageError(
            f"Kafka has no topic {topic}; for ours `chatia topics apply` makes it."
        )
    return [TopicPartition(topic, number) for number in range(found.partitions)]


async def _describe_replacement(
    open_reader: AIOKafkaConsumer,
    partition: TopicPartition,
    checkpoint: _Checkpoint,
    log_start: int,
) -> str:
    last = build_last_record(checkpoint.next_offset, checkpoint.last_timestamp, checkpoint.last_crc)
    if last is None or last.offset < log_start:
        return ""
    open_reader.seek(partition, last.offset)
    found = await open_reader.getmany(partition, timeout_ms=READ_MS, max_records=1)
    differs = any(last.is_replaced_by(record) for record in found.get(partition, []))
    return describe_replaced_log(checkpoint.next_offset) if differs else ""


@asynccontextmanager
async def open_reader(settings: KafkaSettings) -> AsyncIterator[AIOKafkaConsumer]:
    """Open a consumer without a group; explain Kafka's errors."""
    client = AIOKafkaConsumer(**build_kafka_arguments(settings), enable_auto_commit=False)
    with explain_kafka_errors(settings):
        try:
            await client.start()
            yield client
        finally:
            await client.stop()
