"""Statements of a recovery; all run in one transaction of the database's owner."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.bulk import rows_as_columns, source, statement

IDS_SKIPPED = 1_000_000  # more than what a deployment inserts in the lost time

LOCK = statement('SELECT uuid FROM "Deployment" FOR UPDATE')

LOAD = statement("""
SELECT service, topic, partition, epoch, "nextOffset" FROM "Checkpoints"
ORDER BY service, topic, partition
""")

# What was restored before keeps the earlier one of two positions. Epochs that began in the lost
# time, by another recovery or a reset, are lost from their first record on.
REMEMBER = statement("""
INSERT INTO "RestoredPositions" AS r (service, topic, partition, epoch, "nextOffset")
SELECT c.service, c.topic, c.partition, e.epoch,
       CASE WHEN e.epoch = c.epoch THEN c."nextOffset" ELSE 0 END
FROM "Checkpoints" c CROSS JOIN LATERAL generate_series(c.epoch, :new_epoch - 1) AS e(epoch)
ON CONFLICT (service, topic, partition, epoch) DO UPDATE
SET "nextOffset" = LEAST(r."nextOffset", EXCLUDED."nextOffset")
""")

BEGIN_EPOCH = statement("""
UPDATE "Checkpoints" SET epoch = :new_epoch, "updatedAt" = now()
""")

# Rows of the lost time had ids that facts and answers still name, so these are not used again.
SKIP_IDS = statement("""
SELECT count(setval(s.oid::regclass,
                    LEAST(COALESCE(p.last_value, p.start_value) + :skipped, p.max_value)))
FROM pg_class s JOIN pg_sequences p ON p.schemaname = 'public' AND p.sequencename = s.relname
WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace
""")

HOLD = statement("""
UPDATE "Deployment" SET "sendsHeldSince" = COALESCE("sendsHeldSince", now())
""")

RELEASE = statement("""
UPDATE "Deployment" d SET "sendsHeldSince" = NULL
FROM (SELECT "sendsHeldSince" FROM "Deployment") AS before
WHERE d."sendsHeldSince" IS NOT NULL RETURNING before."sendsHeldSince"
""")

# Sends that waited when the backup was made may have been sent since.
GIVE_UP = statement("""
UPDATE "Sends"
SET status = 'unknown', "errorClass" = 'unknown', "errorCode" = 'restored',
    error = 'it may have been sent before the database was restored',
    request = NULL, "answeredAt" = clock_timestamp(), "isUntold" = TRUE
WHERE status IN ('waiting', 'claimed')
""")


class LostSend(NamedTuple):
    """A send that Kafka shows as published after the restored point."""

    company_id: int
    send_id: str


SAVE_LOST = statement(f"""
INSERT INTO "LostSends" ("companyId", "sendId")
SELECT b.company_id, b.send_id FROM {source(LostSend)}
ON CONFLICT DO NOTHING
""")  # noqa: S608 - only the fields of a row type are filled in

SENT_BY_ROW = 10_000  # per statement


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A row of "Checkpoints"."""

    service: str
    topic: str
    partition: int
    epoch: int
    next_offset: int


async def lock_deployment(conn: AsyncConnection) -> str:
    """Lock the deployment's row until the end of the transaction; return its UUID."""
    return str((await conn.execute(LOCK)).scalar_one())


async def load_checkpoints(conn: AsyncConnection) -> list[StoredCheckpoint]:
    """Return all checkpoints."""
    return [StoredCheckpoint(*row) for row in await conn.execute(LOAD)]


async def begin_epoch(conn: AsyncConnection, new_epoch: int) -> None:
    """Remember the restored positions, and give all checkpoints a new epoch."""
    await conn.execute(REMEMBER, {"new_epoch": new_epoch})
    await conn.execute(BEGIN_EPOCH, {"new_epoch": new_epoch})


async def skip_ids(conn: AsyncConnection) -> None:
    """Let the ids of new rows begin above those that the lost time may have used."""
    await conn.execute(SKIP_IDS, {"skipped": IDS_SKIPPED})


async def hold_sends(conn: AsyncConnection) -> None:
    """Let no sender claim anything."""
    await conn.execute(HOLD)


async def release_sends(conn: AsyncConnection) -> datetime | None:
    """Let senders claim again; return since when they did not, None if they did."""
    since: datetime | None = (await conn.execute(RELEASE)).scalar_one_or_none()
    return since


async def give_up_sends(conn: AsyncConnection, lost: Collection[LostSend]) -> int:
    """Hold sends, and mark what may have been sent; return how many sends were waiting."""
    await hold_sends(conn)
    ordered: Sequence[LostSend] = sorted(lost)
    for start in range(0, len(ordered), SENT_BY_ROW):
        chunk = ordered[start : start + SENT_BY_ROW]
        await conn.execute(SAVE_LOST, rows_as_columns(chunk, LostSend))
    return (await conn.execute(GIVE_UP)).rowcount
