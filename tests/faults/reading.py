"""Topics as any reader outside sees them: a plain consumer in no group, nothing of ours."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

READ_WITHIN_S = 30.0
PATIENCE_MS = 5_000  # with one request; whoever reads asks again

Ends = dict[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class Heard:
    """A record; the CloudEvents attributes are empty where it carries none."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    def header(self, name: str) -> str:
        """Read one header, whatever it holds."""
        found = (value for known, value in self.headers if known == name)
        return (next(found, b"") or b"").decode("utf-8", "replace")

    @property
    def place(self) -> tuple[str, int, int]:
        """Where it stands."""
        return self.topic, self.partition, self.offset

    @property
    def type(self) -> str:
        """The event's type without product and version, such as `message.stored`."""
        return self.header("ce_type").removeprefix("chatia.").rpartition(".v")[0]


class Reader:
    """Reads ends and records without taking part in anything."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: int) -> None:
        self._consumer = consumer
        self._partitions = partitions

    async def ends(self, topics: Iterable[str]) -> Ends:
        """Tell where every partition of these topics ends now."""
        return await self._ends(
            [TopicPartition(t, p) for t in topics for p in range(self._partitions)]
        )

    async def since(self, starts: Ends) -> list[Heard]:
        """Read what has come since the topics ended at `starts`, each partition in order.

        Raises TimeoutError where that takes longer than anything a round has written could.
        """
        ends = await self._ends(list(starts))
        wanted = [place for place in starts if ends[place] > starts[place]]
        if not wanted:
            return []  # a consumer without partitions cannot be stopped
        self._consumer.assign(wanted)
        for place in wanted:
            self._consumer.seek(place, starts[place])
        records: list[Any] = []
        async with asyncio.timeout(READ_WITHIN_S):
            while [place for place in wanted if await self._consumer.position(place) < ends[place]]:
                for found in (await self._consumer.getmany(timeout_ms=200)).values():
                    records += found
        return [_heard(record) for record in sorted(records, key=_order)]

    async def _ends(self, places: Sequence[TopicPartition]) -> Ends:
        # Topics that are assigned are looked up together, others one after another.
        self._consumer.assign(places)
        self._consumer.pause(*places)
        found: Ends = await self._consumer.end_offsets(places)
        return found


def _order(record: Any) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def _heard(record: Any) -> Heard:
    return Heard(*_order(record), record.key, record.value, tuple(record.headers))


@asynccontextmanager
async def reader(bootstrap: str, partitions: int) -> AsyncIterator[Reader]:
    """Connect for as long as is read; a broker may have been restarted since the last time."""
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


def of_companies(heard: Sequence[Heard], company_ids: Iterable[int]) -> list[Heard]:
    """Keep the facts about these companies."""
    wanted = {str(company_id) for company_id in company_ids}
    return [record for record in heard if record.header("ce_companyid") in wanted]
