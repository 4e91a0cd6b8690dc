"""The time zone of a company, and the bounds of its days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DEFAULT_TIMEZONE: Final = "America/Sao_Paulo"


def load_zone(name: str | None) -> ZoneInfo:
    """Return a zone by its IANA name; America/Sao_Paulo if there is none of that name."""
    try:
        return ZoneInfo(name or DEFAULT_TIMEZONE)
    except (ValueError, OSError, KeyError):
        return ZoneInfo(DEFAULT_TIMEZONE)


@dataclass(frozen=True, slots=True)
class Period:
    """A time from `since`, which is included, to `until`, which is not; both in UTC."""

    since: datetime
    until: datetime


def build_period(zone: ZoneInfo, first: date, last: date) -> Period:
    """Return the days from `first` to `last` of a zone, both included.

    A day has 23 or 25 hours where the clocks change. Raises OverflowError for the last day that
    there is.
    """
    return Period(_find_beginning(zone, first), _find_beginning(zone, last + timedelta(days=1)))


def find_day(zone: ZoneInfo, moment: datetime) -> date:
    """Return the day of a zone in which a moment lies."""
    return moment.astimezone(zone).date()


def _find_beginning(zone: ZoneInfo, day: date) -> datetime:
    """Return when a day begins; if clocks skip midnight, when they do so."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
