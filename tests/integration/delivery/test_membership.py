"""Who may read in a service's consumer group, and that a worker with a name keeps its place."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from structlog.testing import capture_logs

from shared.delivery import membership
from shared.settings import Settings
from tests.support.chatia import chatia
from tests.support.deployment import APPS, Deployment, deployment, running

pytestmark = pytest.mark.integration

SERVICE = "contacts"
PATIENCE_S = 30.0
QUIET_S = 3.0  # some heartbeats: a rebalance would be noticed


@pytest_asyncio.fixture
async def place(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    """Give topics and tables, and no worker."""
    async with deployment(kafka_bootstrap, migrated_url, []) as made:
        yield made


def environment(settings: Settings, **more: str) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "DATABASE_URL": settings.database.url,
        "CHATIA_NAMESPACE": settings.namespace,
        "CHATIA_EVOLUTION_PREFIX": settings.evolution_prefix,
        **more,
    }


async def members(settings: Settings) -> list[str]:
    """Name the clients in the group of the contacts workers."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    await admin.start()
    try:
        found = await membership._members(admin, f"{settings.namespace}.{SERVICE}")  # noqa: SLF001
        return [name for name, _ in found]
    finally:
        await admin.close()


async def until_members(settings: Settings, number: int) -> list[str]:
    async with asyncio.timeout(PATIENCE_S):
        while len(found := await members(settings)) != number:  # noqa: ASYNC110 - Kafka tells nobody
            await asyncio.sleep(0.2)
    return found


def assignments(logs: Sequence[Mapping[str, object]]) -> int:
    return sum(line["event"] == "partitions.assigned" for line in logs)


async def until_assigned(logs: Sequence[Mapping[str, object]], at_least: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while assignments(logs) < at_least:  # noqa: ASYNC110 - a log tells nobody
            await asyncio.sleep(0.1)


async def test_workers_know_each_other_by_service_and_deployment(place: Deployment) -> None:
    ((uuid,),) = [row.values() for row in await place.sql('SELECT uuid::text FROM "Deployment"')]
    async with running(APPS[SERVICE](place.settings)), running(APPS[SERVICE](place.settings)):
        found = await until_members(place.settings, 2)
    assert set(found) == {f"chatia-contacts-{uuid}"}


async def test_a_group_with_a_stranger_is_refused(place: Deployment) -> None:
    stranger = AIOKafkaConsumer(
        place.topic("message.received"),
        bootstrap_servers=place.settings.kafka.bootstrap_servers,
        group_id=f"{place.settings.namespace}.{SERVICE}",
        client_id="evolution",
    )
    await stranger.start()
    try:
        await until_members(place.settings, 1)
        ended = await asyncio.to_thread(
            chatia, "worker", SERVICE, environment=environment(place.settings)
        )
    finally:
        await stranger.stop()
    assert ended.code == 4
    assert "has a member that is none of ours (evolution at" in ended.complaint


async def test_a_named_worker_that_comes_back_soon_moves_nobodys_partitions(
    place: Deployment,
) -> None:
    first, second = (
        place.settings.model_copy(update={"group_instance_id": name}) for name in ("one", "two")
    )
    with capture_logs() as logs:
        async with running(APPS[SERVICE](second)):
            async with running(APPS[SERVICE](first)):
                await until_members(place.settings, 2)
                await until_assigned(logs, 2)
                await asyncio.sleep(QUIET_S)
            before = assignments(logs)
            async with running(APPS[SERVICE](first)):
                await until_assigned(logs, before + 1)
                await asyncio.sleep(QUIET_S)
                assert assignments(logs) == before + 1


async def test_a_second_worker_of_one_name_ends_with_a_sentence(place: Deployment) -> None:
    named = place.settings.model_copy(update={"group_instance_id": "one"})
    async with running(APPS[SERVICE](named)):
        await until_members(place.settings, 1)
        ended = await asyncio.to_thread(
            chatia,
            "worker",
            SERVICE,
            environment=environment(place.settings, CHATIA_GROUP_INSTANCE_ID="one"),
        )
    assert ended.code == 5
    assert "Another contacts worker runs under CHATIA_GROUP_INSTANCE_ID one" in ended.complaint
