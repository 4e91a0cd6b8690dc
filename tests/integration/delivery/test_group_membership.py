"""Members of a service's consumer group, and static membership."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from structlog.testing import capture_logs

from shared.delivery.kafka import member_checks as group_membership
from shared.settings import Settings, WorkerSettings
from tests.support.chatia import chatia
from tests.support.deployment import APPS, Deployment, deployment, running

pytestmark = pytest.mark.integration

SERVICE = "contacts"
TIMEOUT_S = 30.0
QUIET_S = 3.0  # some heartbeats: a rebalance would be noticed


@pytest_asyncio.fixture
async def flow(kafka_bootstrap: str, migrated_url: str) -> AsyncIterator[Deployment]:
    """Create topics and tables, and no worker."""
    async with deployment(kafka_bootstrap, migrated_url, []) as made:
        yield made


def build_environment(settings: Settings, **more: str) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "DATABASE_URL": settings.database.url,
        "CHATIA_NAMESPACE": settings.namespace,
        "CHATIA_EVOLUTION_PREFIX": settings.evolution_prefix,
        **more,
    }


async def load_members(settings: Settings) -> list[str]:
    """Name the clients in the group of the contacts workers."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    await admin.start()
    try:
        found = await group_membership._load_members(admin, f"{settings.namespace}.{SERVICE}")  # noqa: SLF001
        return [name for name, _ in found]
    finally:
        await admin.close()


async def until_members(settings: Settings, number: int) -> list[str]:
    async with asyncio.timeout(TIMEOUT_S):
        while len(found := await load_members(settings)) != number:  # noqa: ASYNC110 - Kafka sends no event for it
            await asyncio.sleep(0.2)
    return found


def count_assignments(logs: Sequence[Mapping[str, object]]) -> int:
    return sum(line["event"] == "partitions.assigned" for line in logs)


async def until_assigned(logs: Sequence[Mapping[str, object]], at_least: int) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while count_assignments(logs) < at_least:  # noqa: ASYNC110 - a log sends no event
            await asyncio.sleep(0.1)


async def test_client_ids_name_service_and_deployment(flow: Deployment) -> None:
    ((uuid,),) = [row.values() for row in await flow.sql('SELECT uuid::text FROM "Deployment"')]
    async with running(APPS[SERVICE](flow.settings)), running(APPS[SERVICE](flow.settings)):
        found = await until_members(flow.settings, 2)
    assert set(found) == {f"chatia-contacts-{uuid}"}


async def test_a_worker_ends_where_a_group_has_a_foreign_member(flow: Deployment) -> None:
    foreign = AIOKafkaConsumer(
        flow.topic("message.received"),
        bootstrap_servers=flow.settings.kafka.bootstrap_servers,
        group_id=f"{flow.settings.namespace}.{SERVICE}",
        client_id="evolution",
    )
    await foreign.start()
    try:
        await until_members(flow.settings, 1)
        ended = await asyncio.to_thread(
            chatia, "worker", SERVICE, environment=build_environment(flow.settings)
        )
    finally:
        await foreign.stop()
    assert ended.code == 4
    assert "has a member that is none of ours (evolution at" in ended.complaint


async def test_a_static_member_that_comes_back_soon_causes_no_rebalance(
    flow: Deployment,
) -> None:
    first, second = (
        flow.settings.model_copy(update={"worker": WorkerSettings(group_instance_id=name)})
        for name in ("one", "two")
    )
    with capture_logs() as logs:
        async with running(APPS[SERVICE](second)):
            async with running(APPS[SERVICE](first)):
                await until_members(flow.settings, 2)
                await until_assigned(logs, 2)
                await asyncio.sleep(QUIET_S)
            before = count_assignments(logs)
            async with running(APPS[SERVICE](first)):
                await until_assigned(logs, before + 1)
                await asyncio.sleep(QUIET_S)
                assert count_assignments(logs) == before + 1


async def test_a_second_worker_with_the_same_instance_id_ends(flow: Deployment) -> None:
    named = flow.settings.model_copy(update={"worker": WorkerSettings(group_instance_id="one")})
    async with running(APPS[SERVICE](named)):
        await until_members(flow.settings, 1)
        ended = await asyncio.to_thread(
            chatia,
            "worker",
            SERVICE,
            environment=build_environment(flow.settings, CHATIA_GROUP_INSTANCE_ID="one"),
        )
    assert ended.code == 5
    assert "Another contacts worker runs under CHATIA_GROUP_INSTANCE_ID one" in ended.complaint
