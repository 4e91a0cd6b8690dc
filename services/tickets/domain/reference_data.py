"""The companies, users, queues and tags to which requests refer."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from services.tickets.domain.keys import RowKey, TicketKey
from services.tickets.domain.ticket import Tag
from shared.contracts.ticket_request import TicketRequest


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """The rows to which a batch of requests refers and that exist.

    `users` maps a user to its farewell text, `queues` a queue to its `closeTicket`, `tags` a key to
    its Tag.
    """

    companies: Collection[int]
    users: Mapping[RowKey, str]
    queues: Mapping[RowKey, bool]
    tags: Mapping[RowKey, Tag]


def get_ticket_key(request: TicketRequest) -> TicketKey:
    """Return the key of the ticket that a request is about."""
    return TicketKey(request.company_id, request.ticket_id)


def list_users(batch: Iterable[TicketRequest]) -> set[RowKey]:
    """Return the users that requests name: those who act and those who get the ticket."""
    return {
        RowKey(request.company_id, user_id)
        for request in batch
        for user_id in (request.actor_id, getattr(request, "user_id", None))
        if user_id is not None
    }


def list_queues(batch: Iterable[TicketRequest]) -> set[RowKey]:
    """Return the queues that requests name."""
    return {
        RowKey(request.company_id, queue_id)
        for request in batch
        if (queue_id := getattr(request, "queue_id", None)) is not None
    }


def list_tags(batch: Iterable[TicketRequest]) -> set[RowKey]:
    """Return the tags and lanes that requests name."""
    return {
        RowKey(request.company_id, tag_id)
        for request in batch
        for tag_id in (*getattr(request, "tag_ids", ()), getattr(request, "lane_id", None))
        if tag_id is not None
    }
