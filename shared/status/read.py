"""Reads the status of a deployment; a server that does not answer in time leaves a gap."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import asyncpg
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from shared.db.engine import create_engine
from shared.schema import SERVICES
from shared.settings import Settings
from shared.status import database, kafka, positions
from shared.status.database import DatabaseFigures, StoredCheckpoint
from shared.status.figures import Server, Stage, Status
from shared.status.kafka import KafkaClient, Member
from shared.status.positions import ReadFrom
from shared.status.workers import merge_workers

ANSWER_WITHIN_S: Final = 3.5  # of each server
ALL_WITHIN_S: Final = 4.5  # with closing less than five seconds


@dataclass(slots=True)
class _Readings:
    """What was read until now; it stays if a server stops answering in between."""

    postgres: DatabaseFigures | None = None
    members: Mapping[str, Sequence[Member]] | None = None
    partitions: Sequence[TopicPartition] = ()
    topics: Mapping[str, set[str]] = field(default_factory=dict)
    reads: Sequence[ReadFrom] | None = None
    ages_s: Mapping[ReadFrom, float] | None = None


async def read_status(settings: Settings) -> Status:
    """Read all figures within five seconds, also if Kafka or Postgres does not answer."""
    readings = _Readings()
    from_database = asyncio.create_task(_ask_database(settings, readings))
    from_kafka = asyncio.create_task(_ask_kafka(settings, readings, from_database))
    postgres_problem, kafka_problem = await asyncio.gather(from_database, from_kafka)
    return _build_status(settings, readings, postgres_problem, kafka_problem)


async def _ask_database(settings: Settings, readings: _Readings) -> str:
    """Load what Postgres knows; return the problem if it does not answer."""
    engine = create_engine(settings.database, "chatia-status")
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            readings.postgres = await database.load_figures(
                engine, settings.namespace, settings.evolution_prefix
            )
    except TimeoutError:
        return "no answer in time"
    except DBAPIError as error:
        return str(error.orig).rpartition(">: ")[2].partition("\n")[0]
    except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:
        return str(error) or type(error).__name__
    finally:
        with suppress(TimeoutError):  # of a frozen server
            async with asyncio.timeout(kafka.CLOSE_TIMEOUT_S):
                await engine.dispose()
    return ""


async def _ask_kafka(
    settings: Settings, readings: _Readings, from_database: asyncio.Task[str]
) -> str:
    """Load what Kafka knows; return the problem if it does not answer.

    The wait for Postgres does not count, so that a silent Postgres is not a problem of Kafka.
    """
    end_at = asyncio.get_running_loop().time() + ALL_WITHIN_S
    try:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                client = await stack.enter_async_context(kafka.connect(settings.kafka))
                partitions = await client.list_partitions()
                readings.members = await client.load_members(settings.namespace)
            await asyncio.shield(from_database)
            if readings.postgres is None:
                _choose_partitions(settings, readings, partitions, ())
                return ""
            checkpoints = readings.postgres.checkpoints
            _choose_partitions(settings, readings, partitions, checkpoints)
            async with asyncio.timeout_at(end_at):
                await _load_backlog(readings, checkpoints, client)
    except TimeoutError:
        return "no answer in time"
    except KafkaConnectionError:
        return f"no broker at {settings.kafka.bootstrap_servers}"
    except (OSError, KafkaError) as error:
        return str(error) or type(error).__name__
    return ""


def _choose_partitions(
    settings: Settings,
    readings: _Readings,
    partitions: Iterable[TopicPartition],
    checkpoints: Sequence[StoredCheckpoint],
) -> None:
    """Note which topics each service reads, and their partitions."""
    subscribed = {
        service: {topic for member in members for topic in member.topics}
        for service, members in (readings.members or {}).items()
    }
    readings.topics = positions.choose_topics(settings, subscribed, checkpoints)
    ours = {topic for topics in readings.topics.values() for topic in topics}
    readings.partitions = [partition for partition in partitions if partition.topic in ours]


async def _load_backlog(
    readings: _Readings, checkpoints: Sequence[StoredCheckpoint], client: KafkaClient
) -> None:
    """Load what is read next from each partition, and how old it is."""
    begins, ends = await client.load_offsets(readings.partitions)
    reads = positions.find_reads(readings.topics, checkpoints, begins, ends)
    readings.reads = [read for read in reads if not read.deferred or read.offset < read.end]
    timestamps = await client.load_timestamps(readings.reads)
    now_ms = time.time() * 1000
    readings.ages_s = {r: max(now_ms - ms, 0) / 1000 for r, ms in timestamps.items()}


def _build_status(
    settings: Settings, readings: _Readings, postgres_problem: str, kafka_problem: str
) -> Status:
    figures, members = readings.postgres, readings.members
    checkpoints = figures.checkpoints if figures else ()
    return Status(
        at=datetime.now(UTC),
        namespace=settings.namespace,
        kafka=Server("Kafka", kafka_problem),
        postgres=Server("Postgres", postgres_problem),
        members={s: None if members is None else len(members.get(s, ())) for s in SERVICES},
        stages=_build_stages(settings, readings),
        workers=merge_workers(figures.workers if figures else (), members),
        deferred=positions.list_deferred(checkpoints),
        quarantines=figures.quarantines if figures else (),
        dead_letters=figures.dead_letters if figures else (),
        oldest_unsent_s=figures.oldest_unsent_s if figures else None,
        lines=figures.lines if figures else (),
        purges=figures.purges if figures else (),
        sends_held_since=figures.sends_held_since if figures else None,
    )


def _build_stages(settings: Settings, readings: _Readings) -> list[Stage]:
    return positions.build_stages(
        readings.topics, settings.namespace, readings.partitions, readings.reads, readings.ages_s
    )
