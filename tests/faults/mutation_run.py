"""`python -m tests.faults.mutation_run --events 100000`: mutated records and their outcomes.

Good traffic is published first; then so many copies of it, each with one mutation, on every topic
that outsiders write and on two between our services. Quarantine is off. The outcome of each is
looked up: a dead letter, a row, or a fact that refuses it.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.cli import cluster
from shared.delivery.kafka.aiokafka_patches import patch_aiokafka
from shared.delivery.kafka.outgoing import choose_partition
from shared.dev.demo import companies as cast
from shared.dev.demo import database_setup as setting
from shared.dev.demo.records import SampleRecord, Topics
from shared.embedded.servers import Servers
from shared.settings import Settings
from shared.topics import build_evolution_topics
from tests.benchmarks import stage
from tests.faults import traffic
from tests.faults.__main__ import FOLDER, fresh_servers, say
from tests.faults.laws import HOPS
from tests.faults.mutation import ANOTHER_TYPE, HUGE_BODY, MUTATIONS, give_new_id, make_huge
from tests.faults.quiescence import Quiescence
from tests.faults.reading import TopicRecord, open_reader
from tests.faults.record_outcomes import MUTATION, MutationResult, build_report, find_outcomes
from tests.faults.rounds import build_topics
from tests.support.any_records import AnyRecord, send

GOOD = 1_000  # events, published as they are and then mutated
HUGE_BODIES = 20
LARGEST_RECORD = 6 * 2**20  # bytes; what the topics of this run take
RECORDS_AT_ONCE = 200
SETTLE_S = 1_800.0
INTERNAL = ("message.identified", "message.routed")
INTERNAL_SHARE = 0.1  # of mutations, on the topics between our services
STORED_FACTS = "message.stored"

RecordOfTopic = tuple[str, AnyRecord]  # topic


def mutate_records(
    random: Random, good: Mapping[str, Sequence[AnyRecord]], events: int
) -> Iterator[RecordOfTopic]:
    """Yield mutated copies of good records of all topics, some of them huge."""
    inside = [topic for topic in good if topic.partition(".")[2] in INTERNAL]
    outside = [topic for topic in good if topic not in inside]
    sizes = [len(good[topic]) for topic in outside]
    blown_up = set(range(0, events, max(1, events // HUGE_BODIES))[:HUGE_BODIES])
    for number in range(events):
        topic, how = random.choices(outside, sizes)[0], random.choice(list(MUTATIONS))
        if number in blown_up:
            how = HUGE_BODY
        elif how != ANOTHER_TYPE and random.random() < INTERNAL_SHARE:
            topic = random.choice(inside)
        copy = give_new_id(number, random.choice(good[topic]))
        record = MUTATIONS.get(how, make_huge)(random, copy)
        mark = (MUTATION.encode(), how.encode())
        yield topic, replace(record, headers=(*record.headers, mark))


async def publish(settings: Settings, records: Iterable[RecordOfTopic]) -> int:
    """Publish records by their keys, those without a readable key in turn; return the count."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap_servers, acks="all",
        max_request_size=2 * LARGEST_RECORD, max_batch_size=2 * LARGEST_RECORD,
    )  # fmt: skip
    waiting: dict[tuple[str, int], list[AnyRecord]] = defaultdict(list)
    count = 0
    await producer.start()
    try:
        for count, (topic, record) in enumerate(records, 1):
            partition = topic, _partition(record, count)
            waiting[partition].append(record)
            if len(waiting[partition]) >= RECORDS_AT_ONCE or _is_huge(record):
                await send(producer, *partition, waiting.pop(partition))
        for partition, left in waiting.items():
            await send(producer, *partition, left)
    finally:
        await producer.stop()
    return count


def _partition(record: AnyRecord, count: int) -> int:
    try:
        key = (record.key or b"").decode()
    except UnicodeDecodeError:
        key = ""
    return choose_partition(key, stage.PARTITIONS) if key else count % stage.PARTITIONS


def _is_huge(record: AnyRecord) -> bool:
    return len(record.value or b"") > LARGEST_RECORD // 2


