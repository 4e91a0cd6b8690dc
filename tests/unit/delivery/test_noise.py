"""Who is noisy, what of theirs stands aside, and how fast the bulk lane goes."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.delivery.noise import FEW, WINDOW_S, Crowd, Span, is_aside, lane_of, set_aside
from shared.delivery.pace import CALM, LEAST, LONGEST_S, PATIENCE_S, SLACK_S, Pace
from shared.delivery.replay import REPLAY_FOR

REPLAYED = ((REPLAY_FOR, b"1/contacts"),)


def record(offset: int, key: bytes | None, headers: tuple[Any, ...] = ()) -> Any:
    return ConsumerRecord("t", 0, offset, 0, 0, key, b"{}", None, 0, 0, headers)


@pytest.mark.parametrize(
    ("key", "lane"),
    [
        (b"7:10:5511", "7"),
        (b"loja", "loja"),
        (None, ""),
        (b"", ""),
        (b"\xff\xfe:1", "\ufffd\ufffd"),
        (b"\x00:1", ""),
        (b"x" * 65, ""),
    ],
)
def test_a_lane_is_what_a_key_begins_with(key: bytes | None, lane: str) -> None:
    assert lane_of(record(0, key)) == lane


def test_a_noisy_lane_stands_aside_from_its_first_record_on_and_nobody_else() -> None:
    records = [record(number, key) for number, key in enumerate([b"1:a", b"9:a", b"1:b", b"9:b"])]
    spans = set_aside(records, {}, frozenset({"9"}))
    assert spans == {"9": Span(1, 3)}
    assert [is_aside(found, spans) for found in records] == [False, True, False, True]


def test_a_lane_that_waits_goes_on_waiting_when_it_is_quiet_again() -> None:
    spans = set_aside([record(5, b"9:a"), record(6, b"1:a")], {"9": Span(1, 3)}, frozenset())
    assert spans == {"9": Span(1, 5)}
    assert not is_aside(record(6, b"9:a"), spans)
    assert not is_aside(record(0, b"9:a"), spans)


def test_a_replayed_dead_letter_never_waits() -> None:
    replayed = record(2, b"9:a", REPLAYED)
    assert set_aside([replayed], {}, frozenset({"9"})) == {}
    assert not is_aside(replayed, {"9": Span(1, 3)})


def test_a_lane_is_noisy_with_more_than_so_many_times_what_others_bring() -> None:
    crowd = Crowd(times=4)
    crowd.saw(Counter({"1": 100, "2": 100, "9": 400}), 0.0)
    assert crowd.noisy(0.0) == frozenset()
    crowd.saw(Counter({"9": 1}), 1.0)
    assert crowd.noisy(1.0) == {"9"}


def test_who_sends_little_is_not_noisy_whatever_the_others_send() -> None:
    crowd = Crowd(times=4)
    crowd.saw(Counter({"1": 1, "9": FEW}), 0.0)
    assert crowd.noisy(0.0) == frozenset()


def test_noise_is_forgotten() -> None:
    crowd = Crowd(times=4)
    crowd.saw(Counter({"1": 1, "9": 2 * FEW}), 0.5)
    assert crowd.noisy(WINDOW_S - 1.0) == {"9"}
    assert crowd.noisy(WINDOW_S + 1.0) == frozenset()


@pytest.mark.parametrize(
    ("times", "lanes"), [(4.0, {"9": 1000}), (0.0, {"1": 1, "9": 1000})], ids=["alone", "never"]
)
def test_nobody_is_noisy_alone_or_where_nobody_may_be(times: float, lanes: dict[str, int]) -> None:
    crowd = Crowd(times)
    crowd.saw(Counter(lanes), 0.0)
    assert crowd.noisy(0.0) == frozenset()


def test_a_slice_goes_when_the_way_is_calm_and_the_next_when_it_is_through() -> None:
    pace = Pace()
    assert not pace.lets_go(CALM + 1, 0.0)
    assert pace.lets_go(CALM, 0.0)
    pace.went(0.0)
    assert not pace.lets_go(CALM + 1, 0.1)
    assert pace.lets_go(CALM, 0.1)


def after(pace: Pace, seconds: Sequence[float]) -> int:
    """Let slices go that take so long; give the next one's size."""
    for took_s in seconds:
        pace.went(0.0)
        assert pace.lets_go(CALM, took_s)
    return pace.records


def test_slices_grow_while_they_are_through_in_time_and_shrink_when_they_are_late() -> None:
    pace = Pace()
    grown = after(pace, [0.4] * 12)
    assert grown > 4 * LEAST
    assert after(pace, [0.4 + 2 * SLACK_S]) == grown // 2


def test_what_the_smallest_slices_take_is_in_time_however_long_the_way_is() -> None:
    assert after(Pace(), [0.6] * 5) > LEAST
    assert after(Pace(), [0.2, 0.6]) == LEAST


def test_a_way_that_has_become_longer_is_learnt_from_the_smallest_slices() -> None:
    pace = Pace()
    after(pace, [0.2])
    assert after(pace, [0.5] * 40) > LEAST


def test_no_slice_may_take_too_long_whatever_the_smallest_take() -> None:
    assert after(Pace(), [LONGEST_S + 0.1] * 9) == LEAST


@pytest.mark.parametrize("went_before", [True, False])
def test_a_way_that_is_never_calm_does_not_stop_the_bulk_lane(*, went_before: bool) -> None:
    pace = Pace()
    if went_before:
        pace.went(0.0)
    else:
        assert not pace.lets_go(CALM + 1, 0.0)
    assert not pace.lets_go(CALM + 1, PATIENCE_S)
    assert pace.lets_go(CALM + 1, PATIENCE_S + 0.1)
