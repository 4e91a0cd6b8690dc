"""What stands aside in a service's partitions, as its checkpoints and the bulk lane's say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import statement
from shared.delivery import checkpoints
from shared.delivery.lanes import BULK
from shared.delivery.noise import Spans, read

ASIDE = statement("""
SELECT c.topic, c.partition, c."nextOffset" AS known_to, c.epoch, c.aside,
       b."nextOffset" AS read_to, b.epoch AS read_epoch
FROM "Checkpoints" c LEFT JOIN "Checkpoints" b
  ON b.service = :bulk AND b.topic = c.topic AND b.partition = c.partition
WHERE c.service = :service AND c.aside <> '{}'
""")

# What was not told stays to be told; another epoch is another log.
BEGIN = statement("""
INSERT INTO "Checkpoints" AS c (service, topic, partition, "nextOffset", epoch)
SELECT :bulk, b.topic, b.partition, b.next_offset, b.epoch
FROM unnest(CAST(:topic AS text[]), CAST(:partition AS int[]), CAST(:next_offset AS bigint[]),
            CAST(:epoch AS int[])) AS b(topic, partition, next_offset, epoch)
ON CONFLICT (service, topic, partition) DO UPDATE
SET "nextOffset" = excluded."nextOffset", epoch = excluded.epoch, "lastTimestamp" = NULL,
    "lastCrc" = NULL, "updatedAt" = now()
WHERE (excluded.epoch, excluded."nextOffset") > (c.epoch, c."nextOffset")
""")

# The facts of the last records are acknowledged once the outbox is empty, so nothing that follows
# in the normal lane can overtake them.
LIFT = statement("""
WITH drained AS (
  SELECT topic, partition, epoch, "nextOffset" FROM "Checkpoints"
  WHERE service = :bulk AND outbox IS NULL
    AND (topic, partition) IN (SELECT * FROM unnest(CAST(:topic AS text[]),
                                                    CAST(:partition AS int[])))
  ORDER BY topic, partition FOR UPDATE
), lifted AS (
  UPDATE "Checkpoints" c
  SET aside = (SELECT COALESCE(jsonb_object_agg(lane.key, lane.value), '{}')
               FROM jsonb_each(c.aside) AS lane
               WHERE (lane.value->>1)::bigint >= d."nextOffset"),
      "updatedAt" = now()
  FROM drained d
  WHERE c.service = :service AND c.topic = d.topic AND c.partition = d.partition
    AND c.epoch <= d.epoch
  RETURNING c.topic, c.partition, c.aside
)
DELETE FROM "Checkpoints" b USING lifted l
WHERE b.service = :bulk AND b.topic = l.topic AND b.partition = l.partition AND l.aside = '{}'
""")

# Who stands still is not on its way: no pace of ours would help.
PROGRESS = statement("""
SELECT topic, partition, "nextOffset" FROM "Checkpoints"
WHERE topic = ANY(CAST(:topics AS text[])) AND service NOT LIKE :bulk
  AND "updatedAt" > now() - interval '10 seconds'
""")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What stands aside in a partition: up to where it is known, and how far the bulk lane is."""

    known_to: int
    epoch: int
    spans: Spans
    read_to: int | None

    @property
    def begins(self) -> int:
        """Give the offset of the first of it."""
        return min(span.first for span in self.spans.values())

    @property
    def is_ahead(self) -> bool:
        """Tell whether the bulk lane has still to go to where it begins."""
        return self.read_to is None or self.read_to < self.begins

    @property
    def is_partly_drained(self) -> bool:
        """Tell whether the last record of some lane was read."""
        read_to = self.read_to or 0
        return any(span.last < read_to for span in self.spans.values())


async def waiting(conn: AsyncConnection, service: str) -> dict[TopicPartition, Waiting]:
    """Read what stands aside, in whose partition ever."""
    rows = await conn.execute(ASIDE, _lanes(service))
    return {TopicPartition(row.topic, row.partition): _waiting(row) for row in rows}


async def begin(
    conn: AsyncConnection, service: str, ahead: Mapping[TopicPartition, Waiting]
) -> None:
    """Move the bulk lane's checkpoints forward to where something waits."""
    places = sorted(ahead)
    values = {
        "next_offset": [ahead[place].begins for place in places],
        "epoch": [ahead[place].epoch for place in places],
    }
    await conn.execute(BEGIN, _lanes(service) | _columns(places) | values)


async def lift(conn: AsyncConnection, service: str, places: Iterable[TopicPartition]) -> None:
    """Let those lanes go back to the normal one whose last record was read and told."""
    ordered = sorted(places)
    await checkpoints.lock(conn, service, ordered)
    await conn.execute(LIFT, _lanes(service) | _columns(ordered))


async def progress(
    conn: AsyncConnection, topics: Iterable[str]
) -> list[tuple[TopicPartition, int]]:
    """Read how far every service at work is in these topics, but for the bulk lanes."""
    rows = await conn.execute(PROGRESS, {"topics": sorted(topics), "bulk": f"%{BULK}"})
    return [(TopicPartition(row[0], row[1]), row[2]) for row in rows]


def _lanes(service: str) -> dict[str, Any]:
    return {"service": service, "bulk": service + BULK}


def _columns(places: Sequence[TopicPartition]) -> dict[str, Any]:
    return {"topic": [p.topic for p in places], "partition": [p.partition for p in places]}


def _waiting(row: Any) -> Waiting:  # noqa: ANN401 - a row of whatever columns
    is_of_this_log = row.read_epoch is not None and row.read_epoch >= row.epoch
    return Waiting(
        row.known_to, row.epoch, read(row.aside), row.read_to if is_of_this_log else None
    )
