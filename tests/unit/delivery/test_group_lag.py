"""Offsets committed for dashboards of consumer lag."""

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata

from shared.delivery.kafka import group_lag

ASSIGNED, LOST = TopicPartition("t", 0), TopicPartition("t", 1)


def at(offset: int) -> OffsetAndMetadata:
    return OffsetAndMetadata(offset, "a note")


class Consumer:
    """A consumer that commits offsets, fails to, or never answers."""

    def __init__(self, error: BaseException | None = None, *, hangs: bool = False) -> None:
        self.committed: list[Any] = []
        self._error, self._hangs = error, hangs

    def assignment(self) -> set[TopicPartition]:
        return {ASSIGNED}

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        if self._hangs:
            await asyncio.Event().wait()
        if self._error:
            raise self._error
        self.committed.append(offsets)


async def test_only_offsets_of_assigned_partitions_are_committed() -> None:
    consumer = Consumer()
    await group_lag.commit_offsets(consumer, {ASSIGNED: at(5), LOST: at(7)})  # type: ignore[arg-type]
    await group_lag.commit_offsets(consumer, {LOST: at(7)})  # type: ignore[arg-type]
    await group_lag.commit_offsets(None, {ASSIGNED: at(9)})  # it has stopped
    assert consumer.committed == [{ASSIGNED: at(5)}]


@pytest.mark.parametrize(
    "consumer", [Consumer(CommitFailedError()), Consumer(hangs=True)], ids=["refused", "no answer"]
)
async def test_a_commit_that_fails_or_hangs_stops_nobody(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_lag, "COMMIT_TIMEOUT_S", 0.01)
    async with asyncio.timeout(5):
        await group_lag.commit_offsets(consumer, {ASSIGNED: at(5)})  # type: ignore[arg-type]
    assert consumer.committed == []
