"""Days of a company's time zone, also where clocks change."""

from datetime import UTC, date, datetime, timedelta

import pytest

from shared.time_zones import Period, build_period, find_day, load_zone

SAO_PAULO = load_zone("America/Sao_Paulo")


def test_a_period_has_both_of_its_days() -> None:
    period = build_period(SAO_PAULO, date(2026, 11, 29), date(2026, 11, 30))
    assert period == Period(
        datetime(2026, 11, 29, 3, tzinfo=UTC), datetime(2026, 12, 1, 3, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # midnight was skipped
        ("America/Sao_Paulo", date(2018, 2, 17), 25),  # its last hour came twice
        ("America/Havana", date(2026, 11, 1), 25),  # midnight comes twice
        ("Asia/Kathmandu", date(2026, 11, 1), 24),
    ],
)
def test_a_day_is_as_long_as_its_clocks_say(zone: str, day: date, hours: int) -> None:
    period = build_period(load_zone(zone), day, day)
    assert period.until - period.since == timedelta(hours=hours)


def test_the_days_of_a_year_follow_each_other_without_a_gap() -> None:
    for name in ("America/Sao_Paulo", "America/Havana", "Europe/Lisbon", "Australia/Lord_Howe"):
        zone = load_zone(name)
        days = [date(2018, 1, 1) + timedelta(days=n) for n in range(730)]
        periods = [build_period(zone, day, day) for day in days]
        assert [p.until for p in periods[:-1]] == [p.since for p in periods[1:]]
        for day, period in zip(days, periods, strict=True):
            assert find_day(zone, period.since) == day
            assert find_day(zone, period.until - timedelta(seconds=1)) == day


@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "../etc", "a\0b"])
def test_a_zone_that_does_not_exist_is_that_of_sao_paulo(name: str | None) -> None:
    assert load_zone(name).key == "America/Sao_Paulo"
