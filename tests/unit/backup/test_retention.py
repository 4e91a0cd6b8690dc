"""Which backups are kept by days, weeks and months."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.backup.retention import Keep, choose_kept

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)  # a Monday
TIMES = st.lists(
    st.integers(0, 1_000).map(lambda hours: NOON - timedelta(hours=7 * hours)), min_size=1
)


def day(ago: int, hour: int = 12) -> datetime:
    return (NOON - timedelta(days=ago)).replace(hour=hour)


def test_days_weeks_and_months_are_read() -> None:
    assert Keep.parse("7d,4w,12m") == Keep(days=7, weeks=4, months=12)
    assert Keep.parse("12m, 2d") == Keep(days=2, months=12)


@pytest.mark.parametrize("written", ["", "7", "d", "7x", "7d;4w", "7d,7d", "-1d", "0d", "7d,"])
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="keep"):
        Keep.parse(written)


def test_the_newest_of_each_day_is_kept() -> None:
    times = [day(0), day(0, 3), day(1), day(1, 3), day(2)]
    assert choose_kept(times, Keep(days=2)) == {day(0), day(1)}


def test_the_newest_of_each_week_is_kept_and_a_week_begins_on_monday() -> None:
    assert choose_kept([day(0), day(1), day(2), day(8)], Keep(weeks=2)) == {day(0), day(1)}


def test_the_newest_of_each_month_is_kept() -> None:
    times = [day(0), day(29), day(30), day(61)]  # the last two are of October and September
    assert choose_kept(times, Keep(months=2)) == {day(0), day(30)}


def test_days_without_a_backup_do_not_count() -> None:
    times = [day(100), day(200), day(300)]
    assert choose_kept(times, Keep(days=2)) == {day(100), day(200)}


def test_weeks_at_the_turn_of_a_year_are_not_split() -> None:
    thursday, friday = (datetime(*at, tzinfo=UTC) for at in ((2026, 12, 31), (2027, 1, 1)))
    assert choose_kept([thursday, friday], Keep(weeks=2)) == {friday}


@given(TIMES, st.integers(0, 9), st.integers(0, 9), st.integers(0, 20))
def test_the_newest_is_always_kept_and_no_more_than_asked_for(
    times: list[datetime], days: int, weeks: int, months: int
) -> None:
    kept = choose_kept(times, Keep(days, weeks, months))
    assert max(times) in kept <= set(times)
    assert len(kept) <= max(1, days + weeks + months)
