"""A consumer without a group that reads slices of manually assigned partitions."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from shared.delivery.kafka.fetch_sizes import (
    BYTES_IN_FLIGHT,
    compute_poll_bytes,
    compute_response_bytes,
    measure_record,
)
from shared.delivery.kafka.record import Record

FETCH_RECORDS = 2_000
PARTITION_FETCH_BYTES = 65_536


class PartitionReader:
    """Reads slices of assigned partitions; records that are fetched and not taken are kept.

    It implements `shared.delivery.kafka.consumer.Consumer`, but commits no offsets, because it
    has no group. Log end offsets are requested on a second connection, because a broker answers
    requests of one connection in order, after the long poll. Its limits are half those of the main
    consumer.
    """

    def __init__(
        self,
        arguments: Mapping[str, Any],  # of aiokafka's clients
        bytes_in_flight: int = BYTES_IN_FLIGHT,
    ) -> None:
        self._arguments = arguments
        self.bytes_in_flight = bytes_in_flight // 2
        self._response_bytes = compute_response_bytes(self.bytes_in_flight)
        self._client: AIOKafkaConsumer | None = None
        self._offsets_client: AIOKafkaConsumer | None = None
        self._fetched: dict[TopicPartition, deque[Record]] = {}

    @property
    def is_connected(self) -> bool:
        """Return whether it was started and not stopped since."""
        return self._client is not None

    async def start(self) -> None:
        """Connect if not connected yet."""
        self._client = self._client or await self._connect()
        self._offsets_client = self._offsets_client or await self._connect()

    async def stop(self) -> None:
        """Close the connections."""
        clients = (self._client, self._offsets_client)
        self._client = self._offsets_client = None
        for client in clients:
            if client is not None:
                await client.stop()

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read these partitions and no others."""
        wanted = set(partitions)
        if wanted != self.assignment():
            self._fetched = {p: records for p, records in self._fetched.items() if p in wanted}
            self._started_client.assign(wanted)

    async def read_slice(
        self,
        ends: Mapping[TopicPartition, int],
        is_deferred: Callable[[Record], bool],
        most: int,
    ) -> list[Record]:
        """Return the next records before these offsets; at most about `most` are deferred ones."""
        empty = [partition for partition in ends if not self._fetched.get(partition)]
        if empty and not any(self._has_record(partition, ends[partition]) for partition in ends):
            self._drop_surplus()
            fetched = await self._started_client.getmany(
                *empty, timeout_ms=0, max_records=FETCH_RECORDS
            )
            self._fetched |= {partition: deque(records) for partition, records in fetched.items()}
        ready = [partition for partition, end in ends.items() if self._has_record(partition, end)]
        records: list[Record] = []
        for partition in ready:
            share = -(-most // len(ready))
            records += self._take(partition, ends[partition], is_deferred, share)
        return records

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read a partition from an offset on."""
        self._fetched.pop(partition, None)
        self._started_client.seek(partition, offset)

    def assignment(self) -> set[TopicPartition]:
        """Return the partitions that are read."""
        return set(self._client.assignment()) if self._client else set()

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        """Do nothing."""

    def pause(self, *partitions: TopicPartition) -> None:
        """Pause partitions; seek before resuming one."""
        for partition in partitions:
            self._fetched.pop(partition, None)
        self._started_client.pause(*partitions)

    def paused(self) -> set[TopicPartition]:
        """Return the partitions that are paused."""
        return set(self._client.paused()) if self._client else set()

    def resume(self, *partitions: TopicPartition) -> None:
        """Read paused partitions again."""
        self._started_client.resume(*partitions)

    async def beginning_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return the log start offsets of partitions."""
        return dict(await self._started_client.beginning_offsets(list(partitions)))

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the log end offsets of partitions."""
        wanted, client = set(partitions), self._offsets_client
        if client is None:
            raise RuntimeError(type(self).__name__)
        if not wanted <= client.assignment():
            client.assign(wanted | client.assignment())
            client.pause(*client.assignment())
        return dict(await client.end_offsets(list(wanted)))

    async def _connect(self) -> AIOKafkaConsumer:
        client = AIOKafkaConsumer(
            **self._arguments,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_bytes=self._response_bytes,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        )
        try:
            await client.start()
        except BaseException:
            await client.stop()
            raise
        return client

    @property
    def _started_client(self) -> AIOKafkaConsumer:
        if self._client is None:
            raise RuntimeError(type(self).__name__)
        return self._client

    def _drop_surplus(self) -> None:
        """Drop buffered records that cannot be returned yet, if they fill a poll."""
        kept = sum(measure_record(record) for queue in self._fetched.values() for record in queue)
        if kept < compute_poll_bytes(self._response_bytes):
            return
        for partition, queue in self._fetched.items():
            if queue:
                self._started_client.seek(partition, queue[0].offset)
        self._fetched.clear()

    def _has_record(self, partition: TopicPartition, end: int) -> bool:
        queue = self._fetched.get(partition) or ()
        return any(record.offset < end for record in islice(queue, 1))

    def _take(
        self,
        partition: TopicPartition,
        end: int,
        is_deferred: Callable[[Record], bool],
        most: int,
    ) -> list[Record]:
        queue, records, deferred = self._fetched[partition], [], 0
        while queue and queue[0].offset < end:
            deferred += is_deferred(queue[0])
            if deferred > most:
                break
            records.append(queue.popleft())
        return records
