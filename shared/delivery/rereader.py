"""A second reader of partitions whose records stand aside; it belongs to no group."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.delivery.decode import Record
from shared.delivery.in_flight import BYTES_IN_FLIGHT, of_a_poll, of_a_response, size_of

FETCH_RECORDS = 2_000
PARTITION_FETCH_BYTES = 65_536


class Rereader:
    """Reads where it is told to, a slice at a time; what is fetched and not taken stays in hand.

    A `shared.delivery.consumer.Consumer`, but for offsets committed to Kafka: nobody looks at
    the lag of a group that does not exist. Where logs end is asked on a connection of its own: on
    that of the records, the broker answers only when it has some. It takes half as many bytes as
    the worker's own consumer.
    """

    def __init__(
        self, connection: Mapping[str, Any], bytes_in_flight: int = BYTES_IN_FLIGHT
    ) -> None:
        self._connection = connection
        self.bytes_in_flight = bytes_in_flight // 2
        self._fetch_bytes = of_a_response(self.bytes_in_flight)
        self._client: AIOKafkaConsumer | None = None
        self._asking: AIOKafkaConsumer | None = None
        self._fetched: dict[TopicPartition, deque[Record]] = {}

    async def start(self) -> None:
        """Connect, the first time."""
        self._client = self._client or await self._connected()
        self._asking = self._asking or await self._connected()

    async def stop(self) -> None:
        """Close the connections."""
        clients, self._client, self._asking = (self._client, self._asking), None, None
        for client in clients:
            if client is not None:
                await client.stop()

    def assign(self, places: Iterable[TopicPartition]) -> None:
        """Read these partitions and no others."""
        wanted = set(places)
        if wanted != self.assignment():
            self._fetched = {p: found for p, found in self._fetched.items() if p in wanted}
            self._started.assign(wanted)

    async def slice(
        self,
        ends: Mapping[TopicPartition, int],
        takes: Callable[[Record], bool],
        most: int,
    ) -> list[Record]:
        """Give the next records before these offsets, with at most so many that will be taken."""
        empty = [place for place in ends if not self._fetched.get(place)]
        if empty and not any(self._ready(place, end) for place, end in ends.items()):
            self._give_back()
            found_now = await self._started.getmany(*empty, timeout_ms=0, max_records=FETCH_RECORDS)
            self._fetched |= {place: deque(records) for place, records in found_now.items()}
        ready = [place for place, end in ends.items() if self._ready(place, end)]
        found: list[Record] = []
        for place in ready:
            found += self._cut(place, ends[place], takes, -(-most // len(ready)))
        return found

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from there; what is in hand of the partition is dropped."""
        self._fetched.pop(partition, None)
        self._started.seek(partition, offset)

    def assignment(self) -> set[TopicPartition]:
        """Give the partitions that are read."""
        return set(self._client.assignment()) if self._client else set()

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        """Do nothing."""

    def pause(self, *partitions: TopicPartition) -> None:
        """Give no more records of these; who goes on with one seeks first."""
        for place in partitions:
            self._fetched.pop(place, None)
        self._started.pause(*partitions)

    def paused(self) -> set[TopicPartition]:
        """Give those that are paused."""
        return set(self._client.paused()) if self._client else set()

    def resume(self, *partitions: TopicPartition) -> None:
        """Give their records again."""
        self._started.resume(*partitions)

    async def beginning_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Ask where logs begin."""
        return dict(await self._started.beginning_offsets(list(partitions)))

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Ask where logs end; all topics that were ever asked for are looked up together."""
        wanted, asking = set(partitions), self._asking
        if asking is None:
            raise RuntimeError(type(self).__name__)
        if not wanted <= asking.assignment():
            asking.assign(wanted | asking.assignment())
            asking.pause(*asking.assignment())
        return dict(await asking.end_offsets(list(wanted)))

    async def _connected(self) -> AIOKafkaConsumer:
        client = AIOKafkaConsumer(
            **self._connection,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_bytes=self._fetch_bytes,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        )
        try:
            await client.start()
        except BaseException:
            await client.stop()
            raise
        return client

    @property
    def _started(self) -> AIOKafkaConsumer:
        if self._client is None:
            raise RuntimeError(type(self).__name__)
        return self._client

    def _give_back(self) -> None:
        """Drop what is in hand, and not to be given yet, where it is as much as a poll brings."""
        held = sum(size_of(record) for found in self._fetched.values() for record in found)
        if held < of_a_poll(self._fetch_bytes):
            return
        for place, found in self._fetched.items():
            if found:
                self._started.seek(place, found[0].offset)
        self._fetched.clear()

    def _ready(self, place: TopicPartition, end: int) -> bool:
        fetched = self._fetched.get(place) or ()
        return any(record.offset < end for record in islice(fetched, 1))

    def _cut(
        self, place: TopicPartition, end: int, takes: Callable[[Record], bool], most: int
    ) -> list[Record]:
        fetched, found, taken = self._fetched[place], [], 0
        while fetched and fetched[0].offset < end:
            taken += takes(fetched[0])
            if taken > most:
                break
            found.append(fetched.popleft())
        return found
