"""Reads the status of a deployment; a server that does not answer in time leaves a gap."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
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
from shared.status.database import DatabaseFigures
from shared.status.figures import Server, Stage, Status
from shared.status.kafka import KafkaClient, Member
from shared.status.positions import ReadFrom
from shared.status.workers import merge_workers

ANSWER_WITHIN_S: Final = 3.5  # of each server; with connecting and closing less than five seconds


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
    """Load what Kafka knows; return the problem if it does not answer."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S), kafka.connect(settings.kafka) as client:
            await _load_from_kafka(settings, readings, from_database, client)
    except TimeoutError:
        return "no answer in time"
    except KafkaConnectionError:
        return f"no broker at {settings.kafka.bootstrap_servers}"
    except (OSError, KafkaError) as error:
        return str(error) or type(error).__name__
    return ""


async def _load_from_kafka(
    settings: Settings,
    readings: _Readings,
    from_database: asyncio.Task[str],
    client: KafkaClient,
) -> None:
    partitions = await client.list_partitions()
    readings.members = await client.load_members(settings.namespace)
    subscribed = {
        service: {topic for member in members for topic in member.topics}
        for service, members in (readings.members or {}).items()
    }
    await asyncio.shield(from_database)
    checkpoints = readings.postgres.checkpoints if readings.postgres else ()
    readings.topics = positions.choose_topics(settings, subscribed, checkpoints)
    ours = {topic for topics in readings.topics.values() for topic in topics}
    readings.partitions = [partition for partition in partitions if partition.topic in ours]
    begins, ends = await client.load_offsets(readings.partitions)
    if readings.postgres:
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
