"""Which messages and tickets may go, and which messages come too late."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.archive.counts import list_months
from shared.retention import (
    Cutoffs,
    Retention,
    count_age_back,
    find_cutoffs,
    is_too_old,
    may_message_go,
    may_ticket_go,
    name_daily_purge,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
YEAR_AND_HALF = find_cutoffs(Retention(message_days=365, closed_ticket_days=182), NOW)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def test_the_times_are_so_many_days_before_now() -> None:
    found = find_cutoffs(Retention(message_days=365, closed_ticket_days=182), NOW)
    assert found.messages == datetime(2025, 11, 30, 12, tzinfo=UTC)
    assert found.closed_tickets == datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_without_a_retention_nothing_goes() -> None:
    never = find_cutoffs(Retention(), NOW)
    assert never == Cutoffs(None, None)
    assert not may_message_go(never, ago(5_000))
    assert not may_ticket_go(never, ago(5_000), None)
    assert not is_too_old(ago(5_000), NOW, None)


@pytest.mark.parametrize(("days", "goes"), [(364.9, False), (365, False), (365.1, True)])
def test_a_message_goes_when_it_is_older_than_the_days(days: float, goes: bool) -> None:
    assert may_message_go(YEAR_AND_HALF, ago(days)) is goes


@pytest.mark.parametrize(("days", "goes"), [(181.9, False), (182, False), (182.1, True)])
def test_a_ticket_without_messages_goes_by_the_days_since_it_was_closed(
    days: float, goes: bool
) -> None:
    assert may_ticket_go(YEAR_AND_HALF, ago(days), None) is goes


def test_a_ticket_that_is_not_closed_stays() -> None:
    assert not may_ticket_go(YEAR_AND_HALF, None, ago(900))


@pytest.mark.parametrize(("days", "goes"), [(200, False), (364, False), (366, True)])
def test_a_closed_ticket_stays_with_its_newest_message(days: float, goes: bool) -> None:
    assert may_ticket_go(YEAR_AND_HALF, ago(190), ago(days)) is goes


def test_with_a_retention_of_tickets_alone_only_those_without_messages_go() -> None:
    cutoffs = find_cutoffs(Retention(closed_ticket_days=182), NOW)
    assert may_ticket_go(cutoffs, ago(183), None)
    assert not may_ticket_go(cutoffs, ago(183), ago(5_000))


def test_with_a_retention_of_messages_alone_tickets_stay() -> None:
    cutoffs = find_cutoffs(Retention(message_days=365), NOW)
    assert may_message_go(cutoffs, ago(366))
    assert not may_ticket_go(cutoffs, ago(5_000), None)


@pytest.mark.parametrize(("days", "is_refused"), [(365, False), (365.1, True)])
def test_a_message_is_too_old_by_its_age_when_it_was_received(
    days: float, is_refused: bool
) -> None:
    assert is_too_old(ago(days), NOW, 365) is is_refused


def test_a_message_that_waited_in_kafka_or_has_no_time_of_receipt_is_not_too_old() -> None:
    assert not is_too_old(ago(400), ago(399), 365)
    assert not is_too_old(ago(400), None, 365)


@pytest.mark.parametrize(
    ("age", "found"),
    [
        ("1y", datetime(2023, 2, 28, 12, tzinfo=UTC)),
        ("6m", datetime(2023, 8, 29, 12, tzinfo=UTC)),
        ("12m", datetime(2023, 2, 28, 12, tzinfo=UTC)),
        ("8w", datetime(2024, 1, 4, 12, tzinfo=UTC)),
        ("30d", datetime(2024, 1, 30, 12, tzinfo=UTC)),
        ("2m", datetime(2023, 12, 29, 12, tzinfo=UTC)),
    ],
)
def test_an_age_is_counted_back_in_the_calendar(age: str, found: datetime) -> None:
    assert count_age_back(datetime(2024, 2, 29, 12, tzinfo=UTC), age) == found


@pytest.mark.parametrize(
    "age", ["", "1", "y", "0y", "-1y", "1.5y", "1 y", "1Y", "29d", "4w", "9999y"]
)
def test_an_age_that_cannot_be_is_refused(age: str) -> None:
    with pytest.raises(ValueError, match=r"is not an age|is less than 30 days|there was no year"):
        count_age_back(datetime(2024, 2, 29, 12, tzinfo=UTC), age)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 11, 30, 5, 59, 59, tzinfo=UTC), "retention-2026-11-29"),
        (datetime(2026, 11, 30, 6, tzinfo=UTC), "retention-2026-11-30"),
        (datetime(2026, 12, 1, 5, tzinfo=UTC), "retention-2026-11-30"),
        (datetime(2026, 11, 30, 3, tzinfo=timezone(timedelta(hours=-3))), "retention-2026-11-30"),
    ],
)
def test_the_day_of_the_deletion_begins_at_six_in_the_morning(at: datetime, day: str) -> None:
    assert name_daily_purge(at) == day


def test_months_are_half_open_and_the_last_one_may_be_cut() -> None:
    found = list_months(
        datetime(2025, 11, 30, 23, 59, tzinfo=UTC), datetime(2026, 1, 15, tzinfo=UTC)
    )
    assert [(f"{since:%Y-%m-%d}", f"{until:%Y-%m-%d}") for since, until in found] == [
        ("2025-11-01", "2025-12-01"),
        ("2025-12-01", "2026-01-01"),
        ("2026-01-01", "2026-01-15"),
    ]
