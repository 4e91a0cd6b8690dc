"""What the tickets service tells about conversations."""

from typing import ClassVar

from typing_extensions import override

from shared.contracts.base import Event, Id


class TicketChanged(Event):
    """The ticket's state after a change; the highest `version` (µs of updatedAt) is the newest."""

    topic: ClassVar[str] = "ticket.changed"
    ours_alone: ClassVar[bool] = True

    ticket_id: Id
    version: int
    status: str
    contact_id: Id
    whatsapp_id: Id
    user_id: Id | None = None
    queue_id: Id | None = None
    unread_messages: int = 0
    is_group: bool = False

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.ticket_id}"


class TicketOpened(TicketChanged):
    """A new conversation began."""

    type: ClassVar[str] = "ticket.opened"


class TicketReopened(TicketChanged):
    """A closed conversation goes on, because the contact wrote within the line's window."""

    type: ClassVar[str] = "ticket.reopened"


class TicketUpdated(TicketChanged):
    """The unread count, the last message or its side changed."""

    type: ClassVar[str] = "ticket.updated"


class TicketDiscarded(TicketChanged):
    """The ticket was opened for a message that turned out to be a copy; it is empty and closed."""

    type: ClassVar[str] = "ticket.discarded"
