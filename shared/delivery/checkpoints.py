"""One row per (service, topic, partition): how far we are, and what is still to be told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import all_columns, statement
from shared.delivery.continuity import Remembered, remembered


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A partition's progress; `outbox` holds the packed facts of the last batch.

    `quarantined` are the service's lines that are not read; they come along to save a statement.
    `aside` are the lanes whose records wait, each with the first and the last of them. `leaving`
    are companies and lines that are being deleted, or (true) were deleted in the last 30 days.
    `skipped` are offsets from `next_offset` on that an operator has put into the dead letters.
    """

    topic: str
    partition: int
    next_offset: int
    last_timestamp: int | None
    last_crc: int | None
    epoch: int
    outbox: bytes | None
    seen: dict[str, str]
    aside: dict[str, list[int]]
    quarantined: list[str] | None
    leaving: dict[str, bool] | None = None
    skipped: list[int] | None = None

    @property
    def place(self) -> TopicPartition:
        """The partition that this is about."""
        return TopicPartition(self.topic, self.partition)

    @property
    def remembered(self) -> Remembered | None:
        """The last record that was read."""
        return remembered(self.next_offset, self.last_timestamp, self.last_crc)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a batch changes in a checkpoint's row."""

    topic: str
    partition: int
    next_offset: int
    last_timestamp: int | None
    last_crc: int | None
    outbox: bytes | None
    seen: str
    aside: str = "{}"


class OvertakenError(Exception):
    """Another worker has moved these checkpoints: they are read anew before going on."""

    def __init__(self, places: Iterable[TopicPartition]) -> None:
        super().__init__(", ".join(f"{p.topic}/{p.partition}" for p in places))
        self.places = set(places)


CREATE = statement("""
INSERT INTO "Checkpoints" (service, topic, partition, "nextOffset")
SELECT :service, b.topic, b.partition, b.next_offset
FROM unnest(CAST(:topic AS text[]), CAST(:partition AS int[]), CAST(:next_offset AS bigint[]))
  AS b(topic, partition, next_offset)
ON CONFLICT (service, topic, partition) DO NOTHING
""")

LOCK = statement("""
SELECT c.topic, c.partition, c."nextOffset" AS next_offset, c."lastTimestamp" AS last_timestamp,
       c."lastCrc" AS last_crc, c.epoch, c.outbox, c.seen, c.aside,
       (SELECT array_agg(q.line) FROM "Quarantines" q
        WHERE q.service = split_part(:service, '.', 1)) AS quarantined,
       (SELECT jsonb_object_agg(CASE r."tableName" WHEN 'Companies' THEN CAST(r."rowId" AS text)
                                ELSE concat(r."companyId", ':', r."rowId") END,
                                p."finishedAt" IS NOT NULL)
        FROM "PurgedRows" r JOIN "Purges" p ON p.id = r."purgeId"
        WHERE r."tableName" IN ('Companies', 'Whatsapps')
          AND (p."finishedAt" IS NULL OR p."finishedAt" > now() - interval '30 days'
               AND (r."tableName" = 'Whatsapps'
                    OR NOT EXISTS (SELECT FROM "Companies" c WHERE c.id = r."rowId")))) AS leaving,
       (SELECT array_agg(d."offset") FROM "DeadLetters" d
        WHERE d.service = split_part(:service, '.', 1) AND d.topic = c.topic
          AND d.partition = c.partition AND d.epoch = c.epoch AND d."offset" >= c."nextOffset"
          AND d.reason = 'skipped') AS skipped
FROM "Checkpoints" c
JOIN unnest(CAST(:topic AS text[]), CAST(:partition AS int[])) AS b(topic, partition)
  ON b.topic = c.topic AND b.partition = c.partition
WHERE c.service = :service
ORDER BY c.topic, c.partition
FOR NO KEY UPDATE OF c
""")

SAVE = statement("""
UPDATE "Checkpoints" c
SET "nextOffset" = b.next_offset, "lastTimestamp" = b.last_timestamp, "lastCrc" = b.last_crc,
    outbox = b.outbox, seen = b.seen, aside = b.aside, "updatedAt" = now()
FROM unnest(CAST(:topic AS text[]), CAST(:partition AS int[]), CAST(:next_offset AS bigint[]),
            CAST(:last_timestamp AS bigint[]), CAST(:last_crc AS bigint[]),
            CAST(:outbox AS bytea[]), CAST(:seen AS jsonb[]), CAST(:aside AS jsonb[]))
  AS b(topic, partition, next_offset, last_timestamp, last_crc, outbox, seen, aside)
WHERE c.service = :service AND c.topic = b.topic AND c.partition = b.partition
""")

TOUCH = statement("""
UPDATE "Checkpoints" SET "updatedAt" = now()
WHERE service = :service AND topic = :topic AND partition = :partition
""")

CLEAR = statement("""
UPDATE "Checkpoints" c SET outbox = NULL, "updatedAt" = now()
FROM unnest(CAST(:topic AS text[]), CAST(:partition AS int[]), CAST(:next_offset AS bigint[]))
  AS b(topic, partition, next_offset)
WHERE c.service = :service AND c.topic = b.topic AND c.partition = b.partition
  AND c."nextOffset" = b.next_offset AND c.outbox IS NOT NULL
""")


def _places(places: Iterable[TopicPartition]) -> dict[str, list[str] | list[int]]:
    ordered = sorted(places)
    return {"topic": [p.topic for p in ordered], "partition": [p.partition for p in ordered]}


async def create(conn: AsyncConnection, service: str, starts: dict[TopicPartition, int]) -> None:
    """Make the missing rows, each to begin at the given offset; present ones stay as they are."""
    ordered = dict(sorted(starts.items()))
    await conn.execute(
        CREATE, {"service": service, **_places(ordered), "next_offset": list(ordered.values())}
    )


async def lock(
    conn: AsyncConnection, service: str, places: Iterable[TopicPartition]
) -> dict[TopicPartition, Checkpoint]:
    """Read and lock the rows in one order, so that two workers never wait for each other."""
    rows = await conn.execute(LOCK, {"service": service, **_places(places)})
    return {row.place: row for row in (Checkpoint(*found) for found in rows)}


async def lock_at(
    conn: AsyncConnection, service: str, believed: Mapping[TopicPartition, int]
) -> dict[TopicPartition, Checkpoint]:
    """Lock the rows that are still at these offsets; raises OvertakenError where any is not."""
    held = await lock(conn, service, believed)
    moved = {p for p, at in believed.items() if p not in held or held[p].next_offset != at}
    if moved:
        raise OvertakenError(moved)
    return held


async def save(conn: AsyncConnection, service: str, progress: Sequence[Progress]) -> None:
    """Write a batch's progress; the outbox takes the place of the last one."""
    await conn.execute(SAVE, {"service": service, **all_columns(progress, Progress)})


async def touch(conn: AsyncConnection, service: str, place: TopicPartition) -> None:
    """Write to one row and change nothing in it, to see whether the database takes writes."""
    await conn.execute(
        TOUCH, {"service": service, "topic": place.topic, "partition": place.partition}
    )


async def clear(conn: AsyncConnection, service: str, told: dict[TopicPartition, int]) -> None:
    """Empty the outboxes that are published and still stand at these offsets."""
    await conn.execute(
        CLEAR, {"service": service, **_places(told), "next_offset": [told[p] for p in sorted(told)]}
    )
