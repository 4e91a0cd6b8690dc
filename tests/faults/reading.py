"""Reading topics with a plain consumer outside every group, without the product's code."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

READ_WITHIN_S = 30.0
PATIENCE_MS = 5_000  # of one request; callers try again

Ends = dict[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """A Kafka record; a header that it does not have reads as an empty text."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    def header(self, name: str) -> str:
        """Return a header as text; bytes that are no UTF-8 are replaced."""
        batch = (value for known, value in self.headers if known == name)
        return (next(batch, b"") or b"").decode("utf-8", "replace")

    @property
    def record_id(self) -> tuple[str, int, int]:
        """Its topic, partition and offset."""
        return self.topic, self.partition, self.offset

    @property
    def type(self) -> str:
        """The event's type without product and version, such as `message.stored`."""
        return self.header("ce_type").removeprefix("chatia.").rpartition(".v")[0]


class Reader:
    """Reads end offsets and records; joins no group and commits nothing."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: int) -> None:
        self._consumer = consumer
        self._partitions = partitions

    async def read_ends(self, topics: Iterable[str]) -> Ends:
        """Return the end offset of every partition of these topics."""
        return await self._read_ends(
            [TopicPartition(t, p) for t in topics for p in range(self._partitions)]
        )

    async def read_since(self, starts: Ends) -> list[TopicRecord]:
        """Read the records from `starts` to the end, each partition in order.

        Raises TimeoutError after 30 s.
        """
        ends = await self._read_ends(list(starts))
        wanted = [partition for partition in starts if ends[partition] > starts[partition]]
        if not wanted:
            return []  # a consumer without partitions cannot be stopped
        self._consumer.assign(wanted)
        for partition in wanted:
            self._consumer.seek(partition, starts[partition])
        records: list[Any] = []
        async with asyncio.timeout(READ_WITHIN_S):
            while [
                partition
                for partition in wanted
                if await self._consumer.position(partition) < ends[partition]
            ]:
                for batch in (await self._consumer.getmany(timeout_ms=200)).values():
                    records += batch
        return [_build_record(record) for record in sorted(records, key=_get_id)]

    async def _read_ends(self, wanted_partitions: Sequence[TopicPartition]) -> Ends:
        # Topics that are assigned are looked up together, others one after another.
        self._consumer.assign(wanted_partitions)
        self._consumer.pause(*wanted_partitions)
        batch: Ends = await self._consumer.end_offsets(wanted_partitions)
        return batch


def _get_id(record: Any) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def _build_record(record: Any) -> TopicRecord:
    return TopicRecord(*_get_id(record), record.key, record.value, tuple(record.headers))


@asynccontextmanager
async def open_reader(bootstrap: str, partitions: int) -> AsyncIterator[Reader]:
    """Yield a reader on a connection of its own, since the broker may have been restarted."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
        request_timeout_ms=PATIENCE_MS,
    )
    try:
        await consumer.start()
        yield Reader(consumer, partitions)
    finally:
        await consumer.stop()


def select_companies(
    records: Sequence[TopicRecord], company_ids: Iterable[int]
) -> list[TopicRecord]:
    """Select the facts about these companies."""
    wanted = {str(company_id) for company_id in company_ids}
    return [record for record in records if record.header("ce_companyid") in wanted]
