"""What the bulk lane's reader keeps in hand."""

from collections.abc import Mapping
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from shared.delivery.rereader import Rereader

FIRST, SECOND = TopicPartition("t", 0), TopicPartition("t", 1)
IN_FLIGHT = 8_000  # bytes, of which a poll of this reader takes 1,000


def record(place: TopicPartition, offset: int, size: int) -> Any:
    return ConsumerRecord(
        place.topic, place.partition, offset, 0, 0, None, b"x" * size, None, 0, size, ()
    )


class Client:
    """A consumer that gives what it is asked for, once."""

    def __init__(self, waiting: Mapping[TopicPartition, Any]) -> None:
        self._waiting = dict(waiting)
        self.sought: list[tuple[TopicPartition, int]] = []

    async def getmany(self, *places: TopicPartition, **_: Any) -> dict[TopicPartition, Any]:
        return {place: self._waiting.pop(place) for place in places if place in self._waiting}

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.sought.append((place, offset))


def reader(waiting: Mapping[TopicPartition, Any]) -> tuple[Rereader, Client]:
    made, client = Rereader({}, IN_FLIGHT), Client(waiting)
    vars(made)["_client"] = client
    return made, client


def every(_: Any) -> bool:
    return True


async def test_what_is_not_to_be_given_yet_stays_in_hand_while_it_is_little() -> None:
    made, client = reader({FIRST: [record(FIRST, 5, 500)]})
    assert await made.slice({FIRST: 5}, every, 10) == []
    assert await made.slice({FIRST: 5, SECOND: 1}, every, 10) == []
    found = await made.slice({FIRST: 6, SECOND: 1}, every, 10)
    assert ([each.offset for each in found], client.sought) == ([5], [])


async def test_what_is_not_to_be_given_yet_is_dropped_where_it_is_much() -> None:
    made, client = reader({FIRST: [record(FIRST, 5, 1_500)]})
    assert await made.slice({FIRST: 5}, every, 10) == []
    assert await made.slice({FIRST: 5, SECOND: 1}, every, 10) == []
    assert client.sought == [(FIRST, 5)]
