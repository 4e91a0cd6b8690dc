"""How much of what was fetched is kept, and who gives way."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher

from shared.delivery.fetching import BoundedFetcher, BoundedResult, Unpacked
from shared.delivery.record_batches import RecordBatches
from shared.delivery.turns import Room
from tests.support.any_batches import built
from tests.support.any_records import AnyRecord

PLACES = [TopicPartition("t", number) for number in range(3)]
FETCH, NO_FETCH = [(0, "fetch")], list[Any]()


def fetched(size: int) -> BoundedResult:
    answer = built([AnyRecord(None, b"x" * size)], 0)
    unpacked = Unpacked(PLACES[0], RecordBatches(answer), [], 0, None, None, True, 1)  # noqa: FBT003
    return BoundedResult(PLACES[0], assignment=None, partition_records=unpacked, backoff=0.1)


def fetching(kept: Mapping[TopicPartition, Any]) -> Any:
    """Make a fetcher of at most 1,000 bytes, which fetches for nobody."""
    made = BoundedFetcher.__new__(BoundedFetcher)
    vars(made).update(_records=OrderedDict(kept), _fetch_max_bytes=1_000, _room=Room())
    return made


def actions_of(made: Any) -> Any:
    return made._get_actions_per_node(None)  # noqa: SLF001 - as aiokafka asks it


def places_kept(made: Any) -> list[TopicPartition]:
    return list(vars(made)["_records"])


@pytest.fixture(autouse=True)
def _actions(monkeypatch: pytest.MonkeyPatch) -> None:
    def actions(*_: Any) -> Any:
        return FETCH, {}, 0.2, False, []

    monkeypatch.setattr(fetcher.Fetcher, "_get_actions_per_node", actions)


def test_more_is_fetched_while_little_is_kept() -> None:
    made = fetching({PLACES[0]: fetched(300), PLACES[1]: fetcher.FetchError(error=None, backoff=0)})
    assert actions_of(made) == (FETCH, {}, 0.2, False, [])


def test_nothing_is_fetched_while_much_is_kept() -> None:
    made = fetching({place: fetched(500) for place in PLACES})
    assert actions_of(made) == (NO_FETCH, {}, 0.2, False, [])


async def test_what_nobody_asks_for_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> dict[TopicPartition, Any]:
        return {}

    monkeypatch.setattr(fetcher.Fetcher, "fetched_records", nothing)
    made = fetching({place: fetched(400) for place in PLACES})
    await made.fetched_records([PLACES[1]])
    assert places_kept(made) == [PLACES[1]]
    await made.fetched_records([PLACES[0]])
    assert places_kept(made) == [PLACES[1]]


async def test_of_whom_something_is_left_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(*_: Any) -> dict[TopicPartition, Any]:
        return {PLACES[0]: [1], TopicPartition("gone", 0): [2]}

    monkeypatch.setattr(fetcher.Fetcher, "fetched_records", found)
    made = fetching({place: fetched(1) for place in PLACES})
    await made.fetched_records([])
    assert places_kept(made) == [PLACES[1], PLACES[2], PLACES[0]]
