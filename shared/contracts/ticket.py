"""What the tickets service tells about conversations."""

from typing import ClassVar

from typing_extensions import override

from shared.contracts.base import Event, Id, Moment, Name, Token


class TicketChanged(Event):
    """The ticket's state after a change; the highest `version` (µs of updatedAt) is the newest.

    `requestId` is that of the request which this answers, if it does.
    """

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
    request_id: Token | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.ticket_id}"


class TicketOpened(TicketChanged):
    """A new conversation began."""

    type: ClassVar[str] = "ticket.opened"


class TicketReopened(TicketChanged):
    """A closed conversation goes on, because the contact wrote."""

    type: ClassVar[str] = "ticket.reopened"


class TicketUpdated(TicketChanged):
    """The unread count, the last message or its side changed, or the contact was asked something.

    `status` tells what is waited for: nps the contact's mark, lgpd the contact's consent.
    """

    type: ClassVar[str] = "ticket.updated"


class TicketDiscarded(TicketChanged):
    """The ticket was opened for a message that turned out to be a copy; it is empty and closed."""

    type: ClassVar[str] = "ticket.discarded"


class TicketAccepted(TicketChanged):
    """A user answers from now on."""

    type: ClassVar[str] = "ticket.accepted"


class TicketReturned(TicketChanged):
    """The ticket waits again, without a user."""

    type: ClassVar[str] = "ticket.returned"


class TicketQueued(TicketChanged):
    """The ticket has another queue."""

    type: ClassVar[str] = "ticket.queued"


class TicketTransferred(TicketChanged):
    """The ticket has another user or queue, or was closed and goes on as `successorTicketId`."""

    type: ClassVar[str] = "ticket.transferred"

    successor_ticket_id: Id | None = None


class TicketClosed(TicketChanged):
    """The conversation is over."""

    type: ClassVar[str] = "ticket.closed"


class TicketRated(TicketChanged):
    """The contact gave a mark; with it the conversation is over."""

    type: ClassVar[str] = "ticket.rated"

    rate: int


class TicketViewed(TicketChanged):
    """A user has seen what was written until `seenUntil`; null where nothing was unread."""

    type: ClassVar[str] = "ticket.viewed"

    seen_until: Moment | None = None


class TicketNoted(TicketChanged):
    """A user has written a note; the state, and with it the version, is as it was."""

    type: ClassVar[str] = "ticket.noted"


class TicketTagged(TicketChanged):
    """The ticket wears these tags, and stands in this lane of the kanban board."""

    type: ClassVar[str] = "ticket.tagged"

    tag_ids: tuple[Id, ...] = ()
    lane_id: Id | None = None


class TicketRefused(Event):
    """A request about a ticket was not granted: `reason` is a sentence for the one who asked.

    `otherTicketId` is the one that the contact has instead, or the one that this one became.
    """

    topic: ClassVar[str] = "ticket.changed"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "ticket.refused"

    ticket_id: Id
    request_id: Token
    reason: Name
    other_ticket_id: Id | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.ticket_id}"
