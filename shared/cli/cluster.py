"""What a Kafka cluster holds, and creating what it lacks; its trouble becomes a sentence."""

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

from shared.cli.errors import WorldFailed, WrongUsage
from shared.kafka import connection
from shared.settings import KafkaSettings
from shared.topics import Topic

CONNECT_SECONDS = 8
REQUEST_MS = 30_000
VISIBLE_SECONDS = 10
POLL_SECONDS = 0.1
USUAL_REPLICATION = 3
RETENTION, LARGEST = "retention.ms", "max.message.bytes"


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as it is in the cluster."""

    partitions: int
    retention_ms: int


@contextmanager
def kafka_trouble(settings: KafkaSettings) -> Iterator[None]:
    """Turn what aiokafka and the network raise into the sentence that a person needs."""
    try:
        yield
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        raise WorldFailed(
            f"Kafka at {settings.bootstrap_servers} does not answer{_in_brief(error)}: start it, "
            "or set KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL and KAFKA_SASL_*."
        ) from error


def client_arguments(settings: KafkaSettings) -> dict[str, Any]:
    """Give aiokafka's arguments; an address or a certificate may be the user's to mend."""
    try:
        collect_hosts(settings.bootstrap_servers)
        return connection(settings)
    except ValueError as error:
        raise WrongUsage(
            f"KAFKA_BOOTSTRAP_SERVERS={settings.bootstrap_servers} is not a list of host:port."
        ) from error
    except OSError as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise WrongUsage(
            f"The certificates that KAFKA_SSL_* name cannot be read: {reason}."
        ) from error


@asynccontextmanager
async def connected(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Hold an admin client that has reached a broker; otherwise the command ends."""
    admin = AIOKafkaAdminClient(**client_arguments(settings), request_timeout_ms=REQUEST_MS)
    with kafka_trouble(settings):
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await admin.start()
            yield admin
        finally:
            await admin.close()


async def find(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, Found]:
    """Look the topics up; those that do not exist are not in the answer."""
    counts = await _partition_counts(admin)
    present = [name for name in names if name in counts]
    if not present:
        return {}
    retention = await _retention(admin, present)
    return {name: Found(counts[name], retention[name]) for name in present}


async def create(
    admin: AIOKafkaAdminClient, topics: Iterable[Topic], replication: int | None = None
) -> set[str]:
    """Create the topics, wait until the brokers know them, and tell which somebody had made before.

    A broker may not yet show what another client has just created, so `find` alone cannot say.
    """
    replicas = await _replication(admin, replication)
    wanted = [
        NewTopic(topic.name, topic.partitions, replicas, topic_configs=_configs(topic, replicas))
        for topic in topics
    ]
    if not wanted:
        return set()
    made_before: set[str] = set()
    response: Any = await admin.create_topics(wanted)
    for name, code, reason in response.topic_errors:
        if code == TopicAlreadyExistsError.errno:
            made_before.add(name)
        elif code:
            raise WorldFailed(f"Kafka did not create the topic {name}: {reason or for_code(code)}")
    await _wait_until_known(admin, {topic.name for topic in wanted})
    return made_before


def _configs(topic: Topic, replicas: int) -> dict[str, str]:
    # With three copies an acknowledgement has to mean two, or one lost disk loses events.
    in_sync = max(1, min(replicas - 1, 2))
    configs = {RETENTION: str(topic.retention_ms), "min.insync.replicas": str(in_sync)}
    limit = topic.max_message_bytes
    return configs | ({LARGEST: str(limit)} if limit else {})


async def _replication(admin: AIOKafkaAdminClient, asked: int | None) -> int:
    brokers = len((await admin.describe_cluster())["brokers"])
    if asked is not None and asked > brokers:
        raise WrongUsage(f"{asked} replicas need as many brokers, and there are {brokers}.")
    return asked or min(USUAL_REPLICATION, brokers)


async def _partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    # All topics are asked for: asking for one by its name creates it on clusters that allow that.
    described = await admin.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def _retention(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, int]:
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, name, configs={RETENTION: None}) for name in names
    ]
    found: dict[str, int] = {}
    response: Any  # aiokafka types the answer of each version apart, and this as none of them
    for response in await admin.describe_configs(resources):
        for code, _, _, name, entries in response.resources:
            if code:
                raise for_code(code)
            found[name] = int(dict(entry[:2] for entry in entries)[RETENTION])
    return found


async def _wait_until_known(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    async with asyncio.timeout(VISIBLE_SECONDS):
        while not names <= (await _partition_counts(admin)).keys():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(POLL_SECONDS)


def _in_brief(error: BaseException) -> str:
    if isinstance(error, KafkaConnectionError | TimeoutError):
        return ""  # says no more than that nobody answers
    return f" as it should ({str(error).partition(chr(10))[0] or type(error).__name__})"
