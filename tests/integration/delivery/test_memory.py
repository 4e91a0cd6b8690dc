"""Records that become huge when they are uncompressed, on a real Kafka: memory stays bounded."""

import asyncio
import gc
import hashlib
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from itertools import chain, repeat
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer, ConsumerRecord

from shared.contracts.base import Event
from shared.embedded.processes import Guarded
from tests.support import world
from tests.support.any_batches import CODECS, batch, record, send_built
from tests.support.build import received
from tests.support.deployment import Deployment, Record, deployment

pytestmark = pytest.mark.integration

MIB = 2**20
IN_FLIGHT = 64 * MIB
MOST_RSS = 3 * IN_FLIGHT + 150 * MIB
MEGABYTES = (100, 400)
CODEC_NAMES = ("gzip", "zstd")
PART = b"x" * 2**16
UNREAD = """
SELECT :sent - (SELECT COALESCE(sum("nextOffset"), 0) FROM "Checkpoints"
                WHERE service = 'contacts' AND topic = :topic) AS left
"""


@pytest_asyncio.fixture
async def flow(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    async with deployment(kafka_bootstrap, migrated_url, []) as started:
        for company in (1, 2):
            await world.company(started, company)
            await world.line(started, 10 * company, company)
        yield started


@pytest_asyncio.fixture
async def producer(flow: Deployment) -> AsyncIterator[AIOKafkaProducer]:
    address = flow.settings.kafka.bootstrap_servers
    async with AIOKafkaProducer(bootstrap_servers=address) as started:
        yield started


@pytest_asyncio.fixture
async def worker(flow: Deployment, migrated_url: str, tmp_path: Path) -> AsyncIterator[Guarded]:
    """Run a contacts worker in a process of its own, whose memory is nobody else's."""
    environment = {
        "DATABASE_URL": migrated_url,
        "KAFKA_BOOTSTRAP_SERVERS": flow.settings.kafka.bootstrap_servers,
        "CHATIA_NAMESPACE": flow.settings.namespace,
        "CHATIA_EVOLUTION_PREFIX": flow.settings.evolution_prefix,
        "CHATIA_BYTES_IN_FLIGHT": str(IN_FLIGHT),
    }
    argv = [sys.executable, "-m", "shared.cli", "worker", "contacts"]
    started = Guarded.start(argv, log_path=tmp_path / "log", env=os.environ | environment)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, started.stop)
        yield started


