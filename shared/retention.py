"""How long a company keeps messages and closed tickets: what may go, and what comes too late.

No clock, no database.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

DAY_BEGINS_AT: Final = 6  # hours, UTC
LEAST_DAYS: Final = 30  # as in "CompaniesSettings"
AGE: Final = re.compile(r"([1-9]\d{0,3})([dwmy])")


@dataclass(frozen=True, slots=True)
class Retention:
    """The days for which a company keeps messages and closed tickets; None: for ever."""

    message_days: int | None = None
    closed_ticket_days: int | None = None


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Messages written before, and tickets closed before these times may go; None: none may."""

    messages: datetime | None = None
    closed_tickets: datetime | None = None


def find_cutoffs(retention: Retention, now: datetime) -> Cutoffs:
    """Return the times before which a company keeps nothing at this moment."""
    return Cutoffs(
        _count_back(now, retention.message_days), _count_back(now, retention.closed_ticket_days)
    )


def count_age_back(now: datetime, age: str) -> datetime:
    """Return the time that is an age before, such as `1y`, `6m`, `8w` or `90d`.

    Months and years are those of the calendar; a day that a month does not have is its last one.
    Raises ValueError for anything else, and for less than 30 days.
    """
    match = AGE.fullmatch(age)
    if match is None:
        msg = f"{age!r} is not an age such as 1y, 6m, 8w or 90d"
        raise ValueError(msg)
    number, unit = int(match[1]), match[2]
    if unit in "dw":
        found = now - timedelta(days=number * (7 if unit == "w" else 1))
    else:
        found = _count_months_back(now, number * (12 if unit == "y" else 1))
    if now - found < timedelta(days=LEAST_DAYS):
        msg = f"{age!r} is less than {LEAST_DAYS} days"
        raise ValueError(msg)
    return found


def _count_months_back(now: datetime, months: int) -> datetime:
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    if year < 1:
        msg = f"{months} months ago there was no year"
        raise ValueError(msg)
    last = calendar.monthrange(year, month + 1)[1]
    return now.replace(year=year, month=month + 1, day=min(now.day, last))


def name_daily_purge(now: datetime) -> str:
    """Return the request id of the purges of a day, which begins at six in the morning, UTC.

    In Brazil it is night then, and few messages arrive.
    """
    return f"retention-{(now.astimezone(UTC) - timedelta(hours=DAY_BEGINS_AT)):%Y-%m-%d}"


def may_message_go(cutoffs: Cutoffs, written_at: datetime) -> bool:
    """Return whether a message may be deleted, whatever the status of its ticket is."""
    return cutoffs.messages is not None and written_at < cutoffs.messages


def may_ticket_go(
    cutoffs: Cutoffs, closed_at: datetime | None, newest_message_at: datetime | None
) -> bool:
    """Return whether a ticket may be deleted: it was closed long ago, and all its messages may go.

    `closed_at` is None for a ticket that is not closed, `newest_message_at` for one without
    messages.
    """
    if closed_at is None or cutoffs.closed_tickets is None or closed_at >= cutoffs.closed_tickets:
        return False
    return newest_message_at is None or may_message_go(cutoffs, newest_message_at)


def is_too_old(
    written_at: datetime, received_at: datetime | None, message_days: int | None
) -> bool:
    """Return whether a message was past its retention already when it first entered Kafka.

    Waiting in Kafka does not make a message older. One without a time of receipt is not too old.
    """
    if received_at is None:
        return False
    cutoffs = find_cutoffs(Retention(message_days), received_at)
    return may_message_go(cutoffs, written_at)


def _count_back(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now - timedelta(days=days)
