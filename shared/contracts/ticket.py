"""Facts about tickets."""

from typing import ClassVar

from typing_extensions import override

from shared.contracts.base import Event, Id, Moment, Name, Token


class TicketChanged(Event):
    """The state of a ticket after a change; the highest `version` (µs of updatedAt) is the newest.

    `requestId` is set if a request was the cause.
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
    """A ticket was opened."""

    type: ClassVar[str] = "ticket.opened"


class TicketReopened(TicketChanged):
    """A closed ticket was reopened, because the contact wrote."""

    type: ClassVar[str] = "ticket.reopened"


class TicketUpdated(TicketChanged):
    """The unread count or the last message changed, or the contact was asked a question.

    With `status` nps the contact was asked for a rating, with lgpd for consent.
    """

    type: ClassVar[str] = "ticket.updated"


class TicketDiscarded(TicketChanged):
    """The ticket was opened for a duplicate message; it is empty and closed."""

    type: ClassVar[str] = "ticket.discarded"


class TicketAccepted(TicketChanged):
    """A user accepted the ticket."""

    type: ClassVar[str] = "ticket.accepted"


class TicketReturned(TicketChanged):
    """The ticket is pending again, without a user."""

    type: ClassVar[str] = "ticket.returned"


class TicketQueued(TicketChanged):
    """The ticket was put into a queue."""

    type: ClassVar[str] = "ticket.queued"


class TicketTransferred(TicketChanged):
    """The ticket has another user or queue, or was closed and continues as `successorTicketId`."""

    type: ClassVar[str] = "ticket.transferred"

    successor_ticket_id: Id | None = None


class TicketClosed(TicketChanged):
    """The ticket was closed."""

    type: ClassVar[str] = "ticket.closed"


class TicketRated(TicketChanged):
    """The contact rated the ticket, which closes it."""

    type: ClassVar[str] = "ticket.rated"

    rate: int


class TicketViewed(TicketChanged):
    """A user has seen the messages until `seenUntil`; null if none were unread."""

    type: ClassVar[str] = "ticket.viewed"

    seen_until: Moment | None = None


class TicketNoted(TicketChanged):
    """A user wrote a note; the state of the ticket, and its version, did not change."""

    type: ClassVar[str] = "ticket.noted"


class TicketTagged(TicketChanged):
    """The ticket has these tags, and is in this lane of the kanban board."""

    type: ClassVar[str] = "ticket.tagged"

    tag_ids: tuple[Id, ...] = ()
    lane_id: Id | None = None


class TicketRefused(Event):
    """A request about a ticket was refused; `reason` is a sentence for its author.

    `otherTicketId` is the one that the contact has instead, or the successor of this one.
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
