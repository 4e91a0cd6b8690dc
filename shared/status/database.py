"""What Postgres knows: a constant number of statements, each over an index or a small table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.bulk import statement
from shared.status.figures import DeadLetterCount, LineCount, PurgeProgress, QuarantinedLine

TIMEOUT = statement("SELECT set_config('statement_timeout', '3s', true)")

CHECKPOINTS = statement("""
SELECT service, topic, partition, "nextOffset", epoch, aside
FROM "Checkpoints"
WHERE starts_with(topic, :namespace) OR starts_with(topic, :evolution)
ORDER BY service, topic, partition
""")

WORKERS = statement("""
SELECT CAST(id AS text), service, host, "processId", version, status,
       ARRAY(SELECT jsonb_each_text.value FROM jsonb_each_text(halted) ORDER BY key) AS halted,
       partitions, EXTRACT(EPOCH FROM now() - "reportedAt")::float8
FROM "Workers" ORDER BY service, "startedAt", id
""")

DEAD_LETTERS = statement("""
SELECT service, reason, count(*) FROM "DeadLetters"
WHERE status = 'open' GROUP BY service, reason ORDER BY service, reason
""")

QUARANTINES = statement("""
SELECT service, line, reason, "createdAt" FROM "Quarantines" ORDER BY service, line
""")

# min() over the index of unsent messages reads one entry of it.
OLDEST_UNSENT = statement("""
SELECT COALESCE(EXTRACT(EPOCH FROM now() - min("createdAt")), 0)::float8 FROM "Sends"
WHERE status IN ('queued', 'waiting', 'claimed')
""")

LINES = statement("""
SELECT COALESCE(status, ''), count(*) FROM "Whatsapps" GROUP BY 1 ORDER BY 1
""")

PURGES = statement("""
SELECT id, "companyId", "tableName", "createdAt",
       (SELECT COALESCE(sum(jsonb_each_text.value::bigint), 0)::bigint
        FROM jsonb_each_text(removed))
FROM "Purges" WHERE "finishedAt" IS NULL ORDER BY id
""")


SENDS_HELD = statement('SELECT "sendsHeldSince" FROM "Deployment"')


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A row of "Checkpoints"; `aside` are the deferred ranges of the main path."""

    service: str
    topic: str
    partition: int
    next_offset: int
    epoch: int
    aside: dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class StoredWorker:
    """A row of "Workers"; `halted` are the problems of its halted partitions."""

    id: str
    service: str
    host: str
    process_id: int
    version: str
    status: str
    halted: Sequence[str]
    partitions: int
    report_age_s: float


@dataclass(frozen=True, slots=True)
class DatabaseFigures:
    """What Postgres knows at one moment."""

    checkpoints: Sequence[StoredCheckpoint]
    workers: Sequence[StoredWorker]
    dead_letters: Sequence[DeadLetterCount]
    quarantines: Sequence[QuarantinedLine]
    oldest_unsent_s: float
    lines: Sequence[LineCount]
    purges: Sequence[PurgeProgress]
    sends_held_since: datetime | None = None


async def load_figures(engine: AsyncEngine, namespace: str, evolution: str) -> DatabaseFigures:
    """Load everything in one transaction, in nine statements of at most three seconds each."""
    topics = {"namespace": f"{namespace}.", "evolution": f"{evolution}."}
    async with engine.connect() as conn:
        await conn.execute(TIMEOUT)
        checkpoints = [StoredCheckpoint(*row) for row in await conn.execute(CHECKPOINTS, topics)]
        workers = [StoredWorker(*row) for row in await conn.execute(WORKERS)]
        dead_letters = [DeadLetterCount(*row) for row in await conn.execute(DEAD_LETTERS)]
        quarantines = [QuarantinedLine(*row) for row in await conn.execute(QUARANTINES)]
        oldest_unsent_s = (await conn.execute(OLDEST_UNSENT)).scalar_one()
        lines = [LineCount(*row) for row in await conn.execute(LINES)]
        purges = [PurgeProgress(*row) for row in await conn.execute(PURGES)]
        held_since = (await conn.execute(SENDS_HELD)).scalar_one()
    return DatabaseFigures(
        checkpoints,
        workers,
        dead_letters,
        quarantines,
        oldest_unsent_s,
        lines,
        purges,
        held_since,
    )
