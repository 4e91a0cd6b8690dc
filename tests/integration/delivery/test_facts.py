"""Facts of a batch: their source, order, partition and size."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import ConsumerRecord, TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.campaign import CampaignSend
from shared.contracts.message import MessageIdentified, MessageSend
from shared.contracts.outcome import Emit, Outcome
from shared.db.engine import create_engine
from shared.delivery.checkpoints.outbox_format import unpack
from shared.delivery.kafka.outgoing import LARGEST_RECORD, OutgoingRecord
from shared.delivery.subscription import Subscription
from shared.settings import DatabaseSettings
from tests.integration.delivery.bench import PLACE, Bench, build_send, record
from tests.support.build import identified

pytestmark = pytest.mark.integration

OURS = TopicPartition("chatia.message.identified", 0)


class Subscriber:
    """A handler that publishes nothing and records the events that it gets."""

    def __init__(self) -> None:
        self.received: list[str] = []

    async def handler(self, _: AsyncConnection, batch: Sequence[Any]) -> Outcome:
        self.received += [getattr(event, "wid", "") or event.number for event in batch]
        return []


@pytest_asyncio.fixture
async def subscriber(migrated_url: str) -> AsyncIterator[tuple[Bench, Subscriber]]:
    settings = DatabaseSettings.model_validate({"DATABASE_URL": migrated_url})
    bench, subscriber = Bench(create_engine(settings, "test")), Subscriber()
    subscriptions = (
        Subscription((MessageIdentified,), subscriber.handler),
        Subscription((CampaignSend,), subscriber.handler),
    )
    bench.build_worker(subscriptions, service="tickets")
    bench.consumer.ours = {OURS, PLACE}
    await bench.worker.partitions.claim([OURS, PLACE])
    yield bench, subscriber
    bench.worker.outage.cancel()
    await bench.engine.dispose()


def fact(offset: int, wid: str, source: str, sequence: str) -> Any:
    value = identified(wid).model_dump_json(by_alias=True).encode()
    headers = (("ce_source", source.encode()), ("ce_sequence", sequence.encode()))
    return ConsumerRecord(OURS.topic, 0, offset, 1_000, 0, b"k", value, None, 0, 0, headers)


async def test_a_fact_not_above_the_last_sequence_of_its_source_is_dropped(
    subscriber: tuple[Bench, Subscriber],
) -> None:
    bench, receiver = subscriber
    await bench.worker.consume([fact(0, "A", "x/0", "1.0"), fact(1, "B", "x/0", "1.1")])
    await bench.worker.consume([fact(2, "A", "x/0", "1.0"), fact(3, "B", "x/0", "1.1")])
    await bench.worker.consume([fact(4, "C", "x/0", "2.0")])
    assert receiver.received == ["A", "B", "C"]


async def test_seen_sequences_are_stored_for_the_next_worker(
    subscriber: tuple[Bench, Subscriber],
) -> None:
    bench, receiver = subscriber
    await bench.worker.consume([fact(0, "A", "x/0", "1.0")])
    successor = bench.another()
    await successor.partitions.claim([OURS])
    await successor.consume([fact(0, "A", "x/0", "1.0"), fact(1, "A", "x/0", "1.0")])
    assert receiver.received == ["A"]


async def test_a_new_epoch_is_a_new_source(subscriber: tuple[Bench, Subscriber]) -> None:
    bench, receiver = subscriber
    await bench.worker.consume([fact(0, "A", "x/0", "9.0"), fact(1, "B", "x/1", "1.0")])
    assert receiver.received == ["A", "B"]


async def test_sequences_on_topics_of_other_publishers_are_ignored(
    subscriber: tuple[Bench, Subscriber],
) -> None:
    bench, receiver = subscriber
    headers = (("ce_source", b"x/0"), ("ce_sequence", b"1.0"))
    jobs = [record(offset) for offset in (0, 1)]
    jobs = [replace(each, headers=headers) for each in jobs]
    await bench.worker.consume(jobs)
    assert len(receiver.received) == 2


async def load_outbox(bench: Bench) -> list[OutgoingRecord]:
    async with bench.engine.connect() as conn:
        query = text('SELECT outbox FROM "Checkpoints" WHERE topic = :t')
        return unpack((await conn.execute(query, {"t": PLACE.topic})).scalar_one())


async def test_facts_are_ordered_by_their_causes_with_growing_sequences(
    bench: Bench,
) -> None:
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.consume([record(n) for n in range(5)])
    facts = await load_outbox(bench)
    sequences = [dict(each.headers)["ce_sequence"] for each in facts]
    assert sequences == [f"{n:020d}.000000" for n in range(5)]
    source = f"{bench.transaction.deployment}/campaigns/{PLACE.topic}/0/0"
    assert {dict(each.headers)["ce_source"] for each in facts} == {source}


async def test_a_fact_of_several_records_belongs_to_the_last(bench: Bench) -> None:
    async def emit_for_last(_: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        return [Emit(batch[-1], build_send(batch[-1])), Emit(batch[-1], build_send(batch[0]))]

    bench.subscribe(emit_for_last)
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.consume([record(n) for n in range(3)])
    sequences = [dict(each.headers)["ce_sequence"] for each in await load_outbox(bench)]
    assert sequences == [f"{2:020d}.{index:06d}" for index in range(2)]


async def test_a_fact_published_again_goes_to_its_first_partition(bench: Bench) -> None:
    await bench.worker.partitions.claim([PLACE])
    bench.publisher.away = True
    await bench.worker.consume([record(0)])
    bench.publisher.away, bench.publisher.topic_partitions = False, 12
    await bench.another().partitions.claim([PLACE])
    assert bench.publisher.published_to == [0]


async def test_a_fact_above_the_record_limit_makes_its_cause_a_dead_letter(
    bench: Bench,
) -> None:
    async def emit_large(_: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        return [
            Emit(each, build_large_send(each, huge=each.number.endswith("1"))) for each in batch
        ]

    bench.subscribe(emit_large)
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.consume([record(n) for n in range(3)])
    assert len(bench.publisher.published) == 2
    async with bench.engine.connect() as conn:
        query = text('SELECT reason, "offset", body FROM "DeadLetters"')
        ((reason, offset, body),) = (await conn.execute(query)).all()
    assert (reason, offset) == ("fact-too-large", 1)
    assert json.loads(body)["number"].endswith("1")


def build_large_send(each: CampaignSend, *, huge: bool) -> MessageSend:
    body = "x" * (LARGEST_RECORD if huge else 1)
    return build_send(each).model_copy(update={"body": body})


async def test_a_dead_letter_is_rolled_back_with_its_batch(bench: Bench) -> None:
    async def fail(_: AsyncConnection, __: Sequence[CampaignSend]) -> Outcome:
        raise ConnectionResetError

    bench.subscribe(fail)
    await bench.worker.partitions.claim([PLACE])
    await bench.worker.consume([replace(record(0), value=b"{"), record(1)])
    async with bench.engine.connect() as conn:
        dead_letters = (await conn.execute(text('SELECT count(*) FROM "DeadLetters"'))).scalar_one()
    assert (dead_letters, await bench.next_offset()) == (0, 0)
