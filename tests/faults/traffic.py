"""A round's traffic: the demo's seeded crowd, doubled, shuffled and numbered, then published."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
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

NUMBER_HEADER = "faults-number"
AGAIN_SHARE = 0.05  # of records, told once more somewhere later
SHUFFLED_SHARE = 0.4  # of stretches, each put into any order
STRETCH = 25
CHUNK = 20  # records on their way at once
ACKNOWLEDGED_WITHIN_S = 10.0
REAL_WIDS = "3EB0"  # the demo's crowd; what it only pretends to say begins otherwise

Place = tuple[str, int, int]  # topic, partition, offset


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a round publishes, in this order, and the rows that must come of it."""

    name: str
    records: tuple[Raw, ...]
    expected: Facts

    def number_of(self, header: str) -> int | None:
        """Give the place among `records` that a header names; None for other rounds' ones."""
        name, _, number = header.rpartition("/")
        return int(number) if name == self.name else None

    def is_message(self, number: int) -> bool:
        """Whether this raw gateway record must become exactly one message of ours."""
        raw = self.records[number]
        if raw.dead or not raw.value:
            return False
        key = json.loads(raw.value)["data"]
        wid = key.get("key", {}).get("id", "") if isinstance(key, dict) else ""
        return bool(wid.startswith(REAL_WIDS)) and raw.topic.endswith(".messages.upsert")


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a round plays."""

    name: str
    stage: Stage
    cast: Sequence[Company]
    topics: Topics
    now: datetime


def compose(setting: Setting, random: Random, events: int) -> Traffic:
    """Write the traffic; the same random source and stage give the same."""
    writer = Writer(random, setting.stage, setting.topics, setting.now)
    script = write(writer, setting.cast, events)
    records = _shuffled(random, _doubled(random, script.all))
    numbered = [
        replace(raw, headers=(*raw.headers, (NUMBER_HEADER, f"{setting.name}/{number}".encode())))
        for number, raw in enumerate(records)
    ]
    return Traffic(setting.name, tuple(numbered), script.expected)


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


async def publish(settings: KafkaSettings, traffic: Traffic, seconds: float) -> list[Place]:
    """Publish over so many seconds, each record until it is acknowledged; gives where they stand.

    As a gateway does, it tells again what was not acknowledged, although the broker may have it.
    """
    places: list[Place] = []
    waiting = list(traffic.records)
    pause_s = seconds / (len(waiting) / CHUNK)
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
        **kafka.connection(settings), acks="all", enable_idempotence=True, request_timeout_ms=5_000
    )
    try:
        await producer.start()
        yield producer
    finally:
        await kafka.stop(producer)
