"""`python -m tests.faults.mutated --events 100000`: spoiled records, and what becomes of each.

Good traffic is published first; then so many copies of it, each spoiled in one way, on every topic
that outsiders write and on the two that carry messages between our services. Quarantine is off.
What became of each is looked up from outside: a dead letter, a row, or a fact that says why not.
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
from shared.delivery.fetching import bound_memory
from shared.delivery.outbox import partition_of
from shared.demo import cast, setting
from shared.demo.records import Raw, Topics
from shared.embedded.servers import Servers
from shared.settings import Settings
from shared.topics import evolution_topics
from tests.benchmarks import stage
from tests.faults import traffic
from tests.faults.__main__ import FOLDER, fresh_servers, say
from tests.faults.fates import MUTATION, Account, judge, report
from tests.faults.laws import PASSED_ON
from tests.faults.mutate import ANOTHER_TYPE, HUGE_BODY, MUTATIONS, huge, renewed
from tests.faults.reading import Heard, reader
from tests.faults.rounds import topics_of
from tests.faults.settled import Watch
from tests.support.any_records import AnyRecord, send

GOOD = 1_000  # events that are published unspoiled, and spoiled then
HUGE_BODIES = 20
LARGEST_RECORD = 6 * 2**20  # bytes; what the topics of this run take
RECORDS_AT_ONCE = 200
SETTLE_S = 1_800.0
INTERNAL = ("message.identified", "message.routed")
INTERNAL_SHARE = 0.1  # what only our services write is spoiled less often
ROWS_TOLD = "message.stored"

Named = tuple[str, AnyRecord]  # topic


def spoiled(
    random: Random, good: Mapping[str, Sequence[AnyRecord]], events: int
) -> Iterator[Named]:
    """Spoil copies of good records, in all ways, on all topics; the large ones among them."""
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
        copy = renewed(number, random.choice(good[topic]))
        record = MUTATIONS.get(how, huge)(random, copy)
        mark = (MUTATION.encode(), how.encode())
        yield topic, replace(record, headers=(*record.headers, mark))


async def publish(settings: Settings, records: Iterable[Named]) -> int:
    """Put records where their keys lead, those without a usable key by their turn."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap_servers, acks="all",
        max_request_size=2 * LARGEST_RECORD, max_batch_size=2 * LARGEST_RECORD,
    )  # fmt: skip
    waiting: dict[tuple[str, int], list[AnyRecord]] = defaultdict(list)
    count = 0
    await producer.start()
    try:
        for count, (topic, record) in enumerate(records, 1):
            place = topic, _partition(record, count)
            waiting[place].append(record)
            if len(waiting[place]) >= RECORDS_AT_ONCE or _is_huge(record):
                await send(producer, *place, waiting.pop(place))
        for place, left in waiting.items():
            await send(producer, *place, left)
    finally:
        await producer.stop()
    return count


def _partition(record: AnyRecord, count: int) -> int:
    try:
        key = (record.key or b"").decode()
    except UnicodeDecodeError:
        key = ""
    return partition_of(key, stage.PARTITIONS) if key else count % stage.PARTITIONS


def _is_huge(record: AnyRecord) -> bool:
    return len(record.value or b"") > LARGEST_RECORD // 2


async def play(servers: Servers, settings: Settings, seed: str, events: int) -> Account:
    """Publish good traffic, spoil it, wait until all is taken in, and look everything up."""
    bound_memory()  # this process reads the spoiled records too
    await stage.prepare(servers, settings, 0)
    await _take_large_records(settings)
    engine = create_async_engine(settings.database.url, poolclass=NullPool)
    topics, random, account = topics_of(settings), Random(seed), Account()
    watch = Watch(settings.kafka.bootstrap_servers, engine, topics, stage.PARTITIONS)
    try:
        async with stage.workers(servers, {"CHATIA_QUARANTINE_AFTER": "0"}):
            good = await _good(engine, random, topics)
            await publish(settings, good)
            await watch.settled((), time.monotonic() + SETTLE_S)
            bases = await _bases(settings, topics)
            began = time.monotonic()
            account.published = await publish(settings, spoiled(random, bases, events))
            await watch.settled((), time.monotonic() + SETTLE_S)
            account.seconds = time.monotonic() - began
        await judge(engine, await _heard(settings, topics), topics, account)
    finally:
        await engine.dispose()
    return account


async def _good(engine: AsyncEngine, random: Random, topics: Topics) -> list[Named]:
    now = datetime.now(UTC)
    companies = cast.companies("mutated")
    async with engine.begin() as conn:
        made = await setting.build(conn, companies, now)
    place = traffic.Setting("mutated", made, companies, topics, now)
    records = traffic.compose(place, random, GOOD).records
    return [
        (raw.topic, AnyRecord(_key(raw.key), raw.value, _headers(raw)))
        for raw in records
        if raw.dead is None
    ]


def _headers(raw: Raw) -> tuple[tuple[bytes, bytes | None], ...]:
    return tuple((name.encode(), value) for name, value in raw.headers)


def _key(key: str | None) -> bytes | None:
    return key.encode() if key is not None else None


async def _bases(settings: Settings, topics: Topics) -> dict[str, list[AnyRecord]]:
    """Give what is on the topics now; facts without their place, which no outsider can have."""
    heard = await _heard(settings, topics)
    own = {topics.own(name) for name in INTERNAL}
    bases: dict[str, list[AnyRecord]] = defaultdict(list)
    for record in heard:
        is_fact = bool(record.header("ce_sequence"))
        if record.topic in own or not is_fact:
            headers = tuple(
                (name.encode(), value)
                for name, value in record.headers
                if name not in ("ce_sequence", "ce_source")
            )
            bases[record.topic].append(AnyRecord(record.key, record.value, headers))
    return bases


async def _heard(settings: Settings, topics: Topics) -> list[Heard]:
    names = [topics.own(name) for name in (*PASSED_ON, ROWS_TOLD, "campaign.send")]
    names += [topic.name for topic in evolution_topics(topics.evolution_prefix)]
    async with reader(settings.kafka.bootstrap_servers, stage.PARTITIONS) as reading:
        ends = await reading.ends(names)
        return await reading.since(dict.fromkeys(ends, 0))


async def _take_large_records(settings: Settings) -> None:
    names = [f"{settings.namespace}.{name}" for name in ("message.received", "campaign.send")]
    names += [topic.name for topic in evolution_topics(settings.evolution_prefix)]
    wanted = [
        ConfigResource(
            ConfigResourceType.TOPIC, name, configs={"max.message.bytes": str(LARGEST_RECORD)}
        )
        for name in names
    ]
    async with cluster.connected(settings.kafka) as admin:
        await admin.alter_configs(wanted)


def main() -> int:
    """Play it, print the account; 1 where a record has no end that a person understands."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mutated", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", default="rubbish")
    parser.add_argument("--folder", type=Path, default=FOLDER / "mutated")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.CRITICAL)
    with fresh_servers(given.folder / "servers") as servers:
        account = asyncio.run(play(servers, stage.settings_of(servers), given.seed, given.events))
    say(report(account))
    return int(bool(account.troubles))


if __name__ == "__main__":
    sys.exit(main())
