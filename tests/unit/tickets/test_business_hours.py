"""Business hours by schedules and time zones."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.tickets.domain.business_hours import read_schedules
from tests.support.build import NOON


@pytest.mark.parametrize(
    ("at_utc", "is_open"),
    [
        ("2026-08-20T11:00", True), ("2026-08-20T10:59", False), ("2026-08-20T15:00", True),
        ("2026-08-20T15:30", False), ("2026-08-20T17:00", True), ("2026-08-21T12:00", False),
    ],
)  # fmt: skip
def test_hours_are_those_of_the_companys_time_zone(at_utc: str, is_open: bool) -> None:
    day = {
        "weekdayEn": "thursday", "startTimeA": "08:00", "endTimeA": "12:00",
        "startTimeB": "13:00", "endTimeB": "18:00",
    }  # fmt: skip
    hours = read_schedules([day], "America/Sao_Paulo")
    assert hours.include(datetime.fromisoformat(at_utc).replace(tzinfo=UTC)) is is_open


@pytest.mark.parametrize(
    "schedules", [None, [], [{}], [{"weekdayEn": "monday", "startTimeA": "", "endTimeA": "x"}], [7]]
)
def test_without_a_shift_it_is_always_open(schedules: Any) -> None:
    assert read_schedules(schedules, "Nowhere/At_All").include(NOON)


@pytest.mark.parametrize("name", ["Nowhere/At_All", "../etc/passwd", "", "\x00"])
def test_an_unknown_time_zone_is_the_default_one(name: str) -> None:
    day = {"weekdayEn": "thursday", "startTimeA": "08:00", "endTimeA": "10:00"}
    assert read_schedules([day], name).include(NOON)
