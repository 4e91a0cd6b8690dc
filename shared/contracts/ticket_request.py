"""Requests of the back office about one ticket."""

from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Id, Name, Request, Roles, Text, name_user
from shared.contracts.members import ContactId, QueueId, TicketId, UserId, WhatsappId

MOST_TAGS = 100  # in one request

Tags = Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_TAGS, fail_fast=True)]


class TicketRequest(Request):
    """A request about a ticket; requests about one ticket are applied in partition order.

    The answer is a fact on ticket.changed with the same `requestId`: the change, or
    ticket.refused with the reason.
    """

    topic: ClassVar[str] = "tickets.requests"
    readers: ClassVar[Roles] = ("tickets",)

    ticket_id: TicketId
    actor_id: Id | None = None
    """The user who asked, `"Users".id`, if a user did."""

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:ticket:{self.ticket_id}"

    @property
    @override
    def asked_by(self) -> str | None:
        return name_user(self.actor_id)


class TicketAccept(TicketRequest):
    """A user accepts the ticket; a closed one is reopened, unless the contact has another."""

    type: ClassVar[str] = "ticket.accept"

    user_id: UserId
    queue_id: Id | None = None
    """The queue to put it into; by default it stays."""

    @property
    @override
    def asked_by(self) -> str | None:
        return super().asked_by or name_user(self.user_id)


class TicketOpen(Request):
    """A user starts a conversation with a contact on a line, in its ticket or a new one.

    If another user or queue has the ticket, the request is refused with `otherTicketId`. The answer
    is that of ticket.accept.
    """

    topic: ClassVar[str] = "tickets.requests"
    type: ClassVar[str] = "ticket.open"
    readers: ClassVar[Roles] = ("tickets",)

    whatsapp_id: WhatsappId
    contact_id: ContactId
    user_id: UserId
    queue_id: Id | None = None
    """The queue of a new ticket."""

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:contact:{self.contact_id}"

    @property
    @override
    def asked_by(self) -> str | None:
        return name_user(self.user_id)


class TicketReturn(TicketRequest):
    """Return the ticket to pending, without a user."""

    type: ClassVar[str] = "ticket.return"


class TicketQueue(TicketRequest):
    """Put the ticket into a queue; a queue with `closeTicket` closes it immediately."""

    type: ClassVar[str] = "ticket.queue"

    queue_id: QueueId


class TicketTransfer(TicketRequest):
    """Transfer the ticket to a user (status open), to a queue (status pending), or to both.

    If the company has closeTicketOnTransfer, another queue closes the ticket and opens a new one.
    """

    type: ClassVar[str] = "ticket.transfer"

    queue_id: Id | None = None
    """The queue that gets it, `"Queues".id`."""
    user_id: Id | None = None
    """The user who gets it, `"Users".id`."""
    note: Text | None = Field(None, repr=False)
    """A note for colleagues, which the contact does not see."""


class TicketClose(TicketRequest):
    """Close the ticket; unless `silent`, ask for a rating if the company has ratings enabled."""

    type: ClassVar[str] = "ticket.close"

    silent: bool = False
    """Close without asking the contact for a rating."""


class TicketView(TicketRequest):
    """A user opens the ticket on screen: the contact's messages until now become read."""

    type: ClassVar[str] = "ticket.view"


class TicketRate(TicketRequest):
    """The contact's rating, given outside the chat; it closes the ticket."""

    type: ClassVar[str] = "ticket.rate"

    rate: Annotated[int, Field(ge=0, le=10)]
    """The rating, from 0 to 10."""


class TicketNote(TicketRequest):
    """A note of a user about the ticket; the contact never sees it."""

    type: ClassVar[str] = "ticket.note"

    note: Name = Field(repr=False)
    """The text of the note."""


class TicketTag(TicketRequest):
    """The ticket gets these tags, in addition to its own."""

    type: ClassVar[str] = "ticket.tag"

    tag_ids: Tags
    """Tags of the company, `"Tags".id`."""


class TicketUntag(TicketRequest):
    """Remove tags from the ticket; its lane too, if it is one of them."""

    type: ClassVar[str] = "ticket.untag"

    tag_ids: Tags
    """Tags of the company, `"Tags".id`."""


class TicketMove(TicketRequest):
    """The ticket moves to one lane of the kanban board."""

    type: ClassVar[str] = "ticket.move"

    lane_id: Id | None
    """The lane, `"Tags".id`; null takes it out of all lanes."""
