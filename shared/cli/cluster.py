"""Looks up and creates topics; errors of Kafka become errors of commands."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import collect_hosts
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from shared.cli.errors import DependencyFailedError, InvalidUsageError
from shared.delivery.kafka.clients import build_client_arguments, find_unknown_hosts
from shared.settings import KafkaSettings, Settings
from shared.topics import Topic

CONNECT_TIMEOUT_SECONDS = 8
REQUEST_MS = 30_000
VISIBLE_TIMEOUT_SECONDS = 10
POLL_SECONDS = 0.1
DEFAULT_REPLICATION = 3
RETENTION, MAX_BYTES = "retention.ms", "max.message.bytes"


@dataclass(frozen=True, slots=True)
class TopicState:
    """Partitions and retention of an existing topic."""

    partitions: int
    retention_ms: int


@contextmanager
def explain_kafka_errors(settings: KafkaSettings) -> Iterator[None]:
    """Raise DependencyFailedError for errors of aiokafka and the network."""
    try:
        yield
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        if unknown := find_unknown_hosts(settings):
            raise DependencyFailedError(
                f"Kafka's host is not found: {', '.join(unknown)}; check KAFKA_BOOTSTRAP_SERVERS."
            ) from error
        raise DependencyFailedError(
            f"Kafka at {settings.bootstrap_servers} does not answer{_summarize(error)}: start it, "
            "or set KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL and KAFKA_SASL_*."
        ) from error


def build_kafka_arguments(settings: KafkaSettings) -> dict[str, Any]:
    """Return aiokafka's arguments; raises InvalidUsageError for a wrong address or certificate."""
    try:
        collect_hosts(settings.bootstrap_servers)
        return build_client_arguments(settings)
    except ValueError as error:
        raise InvalidUsageError(
            f"KAFKA_BOOTSTRAP_SERVERS={settings.bootstrap_servers} is not a list of host:port."
        ) from error
    except OSError as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise InvalidUsageError(
            f"The certificates that KAFKA_SSL_* name cannot be read: {reason}."
        ) from error


@asynccontextmanager
async def connect_admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect an admin client until the block ends; DependencyFailedError if no broker answers."""
    admin = AIOKafkaAdminClient(**build_kafka_arguments(settings), request_timeout_ms=REQUEST_MS)
    with explain_kafka_errors(settings):
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await admin.start()
            yield admin
        finally:
            await admin.close()


async def find_topics(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, TopicState]:
    """Return the states of topics; missing topics are left out."""
    counts = await _load_partition_counts(admin)
    present = [name for name in names if name in counts]
    if not present:
        return {}
    retention = await _load_retention(admin, present)
    return {name: TopicState(counts[name], retention[name]) for name in present}


async def find_partitions(settings: Settings, topics: Iterable[str]) -> dict[str, int]:
    """Return the number of partitions of our topics; raises DependencyFailedError without them."""
    names = [f"{settings.namespace}.{topic}" for topic in topics]
    async with connect_admin(settings.kafka) as admin:
        found = await find_topics(admin, names)
    missing = [name for name in names if name not in found]
    if missing:
        raise DependencyFailedError(
            f"The topic {missing[0]} does not exist; run `chatia topics apply`."
        )
    return {name: state.partitions for name, state in found.items()}


async def create_topics(
    admin: AIOKafkaAdminClient, topics: Iterable[Topic], replication: int | None = None
) -> set[str]:
    """Create topics, wait until the brokers list them, and return those that existed before.

    A broker may not list yet what another client has just created, so `find_topics` can miss it.
    """
    replicas = await _choose_replication(admin, replication)
    new_topics = [
        NewTopic(
            topic.name, topic.partitions, replicas, topic_configs=_build_configs(topic, replicas)
        )
        for topic in topics
    ]
    if not new_topics:
        return set()
    existing: set[str] = set()
    response: Any = await admin.create_topics(new_topics)
    for name, code, reason in response.topic_errors:
        if code == TopicAlreadyExistsError.errno:
            existing.add(name)
        elif code:
            raise DependencyFailedError(
                f"Kafka did not create the topic {name}: {reason or for_code(code)}"
            )
    await _wait_until_visible(admin, {topic.name for topic in new_topics})
    return existing


def _build_configs(topic: Topic, replicas: int) -> dict[str, str]:
    # With three replicas an acknowledgement must mean two, or one lost disk loses events.
    in_sync = max(1, min(replicas - 1, 2))
    configs = {RETENTION: str(topic.retention_ms), "min.insync.replicas": str(in_sync)}
    limit = topic.max_message_bytes
    return configs | ({MAX_BYTES: str(limit)} if limit else {})


async def _choose_replication(admin: AIOKafkaAdminClient, asked: int | None) -> int:
    brokers = len((await admin.describe_cluster())["brokers"])
    if asked is not None and asked > brokers:
        raise InvalidUsageError(f"{asked} replicas need as many brokers, and there are {brokers}.")
    return asked or min(DEFAULT_REPLICATION, brokers)


async def _load_partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    # Describes all topics: describing one by name creates it where auto-creation is on.
    described = await admin.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def _load_retention(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, int]:
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, name, configs={RETENTION: None}) for name in names
    ]
    retention: dict[str, int] = {}
    response: Any  # aiokafka types each version's response, but not this union
    for response in await admin.describe_configs(resources):
        for code, _, _, name, entries in response.resources:
            if code:
                raise for_code(code)
            retention[name] = int(dict(entry[:2] for entry in entries)[RETENTION])
    return retention


async def _wait_until_visible(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    async with asyncio.timeout(VISIBLE_TIMEOUT_SECONDS):
        while not names <= (await _load_partition_counts(admin)).keys():  # noqa: ASYNC110 - no event
            await asyncio.sleep(POLL_SECONDS)


def _summarize(error: BaseException) -> str:
    if isinstance(error, KafkaConnectionError | TimeoutError):
        return ""  # these add nothing to the message
    return f" as it should ({str(error).partition(chr(10))[0] or type(error).__name__})"
