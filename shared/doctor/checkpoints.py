"""Whether checkpoints, Kafka's logs and the database belong together."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts.message import MessageSend
from shared.db.bulk import statement
from shared.db.identity import COMPARE, describe_difference, has_identity
from shared.delivery.checkpoints.restored import Committed, went_back
from shared.delivery.fairness.deferred_ranges import load_ranges
from shared.delivery.fairness.selection import BULK
from shared.doctor.findings import Code, Examined, Finding, Severity, count
from shared.settings import Settings
from shared.status import kafka
from shared.status.database import CHECKPOINTS, StoredCheckpoint
from shared.status.positions import choose_topics

DEPLOYMENT = statement('SELECT uuid FROM "Deployment"')
Logs = Mapping[TopicPartition, tuple[int, int]]  # offsets of the log's start and end


async def find(examined: Examined) -> list[Finding]:
    """Compare the checkpoints with the logs; if Kafka does not answer, say only that."""
    settings = examined.settings
    names = {
        "namespace": f"{settings.namespace}.",
        "evolution": f"{settings.evolution_prefix}.",
    }
    if change := await _find_other_database(examined):
        return [change]
    rows = [StoredCheckpoint(*row) for row in await examined.conn.execute(CHECKPOINTS, names)]
    try:
        logs, committed = await _load_logs(settings, {row.topic for row in rows})
    except TimeoutError:
        return [_find_no_kafka("it does not answer")]
    except (OSError, KafkaError) as error:
        return [_find_no_kafka(str(error) or type(error).__name__)]
    deployment = str((await examined.conn.execute(DEPLOYMENT)).scalar_one())
    if went_back(deployment, committed, rows):
        return [_find_unfinished("Checkpoints are behind what workers committed to Kafka.")]
    if not any(judge_checkpoints(rows, logs)):
        return []
    # The contracts say who reads which topic. Loading them takes long, so only if it matters.
    return list(judge_checkpoints(rows, logs, list_read_topics(settings)))


def list_read_topics(settings: Settings) -> dict[str, set[str]]:
    """Return the topics that each service reads now; checkpoints of others do not matter."""
    sends = f"{settings.namespace}.{MessageSend.topic}"  # read only with the sender
    return {
        service: {*topics, sends} for service, topics in choose_topics(settings, {}, ()).items()
    }


def judge_checkpoints(
    rows: Iterable[StoredCheckpoint], logs: Logs, read: Mapping[str, Collection[str]] | None = None
) -> Iterator[Finding]:
    """Yield a finding for each checkpoint whose next record is not in the log any more.

    `read` are the topics that each service reads; without it, all that have a checkpoint.
    """
    known = {(row.service, row.topic, row.partition): row for row in rows}
    for row in known.values():
        if row.service.endswith(BULK) or (
            read is not None and row.topic not in read.get(row.service, ())
        ):
            continue
        start, end = logs.get(TopicPartition(row.topic, row.partition), (0, 0))
        if row.next_offset > end:
            yield _find_beyond(row, end)
            continue
        bulk = known.get((row.service + BULK, row.topic, row.partition))
        first = _find_first(row, bulk)
        if first < start:
            yield _find_behind(row, first, start)


def _find_first(row: StoredCheckpoint, bulk: StoredCheckpoint | None) -> int:
    """Return the offset of the oldest record that is still to be read."""
    if not row.aside:
        return row.next_offset
    first = min(each.first for each in load_ranges(row.aside).values())
    done = bulk.next_offset if bulk and bulk.epoch == row.epoch else 0
    return min(row.next_offset, max(first, done))


def _find_behind(row: StoredCheckpoint, first: int, start: int) -> Finding:
    return Finding(
        Code.CHECKPOINT_BEHIND_LOG,
        Severity.ERROR,
        f"{row.service} reads {row.topic}/{row.partition} from {first} on, but its log starts at "
        f"{start}: up to {count(start - first, 'record')} were removed before they were read.",
        "The topic's retention is shorter than the time that no worker read it, or the database "
        "was restored from a backup that is older than the topic's retention.",
        f"chatia topics accept-reset {row.topic} --dry-run",
    )


def _find_beyond(row: StoredCheckpoint, end: int) -> Finding:
    return Finding(
        Code.CHECKPOINT_BEYOND_LOG,
        Severity.ERROR,
        f"{row.service} has read {row.topic}/{row.partition} up to {row.next_offset}, but its log "
        f"ends at {end}.",
        "The topic was deleted, re-created or cut off, or this is another Kafka.",
        f"chatia topics accept-reset {row.topic} --dry-run",
    )


async def _load_logs(settings: Settings, topics: Collection[str]) -> tuple[Logs, Committed]:
    if not topics:
        return {}, {}
    async with kafka.connect(settings.kafka) as client:
        here = [each for each in await client.list_partitions() if each.topic in topics]
        begins, ends = await client.load_offsets(here)
        committed = await client.load_committed(settings.namespace)
    return {partition: (begins[partition], ends[partition]) for partition in here}, committed


async def _find_other_database(examined: Examined) -> Finding | None:
    if not await has_identity(examined.conn):
        return None
    found: Sequence[Any] | None = (await examined.conn.exec_driver_sql(COMPARE)).first()
    change = describe_difference(*found) if found else ""
    return _find_unfinished(f"{change}.") if change else None


def _find_unfinished(what: str) -> Finding:
    return Finding(
        Code.RECOVERY_UNFINISHED,
        Severity.ERROR,
        what,
        "The database was restored to an earlier time, or another server took over. Workers wait, "
        "or do not start.",
        "stop all workers, then: chatia db recover --finish",
    )


def _find_no_kafka(reason: str) -> Finding:
    return Finding(
        Code.KAFKA_UNKNOWN,
        Severity.NOTICE,
        f"The checkpoints were not compared with Kafka: {reason}.",
        "Kafka does not run, or KAFKA_BOOTSTRAP_SERVERS has another address.",
        "chatia status",
    )
