"""When tickets begin: over two years, most of them in business hours, more and more of them.

Times are seconds since 1970. Hours are those of São Paulo, which has had no summer time since 2019.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final

from shared.generate.dice import Dice

HOUR: Final = 3_600
DAY: Final = 24 * HOUR
HISTORY_DAYS: Final = 730
UTC_OFFSET: Final = -3 * HOUR
GROWTH: Final = 2.0  # tickets a day at the end, compared with the beginning

MONDAY_AFTER_EPOCH: Final = 4 * DAY
WEEKDAY_WEIGHTS: Final = (1.25, 1.15, 1.1, 1.1, 1.05, 0.45, 0.15)  # from Monday on
HOUR_WEIGHTS: Final = (
    *(0.1, 0.05, 0.05, 0.05, 0.05, 0.1, 0.3, 1.0),
    *(3.0, 6.0, 7.0, 6.0, 4.0, 5.0, 6.5, 6.5),
    *(6.0, 5.0, 2.5, 1.5, 1.2, 0.9, 0.5, 0.2),
)
OPENS: Final = 8  # o'clock
CLOSES: Final = (18, 18, 18, 18, 18, 12, OPENS)  # o'clock, from Monday on; Sunday is closed


def iterate_starts(dice: Dice, until: float, number: int) -> Iterator[float]:
    """Yield the times at which so many tickets begin, in order, all before `until`."""
    hours = HISTORY_DAYS * 24
    begins = [until - (hours - place) * HOUR for place in range(hours)]
    sums = list(accumulate(_weigh(at, place / hours) for place, at in enumerate(begins)))
    done = 0
    for begin, reached in zip(begins, sums, strict=True):
        target = round(number * reached / sums[-1])
        yield from sorted(begin + dice.random() * HOUR for _ in range(target - done))
        done = target


def find_open_time(dice: Dice, at: float) -> float:
    """Return a time itself if it is in business hours, else one soon after the next opening."""
    midnight = at - (at + UTC_OFFSET) % DAY
    opens, closes = midnight + OPENS * HOUR, midnight + CLOSES[_get_weekday(at)] * HOUR
    if opens <= at < closes:
        return at
    if at < opens < closes:
        return opens + dice.wait(15 * 60, 0.8)
    return find_open_time(dice, midnight + DAY)


def to_datetime(seconds: float) -> datetime:
    """Return a time as the value of a column."""
    return datetime.fromtimestamp(seconds, UTC)


def _get_weekday(at: float) -> int:
    return int((at + UTC_OFFSET - MONDAY_AFTER_EPOCH) // DAY) % 7


def _weigh(at: float, progress: float) -> float:
    hour = int((at + UTC_OFFSET) % DAY // HOUR)
    growth = 1 + (GROWTH - 1) * progress
    return HOUR_WEIGHTS[hour] * WEEKDAY_WEIGHTS[_get_weekday(at)] * growth
