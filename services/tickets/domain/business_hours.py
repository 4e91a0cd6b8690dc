"""Business hours of a company, line or queue, from its `schedules` and the company's time zone."""

from dataclasses import dataclass
from datetime import datetime, time

from shared.time_zones import DEFAULT_TIMEZONE, load_zone

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHIFTS = (("startTimeA", "endTimeA"), ("startTimeB", "endTimeB"))


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """Shifts as (weekday, first minute, last minute); without shifts it is always open."""

    shifts: tuple[tuple[str, int, int], ...] = ()
    timezone: str = DEFAULT_TIMEZONE

    def include(self, moment: datetime) -> bool:
        """Return whether a moment lies in a shift."""
        if not self.shifts:
            return True
        local = moment.astimezone(load_zone(self.timezone))
        day, minute = DAYS[local.weekday()], 60 * local.hour + local.minute
        return any(name == day and start <= minute <= end for name, start, end in self.shifts)


def read_schedules(schedules: object, timezone: str | None) -> BusinessHours:
    """Read a `schedules` column, which users fill in; shifts with invalid times are ignored."""
    days = schedules if isinstance(schedules, list) else []
    shifts = tuple(shift for day in days for names in SHIFTS for shift in _read_shift(day, *names))
    return BusinessHours(shifts, timezone or DEFAULT_TIMEZONE)


def _read_shift(day: object, start_name: str, end_name: str) -> list[tuple[str, int, int]]:
    if not isinstance(day, dict):
        return []
    start, end = _read_minute(day.get(start_name)), _read_minute(day.get(end_name))
    if start is None or end is None:
        return []
    return [(str(day.get("weekdayEn")).casefold(), start, end)]


def _read_minute(text: object) -> int | None:
    try:
        moment = time.fromisoformat(str(text))
    except ValueError:
        return None
    return 60 * moment.hour + moment.minute
