"""How fast deferred records are read."""

from collections.abc import Sequence

import pytest

from shared.delivery.fairness.pacing import (
    CALM_BACKLOG,
    LONGEST_SLICE_S,
    LONGEST_WAIT_S,
    SLACK_S,
    SMALLEST_SLICE,
    Pacing,
)


def test_a_slice_is_sent_when_the_backlog_is_calm_and_the_next_when_it_is_through() -> None:
    pacing = Pacing()
    assert not pacing.may_send(CALM_BACKLOG + 1, 0.0)
    assert pacing.may_send(CALM_BACKLOG, 0.0)
    pacing.mark_sent(0.0)
    assert not pacing.may_send(CALM_BACKLOG + 1, 0.1)
    assert pacing.may_send(CALM_BACKLOG, 0.1)


def send_slices(pacing: Pacing, seconds: Sequence[float]) -> int:
    """Send slices that take so long; return the size of the next one."""
    for took_s in seconds:
        pacing.mark_sent(0.0)
        assert pacing.may_send(CALM_BACKLOG, took_s)
    return pacing.records


def test_slices_grow_while_they_are_in_time_and_shrink_when_one_is_late() -> None:
    pacing = Pacing()
    grown = send_slices(pacing, [0.4] * 12)
    assert grown > 4 * SMALLEST_SLICE
    assert send_slices(pacing, [0.4 + 2 * SLACK_S]) == grown // 2


def test_what_the_smallest_slices_take_is_in_time_however_long_it_is() -> None:
    assert send_slices(Pacing(), [0.6] * 5) > SMALLEST_SLICE
    assert send_slices(Pacing(), [0.2, 0.6]) == SMALLEST_SLICE


def test_a_longer_usual_time_is_learnt_from_the_smallest_slices() -> None:
    pacing = Pacing()
    send_slices(pacing, [0.2])
    assert send_slices(pacing, [0.5] * 40) > SMALLEST_SLICE


def test_no_slice_may_take_too_long_whatever_the_smallest_take() -> None:
    assert send_slices(Pacing(), [LONGEST_SLICE_S + 0.1] * 9) == SMALLEST_SLICE


@pytest.mark.parametrize("was_sent", [True, False])
def test_a_backlog_that_is_never_calm_does_not_stop_the_bulk_path(*, was_sent: bool) -> None:
    pacing = Pacing()
    if was_sent:
        pacing.mark_sent(0.0)
    else:
        assert not pacing.may_send(CALM_BACKLOG + 1, 0.0)
    assert not pacing.may_send(CALM_BACKLOG + 1, LONGEST_WAIT_S)
    assert pacing.may_send(CALM_BACKLOG + 1, LONGEST_WAIT_S + 0.1)
