"""Rules for tickets in timed lanes of the kanban board.

Our message starts a timer that moves the ticket to the next lane. A reply of the contact ends the
timer, or moves the ticket to the rollback lane; then no timer runs until a user moves the ticket.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.tickets.domain.keys import TicketKey
from services.tickets.domain.plan import Plan
from services.tickets.domain.tags import enter_lane

# Gateways' timestamps have whole seconds and another clock: a message that was sent in a lane
# may seem a little older than the ticket's move to the lane.
TOLERANCE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class TicketInLane:
    """A ticket in a lane, and its last message.

    `duration` is None in a lane without a timer; `moves_at` is None while the timer is blocked.
    """

    company_id: int
    ticket_id: int
    lane_id: int
    duration: timedelta | None
    rollback_id: int | None
    entered_at: datetime
    last_message_at: datetime
    is_last_from_us: bool
    has_timer: bool
    moves_at: datetime | None

    @property
    def key(self) -> TicketKey:
        """Return the key of the ticket."""
        return TicketKey(self.company_id, self.ticket_id)


@dataclass(frozen=True, slots=True)
class LaneTimer:
    """A row of "LaneTimers"."""

    company_id: int
    ticket_id: int
    lane_id: int
    moves_at: datetime | None


@dataclass(slots=True)
class LaneChanges:
    """Timers to save and to delete, and the rollback lanes of tickets."""

    saved: list[LaneTimer] = field(default_factory=list)
    cancelled: list[TicketKey] = field(default_factory=list)
    rollbacks: dict[TicketKey, int] = field(default_factory=dict)


def plan_lane_timers(stays: Iterable[TicketInLane]) -> LaneChanges:
    """Start, cancel and block timers by the last message of each ticket."""
    changes = LaneChanges()
    for stay in stays:
        if stay.has_timer and stay.moves_at is None:
            continue
        if stay.is_last_from_us:
            _start_timer(stay, changes)
        elif stay.has_timer:
            _apply_answer(stay, changes)
    return changes


def roll_back(plan: Plan, changes: LaneChanges) -> None:
    """Move tickets to their rollback lanes."""
    for key, lane_id in sorted(changes.rollbacks.items()):
        plan.apply([enter_lane(plan.tickets[key], lane_id, plan.next_change_at(key))])


def _start_timer(stay: TicketInLane, changes: LaneChanges) -> None:
    if stay.duration is None:
        if stay.has_timer:
            changes.cancelled.append(stay.key)
        return
    if stay.last_message_at < stay.entered_at - TOLERANCE:
        return
    moves_at = stay.last_message_at + stay.duration
    if moves_at != stay.moves_at:
        changes.saved.append(LaneTimer(*stay.key, stay.lane_id, moves_at))


def _apply_answer(stay: TicketInLane, changes: LaneChanges) -> None:
    if stay.rollback_id in {None, stay.lane_id}:
        changes.cancelled.append(stay.key)
    else:
        changes.rollbacks[stay.key] = stay.rollback_id
        changes.saved.append(LaneTimer(*stay.key, stay.rollback_id, moves_at=None))