def read_peak_rss(worker: Guarded) -> int:
    """Read the most bytes that a process ever had in memory."""
    status = Path(f"/proc/{worker.pid}/status").read_text("ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def encode_record(number: int, event: Event) -> Iterator[bytes]:
    """Encode an event as a record of a batch."""
    value = event.model_dump_json(by_alias=True).encode()
    return record(number, event.key.encode(), [value], len(value))


def build_huge_body(megabytes: int) -> Iterator[bytes]:
    parts = megabytes * 1_000_000 // len(PART)
    return chain([b'{"companyId":1,"body":"'], repeat(PART, parts), [b'"}'])


def measure(parts: Iterator[bytes]) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    for part in parts:
        size += len(part)
        digest.update(part)
    return size, digest.hexdigest()


def build_with_neighbours(megabytes: int, name: str) -> bytes:
    """Build a batch of another company's message, a huge record, and a message again."""
    codec, compress = CODECS[name]
    size, _ = measure(build_huge_body(megabytes))
    headers = [(b"ce_companyid", b"1"), (b"ce_source", b"gateway")]
    before, after = (
        received(f"{name}-{megabytes}-{n}", company_id=2, whatsapp_id=20) for n in range(2)
    )
    records = (
        encode_record(0, before),
        record(1, b"1:10:5511900000000", build_huge_body(megabytes), size, headers),
        encode_record(2, after),
    )
    return batch(records, 3, codec, compress, int(time.time() * 1000))


async def until_all_read(flow: Deployment, topic: str, sent: int) -> None:
    async with asyncio.timeout(120):
        while (await flow.sql(UNREAD, sent=sent, topic=topic))[0]["left"]:  # noqa: ASYNC110 - a worker sends no event for it
            await asyncio.sleep(0.2)


async def load_wids(flow: Deployment, count: int) -> list[str]:
    """Return the wids of all facts, once there are so many: they are published after the commit."""
    async with asyncio.timeout(120):
        while len(facts := await flow.facts("message.identified")) < count:  # noqa: ASYNC110 - a topic sends no event
            await asyncio.sleep(0.2)
    return [fact["wid"] for fact in facts]


@pytest.mark.skipif(not Path("/proc").exists(), reason="a process's memory is read from /proc")
@pytest.mark.timeout(300)
async def test_huge_records_cost_neither_memory_nor_their_neighbours(
    flow: Deployment, producer: AIOKafkaProducer, worker: Guarded
) -> None:
    topic, expected = flow.topic("message.received"), list[str]()
    for megabytes in MEGABYTES:
        for partition, name in enumerate(CODEC_NAMES):
            event = received(f"beside-{name}-{megabytes}", company_id=2, whatsapp_id=20)
            await flow.publish(flow.record(event))
            content = await asyncio.to_thread(build_with_neighbours, megabytes, name)
            await send_built(producer, topic, partition, content)
            expected += [event.wid, f"{name}-{megabytes}-0", f"{name}-{megabytes}-1"]
    await until_all_read(flow, topic, 4 * len(MEGABYTES) * len(CODEC_NAMES))
    assert read_peak_rss(worker) <= MOST_RSS
    assert sorted(await load_wids(flow, len(expected))) == sorted(expected)
    dead_letters = await flow.sql(
        'SELECT reason, body, detail, headers, key, "companyId" FROM "DeadLetters" ORDER BY id'
    )
    assert [letter["reason"] for letter in dead_letters] == ["too-large"] * 4
    assert {(letter["body"], letter["companyId"]) for letter in dead_letters} == {(None, 1)}
    assert {letter["key"] for letter in dead_letters} == {b"1:10:5511900000000"}
    assert dead_letters[0]["headers"] == [["ce_companyid", "1"], ["ce_source", "gateway"]]
    details = sorted(letter["detail"].partition("its body has ")[2] for letter in dead_letters)
    sizes = [measure(build_huge_body(megabytes)) for megabytes in MEGABYTES for _ in CODEC_NAMES]
    assert details == sorted(f"{size:,} bytes, SHA-256 {sha256}" for size, sha256 in sizes)


@pytest.mark.skipif(not Path("/proc").exists(), reason="a process's memory is read from /proc")
@pytest.mark.timeout(300)
async def test_many_medium_records_in_one_batch_take_no_more_memory(
    flow: Deployment, producer: AIOKafkaProducer, worker: Guarded
) -> None:
    topic, count = flow.topic("message.received"), 400
    codec, compress = CODECS["zstd"]
    body = "Bom dia! " * 100_000
    events = (
        received(f"M{n}", company_id=2, whatsapp_id=20, body=body if n % 2 else "Oi")
        for n in range(count)
    )
    records = (encode_record(n, event) for n, event in enumerate(events))
    content = await asyncio.to_thread(
        batch, records, count, codec, compress, int(time.time() * 1000)
    )
    await send_built(producer, topic, 0, content)
    await until_all_read(flow, topic, count)
    assert read_peak_rss(worker) <= MOST_RSS
    assert sorted(await load_wids(flow, count)) == sorted(f"M{n}" for n in range(count))


async def test_batches_are_not_kept_in_memory_after_they_were_read(
    kafka_bootstrap: str, migrated_url: str
) -> None:
    async with deployment(kafka_bootstrap, migrated_url, ["contacts"]) as flow:
        topic, bodies = flow.topic("message.received"), [b"not json %d" % n for n in range(4)]
        for count, body in enumerate(bodies, 1):
            await flow.publish(Record(topic, "1:10:5511900000000", body))
            await until_all_read(flow, topic, count)
        assert find_bodies_in_memory(topic) <= {
            bodies[-1]
        }  # FastStream keeps the last batch until the next


def find_bodies_in_memory(topic: str) -> set[bytes | None]:
    """Return the bodies of a topic's records that are in this process's memory."""
    gc.collect()
    records = [each for each in gc.get_objects() if isinstance(each, ConsumerRecord)]
    return {record.value for record in records if record.topic == topic}
