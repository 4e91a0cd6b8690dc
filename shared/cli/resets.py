"""An operator's word that reading begins anew where a topic is no longer the one that was read."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.cli import cluster, letters
from shared.cli.cluster import client_arguments, kafka_trouble
from shared.cli.errors import WrongUsage
from shared.db.bulk import all_columns, statement
from shared.delivery.continuity import broken_log, other_log, remembered
from shared.delivery.lanes import BULK
from shared.settings import KafkaSettings, Settings

READ_MS = 10_000

READ = statement("""
SELECT service, partition, "nextOffset", epoch, "lastTimestamp", "lastCrc"
FROM "Checkpoints" WHERE topic = :topic ORDER BY service, partition
""")

# What was told stays told: the outbox and what was seen of other sources are kept. A service's
# two lanes go into the new epoch together: what stood aside is gone with the log that it stood in.
RESET = statement("""
WITH broken AS (
  SELECT c.service, c.partition, b.log_start
  FROM unnest(CAST(:service AS text[]), CAST(:partition AS int[]), CAST(:next_offset AS bigint[]),
              CAST(:epoch AS int[]), CAST(:log_start AS bigint[]), CAST(:trouble AS text[]))
    AS b(service, partition, next_offset, epoch, log_start, trouble)
  JOIN "Checkpoints" c ON c.service = b.service AND c.partition = b.partition
    AND c."nextOffset" = b.next_offset AND c.epoch = b.epoch
  WHERE c.topic = :topic
), fresh AS (
  SELECT split_part(l.service, '.', 1) AS owner, l.partition, 1 + max(l.epoch) AS epoch,
         max(broken.log_start) AS log_start
  FROM broken JOIN "Checkpoints" l ON l.topic = :topic AND l.partition = broken.partition
    AND split_part(l.service, '.', 1) = split_part(broken.service, '.', 1)
  GROUP BY 1, 2
), lane AS (
  SELECT l.service, l.partition, fresh.epoch, fresh.log_start,
         broken.service IS NOT NULL AS is_broken,
         broken.service IS NOT NULL OR l.service LIKE :bulk AS begins_anew
  FROM fresh JOIN "Checkpoints" l ON l.topic = :topic AND l.partition = fresh.partition
    AND split_part(l.service, '.', 1) = fresh.owner
  LEFT JOIN broken ON broken.service = l.service AND broken.partition = l.partition
), moved AS (
  UPDATE "Checkpoints" c
  SET epoch = lane.epoch,
      "nextOffset" = CASE WHEN begins_anew THEN lane.log_start ELSE c."nextOffset" END,
      "lastTimestamp" = CASE WHEN begins_anew THEN NULL ELSE c."lastTimestamp" END,
      "lastCrc" = CASE WHEN begins_anew THEN NULL ELSE c."lastCrc" END,
      aside = CASE WHEN begins_anew THEN '{}' ELSE c.aside END,
      "updatedAt" = now()
  FROM lane
  WHERE c.topic = :topic AND c.service = lane.service AND c.partition = lane.partition
  RETURNING lane.is_broken
)
SELECT 1 FROM moved WHERE is_broken
""")


@dataclass(frozen=True, slots=True)
class Broken:
    """A checkpoint that does not fit its log, and where reading would begin anew."""

    service: str
    partition: int
    next_offset: int
    epoch: int
    log_start: int
    trouble: str


@dataclass(frozen=True, slots=True)
class _Row:
    service: str
    partition: int
    next_offset: int
    epoch: int
    last_timestamp: int | None
    last_crc: int | None


async def find(settings: Settings, topic: str) -> list[Broken]:
    """Compare every service's checkpoints of a topic with its log, as a worker would."""
    async with letters.transaction(settings.database) as conn:
        rows = [_Row(*found) for found in await conn.execute(READ, {"topic": topic})]
    found = await places(settings.kafka, topic)
    async with reader(settings.kafka) as client:
        client.assign(found)
        starts = await client.beginning_offsets(found)
        ends = await client.end_offsets(found)
        broken = []
        for row in rows:
            place = TopicPartition(topic, row.partition)
            if place not in starts:
                continue
            trouble = broken_log(row.next_offset, starts[place], ends[place]) or (
                await _is_of_another_log(client, place, row, starts[place])
            )
            if trouble:
                at = (row.service, row.partition, row.next_offset, row.epoch)
                broken.append(Broken(*at, starts[place], trouble))
    return broken


async def accept(settings: Settings, topic: str, broken: Sequence[Broken]) -> int:
    """Move the checkpoints to where their logs begin; gives how many had not moved meanwhile."""
    async with letters.transaction(settings.database) as conn:
        return len(await _reset(conn, topic, broken))


async def _reset(conn: AsyncConnection, topic: str, broken: Sequence[Broken]) -> Sequence[object]:
    given = {"topic": topic, "bulk": f"%{BULK}", **all_columns(broken, Broken)}
    return (await conn.execute(RESET, given)).all()


async def places(settings: KafkaSettings, topic: str) -> list[TopicPartition]:
    """Give the partitions of a topic; raises WrongUsage where there is no such topic."""
    async with cluster.connected(settings) as admin:
        found = (await cluster.find(admin, [topic])).get(topic)
    if found is None:
        raise WrongUsage(f"Kafka has no topic {topic}; for ours `chatia topics apply` makes it.")
    return [TopicPartition(topic, number) for number in range(found.partitions)]


async def _is_of_another_log(
    reader: AIOKafkaConsumer, place: TopicPartition, row: _Row, log_start: int
) -> str:
    last = remembered(row.next_offset, row.last_timestamp, row.last_crc)
    if last is None or last.offset < log_start:
        return ""
    reader.seek(place, last.offset)
    found = await reader.getmany(place, timeout_ms=READ_MS, max_records=1)
    differs = any(last.is_of_another_log(record) for record in found.get(place, []))
    return other_log(row.next_offset) if differs else ""


@asynccontextmanager
async def reader(settings: KafkaSettings) -> AsyncIterator[AIOKafkaConsumer]:
    """Hold a consumer of no group; Kafka's trouble ends the command with a sentence."""
    client = AIOKafkaConsumer(**client_arguments(settings), enable_auto_commit=False)
    with kafka_trouble(settings):
        try:
            await client.start()
            yield client
        finally:
            await client.stop()
