"""The tags that a ticket wears, and the lane of the kanban board where it stands.

No clock, no database. A lane is a tag too; a ticket stands in one of them at most.
"""

from dataclasses import replace
from datetime import datetime

from services.tickets.rules.steps import Circumstances
from services.tickets.rules.tickets import Refusal, Step, Tag, Ticket
from shared.contracts.ticket import TicketTagged
from shared.contracts.ticket_request import TicketMove, TicketTag, TicketUntag

Decision = list[Step] | Refusal


def tag(ticket: Ticket, _: TicketTag, now: Circumstances) -> Decision:
    """Let a ticket wear tags; a lane is no label that could be worn beside another one."""
    if any(named.is_lane for named in now.tags):
        return Refusal("a ticket is moved to a lane, not tagged with it")
    return [_wearing(ticket, ticket.tags | frozenset(now.tags), now)]


def untag(ticket: Ticket, _: TicketUntag, now: Circumstances) -> Decision:
    """Take tags off a ticket, whatever they are."""
    gone = {named.id for named in now.tags}
    return [_wearing(ticket, frozenset(t for t in ticket.tags if t.id not in gone), now)]


def move(ticket: Ticket, _: TicketMove, now: Circumstances) -> Decision:
    """Let a ticket stand in one lane, or in none."""
    if not all(named.is_lane for named in now.tags):
        return Refusal("tag is no lane")
    return [_wearing(ticket, _labels(ticket) | frozenset(now.tags), now)]


def stand_in(ticket: Ticket, lane_id: int, at: datetime) -> Step:
    """Let a ticket stand in a lane and in no other."""
    tags = _labels(ticket) | {Tag(lane_id, is_lane=True)}
    return Step(replace(ticket, tags=tags, updated_at=at), TicketTagged)


def tag_ids(ticket: Ticket) -> tuple[int, ...]:
    """List what a ticket wears, the lane included."""
    return tuple(worn.id for worn in sorted(ticket.tags))


def lane_id(ticket: Ticket) -> int | None:
    """Say where a ticket stands."""
    return min((worn.id for worn in ticket.tags if worn.is_lane), default=None)


def _labels(ticket: Ticket) -> frozenset[Tag]:
    return frozenset(worn for worn in ticket.tags if not worn.is_lane)


def _wearing(ticket: Ticket, tags: frozenset[Tag], now: Circumstances) -> Step:
    """Change nothing, its version neither, where the ticket already is as is wished."""
    if tags == ticket.tags:
        return Step(ticket, TicketTagged)
    return Step(replace(ticket, tags=tags, updated_at=now.at), TicketTagged)
