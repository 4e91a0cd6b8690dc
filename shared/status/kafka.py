"""What Kafka knows: members of the groups, offsets of the logs, and the times of single records.

The number of requests depends on brokers and services, not on records or companies: one of the
metadata, one for each group and each kind of offset, and one fetch for each reader of a partition.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)
from aiokafka.errors import IncompatibleBrokerVersion, for_code

from shared.delivery.checkpoints.restored import Committed
from shared.delivery.fairness.deferred_ranges import is_deferred
from shared.delivery.kafka import clients
from shared.delivery.kafka.member_checks import NOT_READY
from shared.delivery.kafka.member_identity import MemberIdentity, read_identity
from shared.schema import SERVICES
from shared.settings import KafkaSettings
from shared.status.positions import ReadFrom

REQUEST_MS: Final = 10_000  # longer than what a caller waits for all requests
FETCH_WAIT_MS: Final = 100
RESPONSE_BYTES: Final = 8 * 2**20
PARTITION_BYTES: Final = 65_536
QUIET_S: Final = 0.5  # without a record for so long, what is left has no readable record
TRIES: Final = 3  # a coordinator may be starting
RETRY_S: Final = 0.3
CLOSE_TIMEOUT_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a consumer group; its topics and partitions are unknown during a rebalance."""

    host: str
    identity: MemberIdentity
    topics: frozenset[str]
    partitions: int


class KafkaClient:
    """Asks a cluster, outside all groups."""

    def __init__(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        self._admin = admin
        self._consumer = consumer

    async def list_partitions(self) -> list[TopicPartition]:
        """Return all partitions of all topics."""
        # Describes all topics: describing one by name creates it where auto-creation is on.
        return [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in await self._admin.describe_topics()
            for partition in topic["partitions"]
        ]

    async def load_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Return the log start offsets and the log end offsets of partitions."""
        wanted = list(partitions)
        # Assigned together, so that their metadata is requested once; paused, so nothing is read.
        self._consumer.assign(wanted)
        self._consumer.pause(*wanted)
        begins = await self._consumer.beginning_offsets(wanted)
        return begins, await self._consumer.end_offsets(wanted)

    async def load_members(self, namespace: str) -> dict[str, list[Member]] | None:
        """Return the members of each service's group; None if the brokers do not list them now."""
        groups = {f"{namespace}.{service}": service for service in SERVICES}
        for _ in range(TRIES):
            try:
                # One request each: aiokafka 0.14 cannot decode a response with several groups.
                responses = await asyncio.gather(
                    *(self._admin.describe_consumer_groups([group]) for group in groups)
                )
                described = [r.to_object()["groups"][0] for (r,) in responses]
                for group in described:
                    if group["error_code"]:
                        raise for_code(group["error_code"])
            except IncompatibleBrokerVersion:  # the demo's mock broker
                return None
            except NOT_READY:
                await asyncio.sleep(RETRY_S)
                continue
            return {groups[g["group"]]: [_build_member(m) for m in g["members"]] for g in described}
        return None

    async def load_committed(self, namespace: str) -> Committed:
        """Return the committed offsets of each service's group, with the notes beside them."""
        found = await asyncio.gather(
            *(
                self._admin.list_consumer_group_offsets(f"{namespace}.{service}")
                for service in SERVICES
            )
        )
        return dict(zip(SERVICES, found, strict=True))

    async def load_timestamps(self, reads: Iterable[ReadFrom]) -> dict[ReadFrom, int]:
        """Return the Kafka timestamps, in milliseconds, of the records that are read next.

        A read whose log has no readable record, only marks of transactions, is left out. One fetch
        reads all partitions; one with several readers takes as many fetches.
        """
        by_partition: defaultdict[TopicPartition, list[ReadFrom]] = defaultdict(list)
        for read in reads:
            by_partition[read.partition].append(read)
        timestamps: dict[ReadFrom, int] = {}
        while by_partition:
            turn = {partition: queued.pop() for partition, queued in by_partition.items()}
            timestamps |= await self._read_each(turn)
            by_partition = defaultdict(list, {p: q for p, q in by_partition.items() if q})
        return timestamps

    async def _read_each(self, reads: Mapping[TopicPartition, ReadFrom]) -> Mapping[ReadFrom, int]:
        found: dict[ReadFrom, int] = {}
        left = dict(reads)
        for partition, read in reads.items():
            self._consumer.seek(partition, read.offset)
        self._consumer.resume(*reads)
        with suppress(TimeoutError):
            while left:
                async with asyncio.timeout(QUIET_S):
                    record = await self._consumer.getone(*left)
                partition = TopicPartition(record.topic, record.partition)
                read = left[partition]
                is_wanted = not read.deferred or is_deferred(record, read.deferred)
                if is_wanted and record.offset < read.end:
                    found[read] = record.timestamp
                if is_wanted or record.offset >= read.end:
                    del left[partition]
                    self._consumer.pause(partition)
        self._consumer.pause(*reads)
        return found


@asynccontextmanager
async def connect(settings: KafkaSettings) -> AsyncIterator[KafkaClient]:
    """Connect until the block ends; raises KafkaError or OSError if no broker answers."""
    arguments = clients.build_client_arguments(settings) | {"request_timeout_ms": REQUEST_MS}
    admin = AIOKafkaAdminClient(**arguments)
    consumer = AIOKafkaConsumer(
        **arguments,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        fetch_max_bytes=RESPONSE_BYTES,
        max_partition_fetch_bytes=PARTITION_BYTES,
    )
    try:
        await admin.start()
        await consumer.start()
        yield KafkaClient(admin, consumer)
    finally:
        await asyncio.gather(_close(admin.close()), _close(consumer.stop()))


async def _close(closing: Any) -> None:  # noqa: ANN401 - a coroutine
    with suppress(TimeoutError):  # of a frozen broker; the process ends the connection
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await closing


def _build_member(described: Mapping[str, Any]) -> Member:
    """Build a member; Kafka tells metadata and assignment only of a group at rest."""
    metadata, assignment = described["member_metadata"], described["member_assignment"]
    told = ConsumerProtocolMemberMetadata.decode(metadata) if metadata else None
    assigned = ConsumerProtocolMemberAssignment.decode(assignment) if assignment else None
    return Member(
        str(described["client_host"]).removeprefix("/"),
        read_identity(told.user_data if told else None),
        frozenset(told.subscription if told else ()),
        len(assigned.partitions()) if assigned else 0,
    )
