"""When a company, a line or a queue is there, by its schedules and the company's clock."""

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

DEFAULT_TIMEZONE = "America/Sao_Paulo"  # design 5.9
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHIFTS = (("startTimeA", "endTimeA"), ("startTimeB", "endTimeB"))


@dataclass(frozen=True, slots=True)
class Hours:
    """Shifts by day, in minutes of it; without any of them somebody is always there."""

    shifts: tuple[tuple[str, int, int], ...] = ()
    timezone: str = DEFAULT_TIMEZONE

    def include(self, moment: datetime) -> bool:
        """Whether somebody is there at this moment."""
        if not self.shifts:
            return True
        here = moment.astimezone(_zone(self.timezone))
        day, minute = DAYS[here.weekday()], 60 * here.hour + here.minute
        return any(name == day and start <= minute <= end for name, start, end in self.shifts)


def read(schedules: object, timezone: str | None) -> Hours:
    """Read a `schedules` column as people filled it in: what is no time is no shift."""
    days = schedules if isinstance(schedules, list) else []
    shifts = tuple(shift for day in days for names in SHIFTS for shift in _shift(day, *names))
    return Hours(shifts, timezone or DEFAULT_TIMEZONE)


def _shift(day: object, start: str, end: str) -> list[tuple[str, int, int]]:
    if not isinstance(day, dict):
        return []
    begins, ends = _minute(day.get(start)), _minute(day.get(end))
    if begins is None or ends is None:
        return []
    return [(str(day.get("weekdayEn")).casefold(), begins, ends)]


def _minute(written: object) -> int | None:
    try:
        read = time.fromisoformat(str(written))
    except ValueError:
        return None
    return 60 * read.hour + read.minute


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return ZoneInfo(DEFAULT_TIMEZONE)
