import json
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.contracts.campaign import CampaignSend
from shared.delivery.kafka.outgoing import choose_partition
from tests.support.chatia import chatia

pytestmark = pytest.mark.integration

PARTITIONS = 3
Seen = ConsumerRecord[bytes | None, bytes | None]


@pytest.fixture
def environment(kafka_bootstrap: str) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "CHATIA_NAMESPACE": f"test-{uuid4().hex[:12]}",
    }


@pytest_asyncio.fixture
async def topic(environment: dict[str, str]) -> AsyncIterator[str]:
    """Create `campaign.send`; yield its full name."""
    name = f"{environment['CHATIA_NAMESPACE']}.campaign.send"
    admin = AIOKafkaAdminClient(bootstrap_servers=environment["KAFKA_BOOTSTRAP_SERVERS"])
    try:
        await admin.start()
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
        yield name
        await admin.delete_topics([name])
    finally:
        await admin.close()


async def read_all(bootstrap: str, topic: str) -> list[Seen]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        await consumer.start()
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        left = sum((await consumer.end_offsets(partitions)).values())
        seen: list[Seen] = []
        while len(seen) < left:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                seen += records
        return seen
    finally:
        await consumer.stop()


def build_sends(count: int) -> list[CampaignSend]:
    return [
        CampaignSend(company_id=1, campaign_id=2, number=f"55119{number:08}", message="Olá")
        for number in range(count)
    ]


def build_lines(events: Sequence[CampaignSend]) -> str:
    return "".join(f"{event.model_dump_json(by_alias=True)}\n" for event in events)


async def test_events_are_published_with_key_headers_and_partition(
    environment: dict[str, str], topic: str
) -> None:
    events = build_sends(200)

    ended = chatia(
        "events",
        "publish",
        "campaign.send",
        "-",
        "--json",
        environment=environment,
        given=build_lines(events),
    )

    assert (ended.code, ended.complaint) == (0, "")
    assert ended.json == {"topic": topic, "published": 200}
    seen = await read_all(environment["KAFKA_BOOTSTRAP_SERVERS"], topic)
    assert {
        record.key: CampaignSend.model_validate_json(record.value or b"") for record in seen
    } == {event.key.encode(): event for event in events}
    for record in seen:
        assert record.partition == choose_partition((record.key or b"").decode(), PARTITIONS)
        assert dict(record.headers)["ce_type"] == b"chatia.campaign.send.v1"


async def test_nothing_is_published_when_one_line_is_wrong(
    environment: dict[str, str], topic: str
) -> None:
    ended = chatia(
        "events",
        "publish",
        "campaign.send",
        "-",
        environment=environment,
        given=build_lines(build_sends(50)) + '{"companyId": 1}\n',
    )
    assert ended.code == 2
    assert ended.complaint == "Line 51 cannot be read: campaignId: this member is required.\n"
    assert await read_all(environment["KAFKA_BOOTSTRAP_SERVERS"], topic) == []


async def test_raw_records_are_published_as_they_are(
    environment: dict[str, str], topic: str
) -> None:
    given = [
        {"key": "k", "headers": {"event": "ç", "none": None}, "value": {"x": 1}},
        {"key": "gone", "value": None},
    ]
    ended = chatia(
        "events",
        "publish",
        topic,
        "-",
        "--raw",
        environment=environment,
        given="\n".join(map(json.dumps, given)),
    )
    assert ended.answer == f"Published to {topic}: 2.\n"
    seen = await read_all(environment["KAFKA_BOOTSTRAP_SERVERS"], topic)
    records = {(record.key, record.value, tuple(record.headers)) for record in seen}
    assert records == {
        (b"k", b'{"x":1}', (("event", "ç".encode()), ("none", None))),
        (b"gone", None, ()),
    }


def test_a_missing_topic_is_reported(environment: dict[str, str]) -> None:
    ended = chatia(
        "events",
        "publish",
        "campaign.send",
        "-",
        environment=environment,
        given=build_lines(build_sends(1)),
    )
    assert ended.code == 3
    assert "chatia topics apply" in ended.complaint
    assert ended.complaint.count("\n") == 1