async def run_mutations(
    servers: Servers, settings: Settings, seed: str, events: int
) -> MutationResult:
    """Publish good and mutated records, wait until all are handled, and look up the outcomes."""
    patch_aiokafka()  # this process reads the mutated records too
    await stage.prepare(servers, settings, 0)
    await _allow_large_records(settings)
    engine = create_async_engine(settings.database.url, poolclass=NullPool)
    topics, random, result = build_topics(settings), Random(seed), MutationResult()
    quiescence = Quiescence(settings.kafka.bootstrap_servers, engine, topics, stage.PARTITIONS)
    try:
        async with stage.workers(servers, {"CHATIA_QUARANTINE_AFTER": "0"}):
            good = await _build_good_records(engine, random, topics)
            await publish(settings, good)
            await quiescence.wait_until_quiet((), time.monotonic() + SETTLE_S)
            bases = await _group_good_records(settings, topics)
            began = time.monotonic()
            result.published = await publish(settings, mutate_records(random, bases, events))
            await quiescence.wait_until_quiet((), time.monotonic() + SETTLE_S)
            result.seconds = time.monotonic() - began
        await find_outcomes(engine, await _read_topics(settings, topics), topics, result)
    finally:
        await engine.dispose()
    return result


async def _build_good_records(
    engine: AsyncEngine, random: Random, topics: Topics
) -> list[RecordOfTopic]:
    now = datetime.now(UTC)
    companies = cast.build_companies("mutated")
    async with engine.begin() as conn:
        made = await setting.insert_demo_rows(conn, companies, now)
    partition = traffic.RoundSetting("mutated", made, companies, topics, now)
    records = traffic.build_traffic(partition, random, GOOD).records
    return [
        (raw.topic, AnyRecord(_key(raw.key), raw.value, _headers(raw)))
        for raw in records
        if raw.dead_reason is None
    ]


def _headers(raw: SampleRecord) -> tuple[tuple[bytes, bytes | None], ...]:
    return tuple((name.encode(), value) for name, value in raw.headers)


def _key(key: str | None) -> bytes | None:
    return key.encode() if key is not None else None


async def _group_good_records(settings: Settings, topics: Topics) -> dict[str, list[AnyRecord]]:
    """Return the records of each topic, without headers that only our services set."""
    records = await _read_topics(settings, topics)
    own = {topics.get_own(name) for name in INTERNAL}
    bases: dict[str, list[AnyRecord]] = defaultdict(list)
    for record in records:
        is_fact = bool(record.header("ce_sequence"))
        if record.topic in own or not is_fact:
            headers = tuple(
                (name.encode(), value)
                for name, value in record.headers
                if name not in ("ce_sequence", "ce_source")
            )
            bases[record.topic].append(AnyRecord(record.key, record.value, headers))
    return bases


async def _read_topics(settings: Settings, topics: Topics) -> list[TopicRecord]:
    names = [topics.get_own(name) for name in (*HOPS, STORED_FACTS, "campaign.send")]
    names += [topic.name for topic in build_evolution_topics(topics.evolution_prefix)]
    async with open_reader(settings.kafka.bootstrap_servers, stage.PARTITIONS) as reading:
        ends = await reading.read_ends(names)
        return await reading.read_since(dict.fromkeys(ends, 0))


async def _allow_large_records(settings: Settings) -> None:
    names = [f"{settings.namespace}.{name}" for name in ("message.received", "campaign.send")]
    names += [topic.name for topic in build_evolution_topics(settings.evolution_prefix)]
    wanted = [
        ConfigResource(
            ConfigResourceType.TOPIC, name, configs={"max.message.bytes": str(LARGEST_RECORD)}
        )
        for name in names
    ]
    async with cluster.connect_admin(settings.kafka) as admin:
        await admin.alter_configs(wanted)


def main() -> int:
    """Run it and print the result; return 1 if a record has no outcome."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.mutation_run", description=__doc__
    )
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", default="rubbish")
    parser.add_argument("--folder", type=Path, default=FOLDER / "mutated")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.CRITICAL)
    with fresh_servers(given.folder / "servers") as servers:
        result = asyncio.run(
            run_mutations(servers, stage.settings_of(servers), given.seed, given.events)
        )
    say(build_report(result))
    return int(bool(result.problems))


if __name__ == "__main__":
    sys.exit(main())
