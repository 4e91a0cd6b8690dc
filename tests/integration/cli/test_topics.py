import asyncio
import socket
import time
from collections.abc import Iterator, Mapping
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.topics import DAY_MS, TOPICS, build_evolution_topics
from tests.support.chatia import chatia

pytestmark = pytest.mark.integration


@pytest.fixture
def environment(kafka_bootstrap: str) -> dict[str, str]:
    namespace = f"test-{uuid4().hex[:12]}"
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "CHATIA_NAMESPACE": namespace,
        "CHATIA_EVOLUTION_PREFIX": f"{namespace}-evolution",
    }


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Yield a port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def create_topic(environment: Mapping[str, str], name: str, partitions: int) -> str:
    full_name = f"{environment['CHATIA_NAMESPACE']}.{name}"
    admin = AIOKafkaAdminClient(bootstrap_servers=environment["KAFKA_BOOTSTRAP_SERVERS"])
    try:
        await admin.start()
        await admin.create_topics([NewTopic(full_name, partitions, 1)])
    finally:
        await admin.close()
    return full_name


def list_names(environment: Mapping[str, str]) -> list[str]:
    """Return our topics, then those of Evolution API, which the messages workers read too."""
    ours = [f"{environment['CHATIA_NAMESPACE']}.{topic.name}" for topic in TOPICS]
    evolution = build_evolution_topics(environment["CHATIA_EVOLUTION_PREFIX"])
    return [*ours, *(topic.name for topic in evolution)]


def test_apply_creates_what_is_missing_and_again_changes_nothing(
    environment: dict[str, str],
) -> None:
    names = list_names(environment)

    before = chatia("topics", "list", "--json", environment=environment)
    first = chatia("topics", "apply", "--json", environment=environment)
    second = chatia("topics", "apply", "--json", environment=environment)
    after = chatia("topics", "list", "--json", environment=environment)

    assert [topic["exists"] for topic in before.json] == [False] * len(names)
    assert (first.code, first.complaint) == (0, "")
    assert first.json == {"created": names, "existing": [], "different": []}
    assert second.json == {"created": [], "existing": names, "different": []}
    assert after.json == [
        {"name": name, "partitions": 12, "exists": True, "retentionMs": 7 * DAY_MS}
        for name in names
    ]


async def test_two_concurrent_applies_create_each_topic_once(
    environment: dict[str, str],
) -> None:
    names = set(list_names(environment))

    one, other = await asyncio.gather(
        *(
            asyncio.to_thread(chatia, *("topics", "apply", "--json"), environment=environment)
            for _ in range(2)
        )
    )

    created = [name for ended in (one, other) for name in ended.json["created"]]
    assert (one.code, other.code) == (0, 0)
    assert sorted(created) == sorted(names)
    assert all({*ended.json["created"], *ended.json["existing"]} == names for ended in (one, other))


async def test_other_partition_counts_are_reported_and_left_alone(
    environment: dict[str, str],
) -> None:
    name = await create_topic(environment, "message.received", 5)

    applied = chatia("topics", "apply", "--json", environment=environment)
    listed = chatia("topics", "list", "--json", environment=environment)

    assert applied.code == 1
    assert f"{name} has 5 partitions instead of 12" in applied.complaint
    assert applied.json["different"] == [{"name": name, "partitions": 5, "expected": 12}]
    assert {topic["name"]: topic["partitions"] for topic in listed.json}[name] == 5


def test_more_replicas_than_brokers_are_wrong_usage(environment: dict[str, str]) -> None:
    ended = chatia("topics", "apply", "--replication-factor", "99", environment=environment)
    assert ended.code == 2
    assert "99 replicas" in ended.complaint


def test_a_broker_that_is_away_is_reported_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ended = chatia("topics", "list", environment={"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"})
    assert (ended.code, ended.answer) == (3, "")
    assert ended.complaint.startswith(f"Kafka at 127.0.0.1:{port} does not answer")
    assert ended.complaint.count("\n") == 1


def test_a_broker_that_never_answers_times_out(silent_port: int) -> None:
    started = time.monotonic()
    ended = chatia(
        "topics", "list", environment={"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{silent_port}"}
    )
    assert ended.code == 3
    assert ended.complaint.count("\n") == 1
    assert time.monotonic() - started < 15
