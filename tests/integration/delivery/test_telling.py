"""What is told of a batch: from where, in which order, to which partition, and how much of it."""

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
from shared.contracts.outcome import Outcome, Told
from shared.db.engine import create_engine
from shared.delivery.corridor import Corridor
from shared.delivery.outbox import LARGEST_RECORD, Outgoing, unpack
from shared.delivery.subscription import Subscription
from shared.settings import DatabaseSettings
from tests.integration.delivery.bench import PLACE, Bench, record, sending
from tests.support.build import identified

pytestmark = pytest.mark.integration

OURS = TopicPartition("chatia.message.identified", 0)


class Listener:
    """Hears facts of our own, tells nothing, and keeps what it heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def handler(self, _: AsyncConnection, batch: Sequence[Any]) -> Outcome:
        self.heard += [getattr(event, "wid", "") or event.number for event in batch]
        return []


@pytest_asyncio.fixture
async def listener(migrated_url: str) -> AsyncIterator[tuple[Bench, Listener]]:
    settings = DatabaseSettings.model_validate({"DATABASE_URL": migrated_url})
    bench, listener = Bench(create_engine(settings, "test")), Listener()
    heard = (
        Subscription((MessageIdentified,), listener.handler),
        Subscription((CampaignSend,), listener.handler),
    )
    bench.corridor = Corridor("tickets", "chatia", heard, bench.publisher)  # type: ignore[arg-type]
    bench.worker = bench.another()
    bench.consumer.ours = {OURS, PLACE}
    await bench.worker.take_over([OURS, PLACE])
    yield bench, listener
    bench.worker.outage.forget()
    await bench.engine.dispose()


def fact(offset: int, wid: str, source: str, sequence: str) -> Any:
    value = identified(wid).model_dump_json(by_alias=True).encode()
    headers = (("ce_source", source.encode()), ("ce_sequence", sequence.encode()))
    return ConsumerRecord(OURS.topic, 0, offset, 1_000, 0, b"k", value, None, 0, 0, headers)


async def test_a_fact_that_is_not_above_what_was_seen_of_its_source_is_dropped(
    listener: tuple[Bench, Listener],
) -> None:
    bench, listening = listener
    await bench.worker.take([fact(0, "A", "x/0", "1.0"), fact(1, "B", "x/0", "1.1")])
    await bench.worker.take([fact(2, "A", "x/0", "1.0"), fact(3, "B", "x/0", "1.1")])
    await bench.worker.take([fact(4, "C", "x/0", "2.0")])
    assert listening.heard == ["A", "B", "C"]


async def test_what_was_seen_is_remembered_by_the_next_worker(
    listener: tuple[Bench, Listener],
) -> None:
    bench, listening = listener
    await bench.worker.take([fact(0, "A", "x/0", "1.0")])
    successor = bench.another()
    await successor.take_over([OURS])
    await successor.take([fact(0, "A", "x/0", "1.0"), fact(1, "A", "x/0", "1.0")])
    assert listening.heard == ["A"]


async def test_a_new_epoch_is_a_new_source(listener: tuple[Bench, Listener]) -> None:
    bench, listening = listener
    await bench.worker.take([fact(0, "A", "x/0", "9.0"), fact(1, "B", "x/1", "1.0")])
    assert listening.heard == ["A", "B"]


async def test_sequences_on_topics_of_others_mean_nothing(
    listener: tuple[Bench, Listener],
) -> None:
    bench, listening = listener
    headers = (("ce_source", b"x/0"), ("ce_sequence", b"1.0"))
    jobs = [record(offset) for offset in (0, 1)]
    jobs = [replace(each, headers=headers) for each in jobs]
    await bench.worker.take(jobs)
    assert len(listening.heard) == 2


async def outbox(bench: Bench) -> list[Outgoing]:
    async with bench.engine.connect() as conn:
        query = text('SELECT outbox FROM "Checkpoints" WHERE topic = :t')
        return unpack((await conn.execute(query, {"t": PLACE.topic})).scalar_one())


async def test_facts_stand_in_the_order_of_their_causes_with_growing_sequences(
    bench: Bench,
) -> None:
    await bench.worker.take_over([PLACE])
    await bench.worker.take([record(n) for n in range(5)])
    told = await outbox(bench)
    sequences = [dict(each.headers)["ce_sequence"] for each in told]
    assert sequences == [f"{n:020d}.000000" for n in range(5)]
    source = f"{bench.corridor.deployment}/campaigns/{PLACE.topic}/0/0"
    assert {dict(each.headers)["ce_source"] for each in told} == {source}


async def test_a_fact_that_sums_up_several_records_belongs_to_the_last(bench: Bench) -> None:
    async def tell_once(_: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        return [Told(batch[-1], sending(batch[-1])), Told(batch[-1], sending(batch[0]))]

    bench.hear(tell_once)
    await bench.worker.take_over([PLACE])
    await bench.worker.take([record(n) for n in range(3)])
    told = [dict(each.headers)["ce_sequence"] for each in await outbox(bench)]
    assert told == [f"{2:020d}.{index:06d}" for index in range(2)]


async def test_what_is_told_again_goes_to_the_partition_that_was_fixed(bench: Bench) -> None:
    await bench.worker.take_over([PLACE])
    bench.publisher.away = True
    await bench.worker.take([record(0)])
    bench.publisher.away, bench.publisher.topic_partitions = False, 12
    await bench.another().take_over([PLACE])
    assert bench.publisher.told_to == [0]


async def test_a_fact_that_no_broker_would_take_makes_its_cause_a_dead_letter(
    bench: Bench,
) -> None:
    async def tell_much(_: AsyncConnection, batch: Sequence[CampaignSend]) -> Outcome:
        return [Told(each, much(each, huge=each.number.endswith("1"))) for each in batch]

    bench.hear(tell_much)
    await bench.worker.take_over([PLACE])
    await bench.worker.take([record(n) for n in range(3)])
    assert len(bench.publisher.told) == 2
    async with bench.engine.connect() as conn:
        query = text('SELECT reason, "offset", body FROM "DeadLetters"')
        ((reason, offset, body),) = (await conn.execute(query)).all()
    assert (reason, offset) == ("fact-too-large", 1)
    assert json.loads(body)["number"].endswith("1")


def much(each: CampaignSend, *, huge: bool) -> MessageSend:
    body = "x" * (LARGEST_RECORD if huge else 1)
    return sending(each).model_copy(update={"body": body})


async def test_a_dead_letter_is_undone_with_its_batch(bench: Bench) -> None:
    async def fail(_: AsyncConnection, __: Sequence[CampaignSend]) -> Outcome:
        raise ConnectionResetError

    bench.hear(fail)
    await bench.worker.take_over([PLACE])
    await bench.worker.take([replace(record(0), value=b"{"), record(1)])
    async with bench.engine.connect() as conn:
        letters = (await conn.execute(text('SELECT count(*) FROM "DeadLetters"'))).scalar_one()
    assert (letters, await bench.next_offset()) == (0, 0)
