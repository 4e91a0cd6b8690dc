"""Header names that are not UTF-8, on a real Kafka: only their record is rejected."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from shared.contracts.campaign import CampaignSend
from tests.support import world
from tests.support.any_records import COMPRESSIONS, AnyRecord, send
from tests.support.build import job
from tests.support.deployment import Deployment, deployment

pytestmark = pytest.mark.integration

BAD_NAME = b"x-\xff\xfe-origin"


def record(event: CampaignSend, *headers: tuple[bytes, bytes | None]) -> AnyRecord:
    return AnyRecord(event.key.encode(), event.model_dump_json(by_alias=True).encode(), headers)


@pytest_asyncio.fixture
async def flow(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    async with deployment(kafka_bootstrap, migrated_url, ["campaigns"]) as started:
        await world.company(started, 1)
        await world.line(started, 10, 1)
        await started.sql(
            'INSERT INTO "Campaigns" (id, "companyId", "whatsappId", name, status) '
            "VALUES (7, 1, 10, 'Promo', 'EM_ANDAMENTO')"
        )
        yield started


async def test_a_header_name_that_is_not_utf_8_rejects_only_its_record(flow: Deployment) -> None:
    numbers = [f"551190000{number:04}" for number in range(2 * len(COMPRESSIONS))]
    async with AIOKafkaProducer(
        bootstrap_servers=flow.settings.kafka.bootstrap_servers
    ) as producer:
        for index, compression in enumerate(COMPRESSIONS):
            before, after = numbers[2 * index : 2 * index + 2]
            batch = [
                record(job(before), ("título".encode(), b"1")),
                record(job("5511977777777"), (b"kept", None), (BAD_NAME, b"\x00\xff")),
                record(job(after)),
            ]
            await send(producer, flow.topic("campaign.send"), 0, batch, compression)
    await flow.settled()
    rows = await flow.sql('SELECT number FROM "CampaignShipping" ORDER BY number')
    assert [row["number"] for row in rows] == numbers
    dead_letters = await flow.sql('SELECT "offset", reason, detail, headers FROM "DeadLetters"')
    assert sorted(letter["offset"] for letter in dead_letters) == [1, 4, 7, 10, 13]
    assert {letter["reason"] for letter in dead_letters} == {"unreadable-header"}
    assert r"x-\xff\xfe-origin" in dead_letters[0]["detail"]
    assert dead_letters[0]["headers"] == [["kept", None], ["x-\xff\xfe-origin", "\xff"]]
