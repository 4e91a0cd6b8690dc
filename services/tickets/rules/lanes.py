"""What becomes of a ticket in a timed lane when somebody has written in it (schema.md 5).

No clock, no database. After our word the ticket leaves for the next lane in a while; after an
answer it stays, or goes back and is no longer moved before a person does so.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.tickets.rules.plan import Plan, TicketKey
from services.tickets.rules.tagging import stand_in

# Gateways tell times in whole seconds, by clocks of their own: what is said in a lane may seem a
# little older than the ticket's coming there.
EARLY = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Standing:
    """A ticket in its lane, and its last message.

    `stays` is None where the lane is not timed; `moves_at` where it has a timer that is blocked.
    """

    company_id: int
    ticket_id: int
    lane_id: int
    stays: timedelta | None
    rollback_id: int | None
    entered_at: datetime
    said_at: datetime
    by_us: bool
    has_timer: bool
    moves_at: datetime | None

    @property
    def key(self) -> TicketKey:
        """Name the ticket."""
        return self.company_id, self.ticket_id


@dataclass(frozen=True, slots=True)
class Timer:
    """A row of "LaneTimers"."""

    company_id: int
    ticket_id: int
    lane_id: int
    moves_at: datetime | None


@dataclass(slots=True)
class Timers:
    """What becomes of timers, and which tickets go back to another lane."""

    kept: list[Timer] = field(default_factory=list)
    cancelled: list[TicketKey] = field(default_factory=list)
    back: dict[TicketKey, int] = field(default_factory=dict)


def follow(standings: Iterable[Standing]) -> Timers:
    """Start, cancel and block timers, as the last message of each ticket wants it."""
    timers = Timers()
    for standing in standings:
        if standing.has_timer and standing.moves_at is None:
            continue
        if standing.by_us:
            _start(standing, timers)
        elif standing.has_timer:
            _answered(standing, timers)
    return timers


def go_back(plan: Plan, timers: Timers) -> None:
    """Let tickets stand in the lanes that they go back to."""
    for key, lane_id in sorted(timers.back.items()):
        plan.take(None, None, [stand_in(plan.tickets[key], lane_id, plan.at(key))])


def _start(standing: Standing, timers: Timers) -> None:
    if standing.stays is None:
        if standing.has_timer:
            timers.cancelled.append(standing.key)
        return
    if standing.said_at < standing.entered_at - EARLY:
        return
    moves_at = standing.said_at + standing.stays
    if moves_at != standing.moves_at:
        timers.kept.append(Timer(*standing.key, standing.lane_id, moves_at))


def _answered(standing: Standing, timers: Timers) -> None:
    if standing.rollback_id in {None, standing.lane_id}:
        timers.cancelled.append(standing.key)
    else:
        timers.back[standing.key] = standing.rollback_id
        timers.kept.append(Timer(*standing.key, standing.rollback_id, moves_at=None))
