"""Checks that a consumer group has only our workers, and each static member only once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupCoordinatorNotAvailableError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    NotCoordinatorForGroupError,
)
from aiokafka.structs import OffsetAndMetadata
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.bulk import statement

T = TypeVar("T")

log = structlog.get_logger("chatia.membership")

TIMEOUT_S = 10.0  # a predecessor may still be stopping; a broker may still be starting
RETRY_S = 0.3
NOT_READY = (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupCoordinatorNotAvailableError,
    NotCoordinatorForGroupError,
)
TRY_LOCK = statement("SELECT pg_try_advisory_lock(hashtextextended(:instance, 0))")


class ForeignMemberError(Exception):
    """The consumer group has a member that is not our worker, and that would get partitions."""


class InstanceTakenError(Exception):
    """Another process uses the same CHATIA_GROUP_INSTANCE_ID."""


def build_client_id(service: str, deployment: str) -> str:
    """Return the client id that all workers of a service in this deployment have."""
    return f"chatia-{service}-{deployment}"


async def check_members(
    arguments: Mapping[str, Any],  # of aiokafka's clients
    group: str,
    client_id: str,
) -> bool:
    """Raise ForeignMemberError if a member of a group has another client id.

    Returns False, unchecked, for the demo's mock broker, which does not support DescribeGroups,
    allows only one member per group, and keeps no offsets.
    """
    try:
        members = await load_members(arguments, group)
    except IncompatibleBrokerVersion:
        log.warning("members.not_listed", group=group)
        return False
    for member, host in members:
        if member != client_id:
            raise ForeignMemberError(
                f"The consumer group {group} has a member that is none of ours ({member} at "
                f"{host}): stop it, or give this deployment another CHATIA_NAMESPACE."
            )
    return True


async def load_members(
    arguments: Mapping[str, Any],  # of aiokafka's clients
    group: str,
) -> list[tuple[str, str]]:
    """Return the client id and the host of each member of a group."""
    return await _ask(arguments, lambda admin: _load_members(admin, group))


async def load_committed(
    arguments: Mapping[str, Any],  # of aiokafka's clients
    group: str,
) -> dict[TopicPartition, OffsetAndMetadata]:
    """Return the committed offsets of a group, with the notes beside them."""
    return await _ask(arguments, lambda admin: _load_committed(admin, group))


async def _ask(
    arguments: Mapping[str, Any], question: Callable[[AIOKafkaAdminClient], Awaitable[T]]
) -> T:
    """Ask by an admin client; raises KafkaConnectionError after ten seconds without an answer."""
    admin = AIOKafkaAdminClient(**arguments)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await admin.start()
            return await question(admin)
    except TimeoutError as error:
        raise KafkaConnectionError from error
    finally:
        await admin.close()


async def _load_committed(
    admin: AIOKafkaAdminClient, group: str
) -> dict[TopicPartition, OffsetAndMetadata]:
    while True:
        try:
            return await admin.list_consumer_group_offsets(group)
        except NOT_READY:
            await asyncio.sleep(RETRY_S)


async def _load_members(admin: AIOKafkaAdminClient, group: str) -> list[tuple[str, str]]:
    """Return the client id and the host of each member."""
    while True:
        try:
            (response,) = await admin.describe_consumer_groups([group])
        except NOT_READY:
            await asyncio.sleep(RETRY_S)
            continue
        described = response.to_object()["groups"][0]
        return [(each["client_id"], each["client_host"]) for each in described["members"]]


@asynccontextmanager
async def hold_instance_id(engine: AsyncEngine, service: str, instance: str) -> AsyncIterator[None]:
    """Hold an advisory lock on this static member id until the block ends; without one do nothing.

    Two processes with the same id would fence each other forever. Raises InstanceTakenError if
    another process still has the lock after ten seconds.
    """
    if not instance:
        yield
        return
    async with engine.connect() as connected:
        conn = await connected.execution_options(isolation_level="AUTOCOMMIT")
        parameters = {"instance": f"{service}/{instance}"}
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while not (await conn.execute(TRY_LOCK, parameters)).scalar_one():  # noqa: ASYNC110 - Postgres would wait in a transaction
                    await asyncio.sleep(RETRY_S)
        except TimeoutError as error:
            raise InstanceTakenError(
                f"Another {service} worker runs under CHATIA_GROUP_INSTANCE_ID {instance}: give "
                "each process its own."
            ) from error
        yield
