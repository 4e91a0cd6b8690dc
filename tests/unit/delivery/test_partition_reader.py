"""What the reader of deferred records keeps fetched."""

from collections.abc import Mapping
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from shared.delivery.kafka.partition_reader import PartitionReader

FIRST, SECOND = TopicPartition("t", 0), TopicPartition("t", 1)
IN_FLIGHT = 8_000  # bytes, of which a poll of this reader returns 1,000


def record(partition: TopicPartition, offset: int, size: int) -> Any:
    return ConsumerRecord(
        partition.topic, partition.partition, offset, 0, 0, None, b"x" * size, None, 0, size, ()
    )


class Client:
    """A consumer that returns each partition's records once."""

    def __init__(self, waiting: Mapping[TopicPartition, Any]) -> None:
        self._waiting = dict(waiting)
        self.sought: list[tuple[TopicPartition, int]] = []

    async def getmany(self, *partitions: TopicPartition, **_: Any) -> dict[TopicPartition, Any]:
        return {p: self._waiting.pop(p) for p in partitions if p in self._waiting}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.sought.append((partition, offset))

    async def stop(self) -> None:
        self.has_stopped = True


def reader(waiting: Mapping[TopicPartition, Any]) -> tuple[PartitionReader, Client]:
    made, client = PartitionReader({}, IN_FLIGHT), Client(waiting)
    vars(made)["_client"] = client
    return made, client


def every(_: Any) -> bool:
    return True


async def test_few_records_that_cannot_be_taken_yet_are_kept() -> None:
    made, client = reader({FIRST: [record(FIRST, 5, 500)]})
    assert await made.read_slice({FIRST: 5}, every, 10) == []
    assert await made.read_slice({FIRST: 5, SECOND: 1}, every, 10) == []
    found = await made.read_slice({FIRST: 6, SECOND: 1}, every, 10)
    assert ([each.offset for each in found], client.sought) == ([5], [])


async def test_many_records_that_cannot_be_taken_yet_are_dropped() -> None:
    made, client = reader({FIRST: [record(FIRST, 5, 1_500)]})
    assert await made.read_slice({FIRST: 5}, every, 10) == []
    assert await made.read_slice({FIRST: 5, SECOND: 1}, every, 10) == []
    assert client.sought == [(FIRST, 5)]


async def test_a_reader_is_connected_until_it_is_stopped() -> None:
    made, client = reader({})
    assert made.is_connected
    await made.stop()
    assert (made.is_connected, client.has_stopped) == (False, True)
