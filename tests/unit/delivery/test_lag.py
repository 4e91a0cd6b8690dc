"""Offsets for dashboards."""

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from shared.delivery import lag

OURS, LOST = TopicPartition("t", 0), TopicPartition("t", 1)


class Consumer:
    """Takes offsets, fails to, or never answers."""

    def __init__(self, trouble: BaseException | None = None, *, hangs: bool = False) -> None:
        self.taken: list[Any] = []
        self._trouble, self._hangs = trouble, hangs

    def assignment(self) -> set[TopicPartition]:
        return {OURS}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        if self._hangs:
            await asyncio.Event().wait()
        if self._trouble:
            raise self._trouble
        self.taken.append(offsets)


async def test_only_partitions_that_are_still_ours_are_shown() -> None:
    consumer = Consumer()
    await lag.show(consumer, {OURS: 5, LOST: 7})  # type: ignore[arg-type]
    await lag.show(consumer, {LOST: 7})  # type: ignore[arg-type]
    assert consumer.taken == [{OURS: 5}]


@pytest.mark.parametrize(
    "consumer", [Consumer(CommitFailedError()), Consumer(hangs=True)], ids=["refused", "no answer"]
)
async def test_nobody_waits_for_a_dashboard(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag, "COMMIT_S", 0.01)
    async with asyncio.timeout(5):
        await lag.show(consumer, {OURS: 5})  # type: ignore[arg-type]
    assert consumer.taken == []
