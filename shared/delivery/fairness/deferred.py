"""Statements about the deferred records of a service, over the checkpoints of both its paths."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import rows_as_columns, source, statement
from shared.delivery.checkpoints import store as checkpoints
from shared.delivery.fairness.deferred_ranges import DeferredRanges, load_ranges
from shared.delivery.fairness.selection import BULK

LOAD = statement("""
SELECT c.topic, c.partition, c."nextOffset" AS main_offset, c.epoch, c.aside,
       b."nextOffset" AS bulk_offset, b.epoch AS bulk_epoch
FROM "Checkpoints" c LEFT JOIN "Checkpoints" b
  ON b.service = :bulk AND b.topic = c.topic AND b.partition = c.partition
WHERE c.service = :service AND c.aside <> '{}'
""")

# The outbox stays, as its facts may be unpublished; another epoch is another log.
ADVANCE = statement(f"""
INSERT INTO "Checkpoints" AS c (service, topic, partition, "nextOffset", epoch)
SELECT :bulk, b.topic, b.partition, b.next_offset, b.epoch
FROM {source(TopicPartition, next_offset="bigint", epoch="int")}
ON CONFLICT (service, topic, partition) DO UPDATE
SET "nextOffset" = excluded."nextOffset", epoch = excluded.epoch, "lastTimestamp" = NULL,
    "lastCrc" = NULL, "updatedAt" = now()
WHERE (excluded.epoch, excluded."nextOffset") > (c.epoch, c."nextOffset")
""")

# Only if the outbox is empty: Kafka has acknowledged the facts of the last deferred record, so
# facts of later records on the main path come after them.
REMOVE = statement("""
WITH drained AS (
  SELECT topic, partition, epoch, "nextOffset" FROM "Checkpoints"
  WHERE service = :bulk AND outbox IS NULL
    AND (topic, partition) IN (SELECT * FROM unnest(CAST(:topic AS text[]),
                                                    CAST(:partition AS int[])))
  ORDER BY topic, partition FOR UPDATE
), removed AS (
  UPDATE "Checkpoints" c
  SET aside = (SELECT COALESCE(jsonb_object_agg(tenant.key, tenant.value), '{}')
               FROM jsonb_each(c.aside) AS tenant
               WHERE (tenant.value->>1)::bigint >= d."nextOffset"),
      "updatedAt" = now()
  FROM drained d
  WHERE c.service = :service AND c.topic = d.topic AND c.partition = d.partition
    AND c.epoch <= d.epoch
  RETURNING c.topic, c.partition, c.aside
)
DELETE FROM "Checkpoints" b USING removed r
WHERE b.service = :bulk AND b.topic = r.topic AND b.partition = r.partition AND r.aside = '{}'
""")

# Checkpoints that did not move for 10 s are left out: slowing the bulk path would not help them.
PROGRESS = statement("""
SELECT topic, partition, "nextOffset" FROM "Checkpoints"
WHERE topic = ANY(CAST(:topics AS text[])) AND service NOT LIKE :bulk
  AND "updatedAt" > now() - interval '10 seconds'
""")


@dataclass(frozen=True, slots=True)
class DeferredPartition:
    """The deferred ranges of a partition, and the next offsets of both paths.

    `bulk_offset` is None if the bulk path has no checkpoint of this log.
    """

    main_offset: int
    epoch: int
    ranges: DeferredRanges
    bulk_offset: int | None

    @property
    def first_offset(self) -> int:
        """The offset of the first deferred record."""
        return min(deferred.first for deferred in self.ranges.values())

    @property
    def is_ahead_of_bulk_path(self) -> bool:
        """Whether the bulk path's checkpoint is before the first deferred record, or missing."""
        return self.bulk_offset is None or self.bulk_offset < self.first_offset

    @property
    def has_finished_range(self) -> bool:
        """Whether the bulk path has read the last record of some tenant."""
        bulk_offset = self.bulk_offset or 0
        return any(deferred.last < bulk_offset for deferred in self.ranges.values())


async def load_partitions(
    conn: AsyncConnection, service: str
) -> dict[TopicPartition, DeferredPartition]:
    """Load all partitions of a service with deferred records, whichever worker reads them."""
    rows = await conn.execute(LOAD, _name_paths(service))
    return {TopicPartition(row.topic, row.partition): _build_partition(row) for row in rows}


async def advance_bulk_path(
    conn: AsyncConnection, service: str, partitions: Mapping[TopicPartition, DeferredPartition]
) -> None:
    """Move the bulk path's checkpoints forward to the first deferred records."""
    ordered = sorted(partitions)
    values = {
        "next_offset": [partitions[partition].first_offset for partition in ordered],
        "epoch": [partitions[partition].epoch for partition in ordered],
    }
    places = rows_as_columns(ordered, TopicPartition)
    await conn.execute(ADVANCE, _name_paths(service) | places | values)


async def remove_finished_ranges(
    conn: AsyncConnection, service: str, partitions: Iterable[TopicPartition]
) -> None:
    """Return tenants to the main path whose last deferred record was read and published."""
    ordered = sorted(partitions)
    await checkpoints.lock(conn, service, ordered)
    await conn.execute(REMOVE, _name_paths(service) | rows_as_columns(ordered, TopicPartition))


async def load_progress(
    conn: AsyncConnection, topics: Iterable[str]
) -> list[tuple[TopicPartition, int]]:
    """Load the next offsets of all main paths that moved in the last ten seconds."""
    rows = await conn.execute(PROGRESS, {"topics": sorted(topics), "bulk": f"%{BULK}"})
    return [(TopicPartition(row[0], row[1]), row[2]) for row in rows]


def _name_paths(service: str) -> dict[str, Any]:  # parameters of a statement
    return {"service": service, "bulk": service + BULK}


def _build_partition(row: Any) -> DeferredPartition:  # noqa: ANN401 - a row has any columns
    is_same_log = row.bulk_epoch is not None and row.bulk_epoch >= row.epoch
    bulk_offset = row.bulk_offset if is_same_log else None
    return DeferredPartition(row.main_offset, row.epoch, load_ranges(row.aside), bulk_offset)
