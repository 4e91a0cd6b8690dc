"""Records of an aborted Kafka transaction are not read."""

import uuid

import pytest
from aiokafka import AIOKafkaProducer

from tests.support import world
from tests.support.build import job
from tests.support.deployment import Deployment, deployment

pytestmark = pytest.mark.integration


async def send(flow: Deployment, number: str, *, abort: bool) -> None:
    """Publish a send job in a transaction, which is committed or aborted."""
    record = flow.record(job(number))
    async with AIOKafkaProducer(
        bootstrap_servers=flow.settings.kafka.bootstrap_servers,
        transactional_id=f"scheduler-{uuid.uuid4()}",
    ) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(record.topic, record.value, partition=0)
        await (producer.abort_transaction() if abort else producer.commit_transaction())


async def test_an_aborted_send_job_is_no_row_and_those_around_it_are(
    kafka_bootstrap: str, migrated_url: str
) -> None:
    async with deployment(kafka_bootstrap, migrated_url, ["campaigns"]) as flow:
        await world.company(flow, 1)
        await world.line(flow, 10, 1)
        await flow.sql(
            'INSERT INTO "Campaigns" (id, "companyId", "whatsappId", name, status) '
            "VALUES (7, 1, 10, 'Promo', 'EM_ANDAMENTO')"
        )
        await send(flow, "5511900000001", abort=False)
        await send(flow, "5511900000002", abort=True)
        await send(flow, "5511900000003", abort=False)
        query = 'SELECT number FROM "CampaignShipping" ORDER BY number'
        await flow.until_none(
            """SELECT 1 WHERE NOT EXISTS (SELECT FROM "CampaignShipping"
                                          WHERE number = '5511900000003')"""
        )
        assert [row["number"] for row in await flow.sql(query)] == [
            "5511900000001",
            "5511900000003",
        ]
