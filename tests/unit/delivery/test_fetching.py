"""How much of what was fetched is kept, and what is dropped."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher

from shared.delivery.kafka.fetching import (
    BoundedFetcher,
    BoundedFetchResult,
    BoundedPartitionRecords,
)
from shared.delivery.kafka.poll_budget import LargeBatchSlot
from shared.delivery.kafka.record_batches import RecordBatches
from tests.support.any_batches import built
from tests.support.any_records import AnyRecord

PARTITIONS = [TopicPartition("t", number) for number in range(3)]
FETCH, NO_FETCH = [(0, "fetch")], list[Any]()


def fetched(size: int) -> BoundedFetchResult:
    answer = built([AnyRecord(None, b"x" * size)], 0)
    rest: Any = ([], 0, None, None, True, 1)  # no deserializers, checksums, read committed
    records = BoundedPartitionRecords(PARTITIONS[0], RecordBatches(answer), *rest)
    return BoundedFetchResult(
        PARTITIONS[0], assignment=None, partition_records=records, backoff=0.1
    )


def make_fetcher(kept: Mapping[TopicPartition, Any]) -> Any:
    """Make a fetcher of at most 1,000 bytes, without a consumer."""
    made = BoundedFetcher.__new__(BoundedFetcher)
    vars(made).update(
        _records=OrderedDict(kept), _fetch_max_bytes=1_000, _large_batch_slot=LargeBatchSlot()
    )
    return made


def actions_of(made: Any) -> Any:
    return made._get_actions_per_node(None)  # noqa: SLF001 - as aiokafka asks it


def kept_partitions(made: Any) -> list[TopicPartition]:
    return list(vars(made)["_records"])


@pytest.fixture(autouse=True)
def _actions(monkeypatch: pytest.MonkeyPatch) -> None:
    def actions(*_: Any) -> Any:
        return FETCH, {}, 0.2, False, []

    monkeypatch.setattr(fetcher.Fetcher, "_get_actions_per_node", actions)


def test_more_is_fetched_while_little_is_kept() -> None:
    made = make_fetcher(
        {PARTITIONS[0]: fetched(300), PARTITIONS[1]: fetcher.FetchError(error=None, backoff=0)}
    )
    assert actions_of(made) == (FETCH, {}, 0.2, False, [])


def test_nothing_is_fetched_while_much_is_kept() -> None:
    made = make_fetcher({partition: fetched(500) for partition in PARTITIONS})
    assert actions_of(made) == (NO_FETCH, {}, 0.2, False, [])


async def test_kept_partitions_that_are_not_asked_for_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing(*_: Any) -> dict[TopicPartition, Any]:
        return {}

    monkeypatch.setattr(fetcher.Fetcher, "fetched_records", nothing)
    made = make_fetcher({partition: fetched(400) for partition in PARTITIONS})
    await made.fetched_records([PARTITIONS[1]])
    assert kept_partitions(made) == [PARTITIONS[1]]
    await made.fetched_records([PARTITIONS[0]])
    assert kept_partitions(made) == [PARTITIONS[1]]


async def test_partitions_with_records_left_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(*_: Any) -> dict[TopicPartition, Any]:
        return {PARTITIONS[0]: [1], TopicPartition("gone", 0): [2]}

    monkeypatch.setattr(fetcher.Fetcher, "fetched_records", found)
    made = make_fetcher({partition: fetched(1) for partition in PARTITIONS})
    await made.fetched_records([])
    assert kept_partitions(made) == [PARTITIONS[1], PARTITIONS[2], PARTITIONS[0]]
