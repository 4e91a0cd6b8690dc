"""Tags of a ticket; its kanban lane is a tag with `kanban` 1, at most one per ticket."""

from dataclasses import replace
from datetime import datetime

from services.tickets.domain.ticket import Decision, Refusal, Tag, Ticket, Transition
from services.tickets.domain.transitions import DecisionContext
from shared.contracts.ticket import TicketTagged
from shared.contracts.ticket_request import TicketMove, TicketTag, TicketUntag


def add_tags(ticket: Ticket, _: TicketTag, now: DecisionContext) -> Decision:
    """Add tags to a ticket; a lane is refused, because `ticket.move` sets the lane."""
    if any(tag.is_lane for tag in now.tags):
        return Refusal("a ticket is moved to a lane, not tagged with it")
    return [_set_tags(ticket, ticket.tags | frozenset(now.tags), now)]


def remove_tags(ticket: Ticket, _: TicketUntag, now: DecisionContext) -> Decision:
    """Remove tags from a ticket, its lane too."""
    removed = {tag.id for tag in now.tags}
    return [_set_tags(ticket, frozenset(t for t in ticket.tags if t.id not in removed), now)]


def move_to_lane(ticket: Ticket, _: TicketMove, now: DecisionContext) -> Decision:
    """Move a ticket to one lane, or to none."""
    if not all(tag.is_lane for tag in now.tags):
        return Refusal("tag is no lane")
    return [_set_tags(ticket, _list_labels(ticket) | frozenset(now.tags), now)]


def enter_lane(ticket: Ticket, lane_id: int, at: datetime) -> Transition:
    """Move a ticket to a lane, out of any other."""
    tags = _list_labels(ticket) | {Tag(lane_id, is_lane=True)}
    return Transition(replace(ticket, tags=tags, updated_at=at), TicketTagged)


def list_tag_ids(ticket: Ticket) -> tuple[int, ...]:
    """Return the ids of a ticket's tags in their order, the lane included."""
    return tuple(tag.id for tag in sorted(ticket.tags))


def find_lane_id(ticket: Ticket) -> int | None:
    """Return the lane that a ticket is in."""
    return min((tag.id for tag in ticket.tags if tag.is_lane), default=None)


def _list_labels(ticket: Ticket) -> frozenset[Tag]:
    return frozenset(tag for tag in ticket.tags if not tag.is_lane)


def _set_tags(ticket: Ticket, tags: frozenset[Tag], now: DecisionContext) -> Transition:
    """Set a ticket's tags; if nothing changes, its version stays."""
    if tags == ticket.tags:
        return Transition(ticket, TicketTagged)
    return Transition(replace(ticket, tags=tags, updated_at=now.at), TicketTagged)
