"""How long a company keeps messages and closed tickets: what may go, and what comes too late.

No clock, no database.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

DAY_BEGINS_AT: Final = 6  # hours, UTC


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
