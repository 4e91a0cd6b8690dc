"""Which tickets have to look at their messages again. No clock, no database."""

from collections.abc import Iterable

from services.tickets.rules.routing import NONE
from shared.contracts.message import (
    ABSORBED,
    MessageRefused,
    MessagesMoved,
    MessagesSeen,
    MessageStored,
    MessageUpdated,
)

SHOWN = {"body", "read"}  # changes of a message that its ticket shows

Tallied = MessageStored | MessageRefused | MessageUpdated | MessagesMoved | MessagesSeen


def to_take_back(batch: Iterable[Tallied]) -> set[tuple[int, int]]:
    """Name the (company, ticket) that began or went on for a message that proved a copy."""
    return {
        (event.company_id, event.ticket_id)
        for event in batch
        if isinstance(event, MessageRefused) and event.ticket_id and event.ticket_effect != NONE
    }


def touched(batch: Iterable[Tallied]) -> set[tuple[int, int]]:
    """Name the (company, ticket) whose messages have changed."""
    return {
        (event.company_id, event.ticket_id)
        for event in batch
        if event.ticket_id
        and (
            isinstance(event, MessageStored | MessagesMoved | MessagesSeen)
            or (isinstance(event, MessageUpdated) and not SHOWN.isdisjoint(event.changes))
            or (isinstance(event, MessageRefused) and event.reason == ABSORBED)
        )
    }
