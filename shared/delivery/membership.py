"""Who may be a member of a service's consumer group, and that each member is there once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupCoordinatorNotAvailableError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    NotCoordinatorForGroupError,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db.bulk import statement

log = structlog.get_logger("chatia.membership")

PATIENCE_S = 10.0  # a predecessor may still be leaving; a broker may still be starting
ASK_AGAIN_S = 0.3
NOT_YET = (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupCoordinatorNotAvailableError,
    NotCoordinatorForGroupError,
)
TAKE = statement("SELECT pg_try_advisory_lock(hashtextextended(:instance, 0))")


class ForeignMemberError(Exception):
    """Somebody else reads in our consumer group and would swallow partitions."""


class InstanceTakenError(Exception):
    """Another process runs under the same CHATIA_GROUP_INSTANCE_ID."""


def client_id(service: str, deployment: str) -> str:
    """Name the client of a service's workers, so that they know each other."""
    return f"chatia-{service}-{deployment}"


async def refuse_foreigners(connection: Mapping[str, Any], group: str, ours: str) -> None:
    """Look at the members of a group; raises ForeignMemberError where one has another client id.

    The demo's stand-in broker knows no such question, and serves one member a group anyway.
    """
    admin = AIOKafkaAdminClient(**connection)
    try:
        await admin.start()
        async with asyncio.timeout(PATIENCE_S):
            members = await _members(admin, group)
    except IncompatibleBrokerVersion:
        log.warning("members.not_told", group=group)
        return
    except TimeoutError as error:
        raise KafkaConnectionError from error
    finally:
        await admin.close()
    for name, host in members:
        if name != ours:
            raise ForeignMemberError(
                f"The consumer group {group} has a member that is none of ours ({name} at {host}): "
                "stop it, or give this deployment another CHATIA_NAMESPACE."
            )


async def _members(admin: AIOKafkaAdminClient, group: str) -> list[tuple[str, str]]:
    while True:
        try:
            (answer,) = await admin.describe_consumer_groups([group])
        except NOT_YET:
            await asyncio.sleep(ASK_AGAIN_S)
            continue
        described = answer.to_object()["groups"][0]
        return [(each["client_id"], each["client_host"]) for each in described["members"]]


@asynccontextmanager
async def only_one(engine: AsyncEngine, service: str, instance: str) -> AsyncIterator[None]:
    """Be the only process of a service with this name until the block ends; none needs no lock.

    Kafka lets the latest of two take the partitions of the other, which takes them back, for ever.
    Raises InstanceTakenError when another still holds the name after ten seconds.
    """
    if not instance:
        yield
        return
    async with engine.connect() as found:
        conn = await found.execution_options(isolation_level="AUTOCOMMIT")
        name = {"instance": f"{service}/{instance}"}
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (await conn.execute(TAKE, name)).scalar_one():  # noqa: ASYNC110 - Postgres would wait in a transaction
                    await asyncio.sleep(ASK_AGAIN_S)
        except TimeoutError as error:
            raise InstanceTakenError(
                f"Another {service} worker runs under CHATIA_GROUP_INSTANCE_ID {instance}: give "
                "each process its own."
            ) from error
        yield
