"""Facts about tickets."""

from typing import ClassVar

from typing_extensions import override

from shared.contracts.base import BACK_OFFICE, Event, Id, Moment, Roles, Token
from shared.contracts.members import (
    ContactId,
    Ignored,
    IsGroup,
    Reason,
    RequestId,
    RowVersion,
    TicketId,
    WhatsappId,
)


class TicketChanged(Event):
    """The state of a ticket after a change; the highest `version` is the newest."""

    topic: ClassVar[str] = "ticket.changed"
    ours_alone: ClassVar[bool] = True

    writers: ClassVar[Roles] = ("tickets",)
    readers: ClassVar[Roles] = (BACK_OFFICE,)

    ticket_id: TicketId
    version: RowVersion
    status: str
    """As `"Tickets".status`: `pending`, `open`, `group`, `nps`, `lgpd`, `closed` …"""
    contact_id: ContactId
    whatsapp_id: WhatsappId
    user_id: Id | None = None
    """The user who has the ticket, `"Users".id`."""
    queue_id: Id | None = None
    """The queue that it is in, `"Queues".id`."""
    unread_messages: int = 0
    """The contact's messages that no user has read."""
    is_group: IsGroup = False
    request_id: RequestId | None = None
    ignored: Ignored | None = None

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
    readers: ClassVar[Roles] = ("messages", BACK_OFFICE)

    successor_ticket_id: Id | None = None
    """The ticket that continues this one, which was closed."""


class TicketClosed(TicketChanged):
    """The ticket was closed."""

    type: ClassVar[str] = "ticket.closed"


class TicketRated(TicketChanged):
    """The contact rated the ticket, which closes it."""

    type: ClassVar[str] = "ticket.rated"

    rate: int
    """The rating, from 0 to 10."""


class TicketViewed(TicketChanged):
    """A user has seen the messages of the ticket."""

    type: ClassVar[str] = "ticket.viewed"
    readers: ClassVar[Roles] = ("messages", BACK_OFFICE)

    seen_until: Moment | None = None
    """The newest message that was seen, ISO 8601 with zone; absent if none was unread."""


class TicketNoted(TicketChanged):
    """A user wrote a note; the state of the ticket, and its version, did not change."""

    type: ClassVar[str] = "ticket.noted"


class TicketTagged(TicketChanged):
    """The ticket has these tags, and is in this lane of the kanban board."""

    type: ClassVar[str] = "ticket.tagged"

    tag_ids: tuple[Id, ...] = ()
    """All its tags, `"Tags".id`."""
    lane_id: Id | None = None
    """Its lane, `"Tags".id`; absent if it is in none."""


class TicketRefused(Event):
    """A request about a ticket was refused; nothing changed."""

    topic: ClassVar[str] = "ticket.changed"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "ticket.refused"
    writers: ClassVar[Roles] = ("tickets",)
    readers: ClassVar[Roles] = (BACK_OFFICE,)

    ticket_id: TicketId
    request_id: Token
    """`requestId` of the request that this answers."""
    reason: Reason
    other_ticket_id: Id | None = None
    """The ticket that the contact has instead, or the successor of this one."""
    ignored: Ignored | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.ticket_id}"
