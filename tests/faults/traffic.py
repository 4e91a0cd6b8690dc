"""A round's traffic: the demo's, with repetitions, shuffled and numbered; and its publishing."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.delivery.kafka import clients
from shared.dev.demo.companies import Company, DemoRows
from shared.dev.demo.comparison import Snapshot
from shared.dev.demo.records import SampleRecord, Topics
from shared.dev.demo.traffic import TrafficContext, generate_traffic
from shared.settings import KafkaSettings
from tests.faults import changes, hidden, hostile, requests
from tests.faults.changes import Changes
from tests.faults.requests import Requests
from tests.faults.ticket_fixtures import TicketFixtures

NUMBER_HEADER = "faults-number"
REPEATED_SHARE = 0.05  # of records, published once more later
SHUFFLED_SHARE = 0.4  # of stretches, each in random order
STRETCH = 25
CHUNK = 20  # records published at once
ACKNOWLEDGED_WITHIN_S = 10.0
LARGEST_REQUEST = 2 * hostile.HUGE  # bytes before compression
REAL_WIDS = "3EB0"  # of the demo's messages; its invalid records begin otherwise

RecordId = tuple[str, int, int]  # topic, partition, offset


@dataclass(frozen=True, slots=True)
class Traffic:
    """The records that a round publishes, in this order, and the rows that must follow."""

    name: str
    records: tuple[SampleRecord, ...]
    expected: Snapshot
    changes: Changes = field(default_factory=Changes)
    requests: Requests = field(default_factory=Requests)

    def find_number(self, header: str) -> int | None:
        """Return the index in `records` that a header names; None for records of other rounds."""
        name, _, number = header.rpartition("/")
        return int(number) if name == self.name else None

    def find_event_type(self, number: int) -> str | None:
        """Return the type of event that a raw gateway record must become; None for no event."""
        raw = self.records[number]
        if raw.dead_reason or not raw.value:
            return None
        if changed := self.changes.event_types.get(raw.value):
            return changed
        key = json.loads(raw.value)["data"]
        wid = key.get("key", {}).get("id", "") if isinstance(key, dict) else ""
        is_message = wid.startswith(REAL_WIDS) and raw.topic.endswith(".messages.upsert")
        return "message.received" if is_message else None


@dataclass(frozen=True, slots=True)
class RoundSetting:
    """The companies, tickets, topics and time of a round."""

    name: str
    stage: DemoRows
    cast: Sequence[Company]
    topics: Topics
    now: datetime
    fixtures: TicketFixtures = field(default_factory=TicketFixtures)


def build_traffic(setting: RoundSetting, random: Random, events: int) -> Traffic:
    """Build the traffic; the same random source and stage give the same.

    Without ticket fixtures it holds only new messages of gateways and campaign sends.
    """
    writer = TrafficContext(random, setting.stage, setting.topics, setting.now)
    script = generate_traffic(writer, setting.cast, events)
    if not setting.fixtures.tickets:
        records = _shuffle_some(random, _repeat_some(random, script.all_records))
        return Traffic(setting.name, _add_numbers(setting, records), script.expected)
    changed = changes.write(random, setting.stage, setting.topics, script.messages, script.expected)
    context = requests.RequestContext(random, setting.topics, setting.name, setting.now)
    requested = requests.write(context, setting.fixtures, events)
    costly = hostile.write(random, setting.topics, setting.stage, setting.now, events)
    unseen = hidden.write(random, setting.stage, setting.topics, script.messages)
    more = (*changed.records, *requested.records, *costly, *unseen)
    mixed = _mix(random, script.all_records, more)
    records = _shuffle_some(random, _repeat_some(random, mixed))
    expected = changes.compute_expected(changed, script.expected)
    return Traffic(setting.name, _add_numbers(setting, records), expected, changed, requested)


def _add_numbers(
    setting: RoundSetting, records: Sequence[SampleRecord]
) -> tuple[SampleRecord, ...]:
    return tuple(
        replace(raw, headers=(*raw.headers, (NUMBER_HEADER, f"{setting.name}/{number}".encode())))
        for number, raw in enumerate(records)
    )


def _mix(
    random: Random, records: Sequence[SampleRecord], more: Sequence[SampleRecord]
) -> list[SampleRecord]:
    """Insert more records at random places: a change may come before its message."""
    timed = [(float(number), raw) for number, raw in enumerate(records)]
    timed += [(random.uniform(0, len(records)), raw) for raw in more]
    return [raw for _, raw in sorted(timed, key=lambda pair: pair[0])]


def _repeat_some(random: Random, records: Sequence[SampleRecord]) -> list[SampleRecord]:
    timed = [(float(number), raw) for number, raw in enumerate(records)]
    for _ in range(round(len(records) * REPEATED_SHARE)):
        number = random.randrange(len(records))
        timed.append((number + random.uniform(0, len(records) / 2), records[number]))
    return [raw for _, raw in sorted(timed, key=lambda pair: pair[0])]


def _shuffle_some(random: Random, records: list[SampleRecord]) -> list[SampleRecord]:
    shuffled: list[SampleRecord] = []
    for start in range(0, len(records), STRETCH):
        stretch = records[start : start + STRETCH]
        if random.random() < SHUFFLED_SHARE:
            random.shuffle(stretch)
        shuffled += stretch
    return shuffled


async def publish(
    settings: KafkaSettings, records: Sequence[SampleRecord], seconds: float
) -> list[RecordId]:
    """Publish over so many seconds and return topic, partition and offset of each record.

    As gateways do, it publishes again what was not acknowledged, even if the broker has it.
    """
    record_ids: list[RecordId] = []
    waiting = list(records)
    pause_s = seconds / max(1.0, len(waiting) / CHUNK)
    while waiting:
        try:
            async with _start_producer(settings) as producer:
                while waiting:
                    acknowledged = await _publish(producer, waiting[:CHUNK], record_ids)
                    del waiting[:acknowledged]
                    await asyncio.sleep(pause_s)
        except (KafkaError, OSError, TimeoutError):
            await asyncio.sleep(0.5)
    return record_ids


async def _publish(
    producer: AIOKafkaProducer, chunk: Sequence[SampleRecord], record_ids: list[RecordId]
) -> int:
    """Return how many, from the first on, were acknowledged; raises where none was."""
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
    for ack in done:
        if isinstance(ack, BaseException):
            if not count:
                raise ack
            break
        record_ids.append((ack.topic, ack.partition, ack.offset))
        count += 1
    return count


@asynccontextmanager
async def _start_producer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        **clients.build_client_arguments(settings),
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
        await clients.stop_producer(producer)
