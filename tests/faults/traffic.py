"""A round's traffic: the demo's seeded crowd, doubled, shuffled and numbered, then published."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared import kafka
from shared.demo.cast import Company, Stage
from shared.demo.facts import Facts
from shared.demo.records import Raw, Topics
from shared.demo.script import Writer, write
from shared.settings import KafkaSettings
from tests.faults import changes, hostile, requests
from tests.faults.changes import Changes
from tests.faults.desk import Desk
from tests.faults.requests import Requests

NUMBER_HEADER = "faults-number"
AGAIN_SHARE = 0.05  # of records, told once more somewhere later
SHUFFLED_SHARE = 0.4  # of stretches, each put into any order
STRETCH = 25
CHUNK = 20  # records on their way at once
ACKNOWLEDGED_WITHIN_S = 10.0
LARGEST_REQUEST = 2 * hostile.HUGE  # bytes before compression
REAL_WIDS = "3EB0"  # the demo's crowd; what it only pretends to say begins otherwise

Place = tuple[str, int, int]  # topic, partition, offset


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a round publishes, in this order, and the rows that must come of it."""

    name: str
    records: tuple[Raw, ...]
    expected: Facts
    changes: Changes = field(default_factory=Changes)
    requests: Requests = field(default_factory=Requests)

    def number_of(self, header: str) -> int | None:
        """Give the place among `records` that a header names; None for other rounds' ones."""
        name, _, number = header.rpartition("/")
        return int(number) if name == self.name else None

    def event_of(self, number: int) -> str | None:
        """Name the event of ours that this raw gateway record must become, if any."""
        raw = self.records[number]
        if raw.dead or not raw.value:
            return None
        if changed := self.changes.told_as.get(raw.value):
            return changed
        key = json.loads(raw.value)["data"]
        wid = key.get("key", {}).get("id", "") if isinstance(key, dict) else ""
        is_message = wid.startswith(REAL_WIDS) and raw.topic.endswith(".messages.upsert")
        return "message.received" if is_message else None


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a round plays."""

    name: str
    stage: Stage
    cast: Sequence[Company]
    topics: Topics
    now: datetime
    desk: Desk = field(default_factory=Desk)


def compose(setting: Setting, random: Random, events: int) -> Traffic:
    """Write the traffic; the same random source and stage give the same.

    Without a desk it is what gateways tell of new messages, and jobs of campaigns, and no more.
    """
    writer = Writer(random, setting.stage, setting.topics, setting.now)
    script = write(writer, setting.cast, events)
    if not setting.desk.tickets:
        records = _shuffled(random, _doubled(random, script.all))
        return Traffic(setting.name, _numbered(setting, records), script.expected)
    changed = changes.write(random, setting.stage, setting.topics, script.said, script.expected)
    office = requests.Office(random, setting.topics, setting.name, setting.now)
    asked = requests.write(office, setting.desk, events)
    costly = hostile.write(random, setting.topics, setting.stage, setting.now, events)
    mixed = _mixed(random, script.all, (*changed.records, *asked.records, *costly))
    records = _shuffled(random, _doubled(random, mixed))
    expected = changes.left_by(changed, script.expected)
    return Traffic(setting.name, _numbered(setting, records), expected, changed, asked)


def _numbered(setting: Setting, records: Sequence[Raw]) -> tuple[Raw, ...]:
    return tuple(
        replace(raw, headers=(*raw.headers, (NUMBER_HEADER, f"{setting.name}/{number}".encode())))
        for number, raw in enumerate(records)
    )


def _mixed(random: Random, records: Sequence[Raw], more: Sequence[Raw]) -> list[Raw]:
    """Put more records among others anywhere: a change may come before its message."""
    timed = [(float(number), raw) for number, raw in enumerate(records)]
    timed += [(random.uniform(0, len(records)), raw) for raw in more]
    return [raw for _, raw in sorted(timed, key=lambda pair: pair[0])]


def _doubled(random: Random, records: Sequence[Raw]) -> list[Raw]:
    timed = [(float(number), raw) for number, raw in enumerate(records)]
    for _ in range(round(len(records) * AGAIN_SHARE)):
        number = random.randrange(len(records))
        timed.append((number + random.uniform(0, len(records) / 2), records[number]))
    return [raw for _, raw in sorted(timed, key=lambda pair: pair[0])]


def _shuffled(random: Random, records: list[Raw]) -> list[Raw]:
    shuffled: list[Raw] = []
    for start in range(0, len(records), STRETCH):
        stretch = records[start : start + STRETCH]
        if random.random() < SHUFFLED_SHARE:
            random.shuffle(stretch)
        shuffled += stretch
    return shuffled


async def publish(settings: KafkaSettings, records: Sequence[Raw], seconds: float) -> list[Place]:
    """Publish over so many seconds, each record until it is acknowledged; gives where they stand.

    As a gateway does, it tells again what was not acknowledged, although the broker may have it.
    """
    places: list[Place] = []
    waiting = list(records)
    pause_s = seconds / max(1.0, len(waiting) / CHUNK)
    while waiting:
        try:
            async with _producer(settings) as producer:
                while waiting:
                    acknowledged = await _publish(producer, waiting[:CHUNK], places)
                    del waiting[:acknowledged]
                    await asyncio.sleep(pause_s)
        except (KafkaError, OSError, TimeoutError):
            await asyncio.sleep(0.5)
    return places


async def _publish(producer: AIOKafkaProducer, chunk: Sequence[Raw], places: list[Place]) -> int:
    """Give how many, from the first on, were acknowledged; raises where none was."""
    async with asyncio.timeout(ACKNOWLEDGED_WITHIN_S):
        sends = [
            await producer.send(
                raw.topic,
                key=None if raw.key is None else raw.key.encode(),
                value=raw.value,
                headers=list(raw.headers),
            )
            for raw in chunk
        ]
        done = await asyncio.gather(*sends, return_exceptions=True)
    count = 0
    for answer in done:
        if isinstance(answer, BaseException):
            if not count:
                raise answer
            break
        places.append((answer.topic, answer.partition, answer.offset))
        count += 1
    return count


@asynccontextmanager
async def _producer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        **kafka.connection(settings),
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=5_000,
        compression_type="lz4",
        max_request_size=LARGEST_REQUEST,
    )
    try:
        await producer.start()
        yield producer
    finally:
        await kafka.stop(producer)
