"""What is asked of the tickets service about one ticket, by the back office (schema.md 5)."""

from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Id, Name, Request, Text

MOST_TAGS = 100  # in one request

Tags = Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_TAGS, fail_fast=True)]


class TicketRequest(Request):
    """A wish about a ticket; those about one ticket are granted in the order of their partition.

    `actorId` is the user who asks, where it is a person. The answer is a fact on ticket.changed
    with the same `requestId`: what was done, or ticket.refused and why.
    """

    topic: ClassVar[str] = "tickets.requests"

    ticket_id: Id
    actor_id: Id | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:ticket:{self.ticket_id}"


class TicketAccept(TicketRequest):
    """A user begins to answer; a closed ticket goes on, unless the contact has another one."""

    type: ClassVar[str] = "ticket.accept"

    user_id: Id
    queue_id: Id | None = None


class TicketOpen(Request):
    """A user wants to speak with a contact on a line: in the ticket that there is, or in a new one.

    What somebody else has, or waits in another queue, is refused and named. The answer is that of
    ticket.accept.
    """

    topic: ClassVar[str] = "tickets.requests"
    type: ClassVar[str] = "ticket.open"

    whatsapp_id: Id
    contact_id: Id
    user_id: Id
    queue_id: Id | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:contact:{self.contact_id}"


class TicketReturn(TicketRequest):
    """The user gives the ticket back to those that wait."""

    type: ClassVar[str] = "ticket.return"


class TicketQueue(TicketRequest):
    """The ticket is to wait in a queue; a queue with `closeTicket` ends it at once."""

    type: ClassVar[str] = "ticket.queue"

    queue_id: Id


class TicketTransfer(TicketRequest):
    """The ticket goes to a user, who has it at once, or to a queue, where it waits, or both.

    Where the company wants so (closeTicketOnTransfer), another queue means another ticket. `note`
    is for colleagues only.
    """

    type: ClassVar[str] = "ticket.transfer"

    queue_id: Id | None = None
    user_id: Id | None = None
    note: Text | None = Field(None, repr=False)


class TicketClose(TicketRequest):
    """The conversation is over; unless `silent`, the contact is asked to rate it where so set."""

    type: ClassVar[str] = "ticket.close"

    silent: bool = False


class TicketView(TicketRequest):
    """A user has the conversation before his eyes: what the contact wrote so far is read."""

    type: ClassVar[str] = "ticket.view"


class TicketRate(TicketRequest):
    """The contact's mark, given elsewhere than in the chat; it ends the wait for one."""

    type: ClassVar[str] = "ticket.rate"

    rate: Annotated[int, Field(ge=0, le=10)]


class TicketNote(TicketRequest):
    """What a user wants to remember about the ticket; the contact never sees it."""

    type: ClassVar[str] = "ticket.note"

    note: Name = Field(repr=False)


class TicketTag(TicketRequest):
    """The ticket is to wear these tags beside those that it wears."""

    type: ClassVar[str] = "ticket.tag"

    tag_ids: Tags


class TicketUntag(TicketRequest):
    """The ticket is no longer to wear these tags; a lane among them is left."""

    type: ClassVar[str] = "ticket.untag"

    tag_ids: Tags


class TicketMove(TicketRequest):
    """The ticket is to stand in a lane of the kanban board, and in no other; null: in none."""

    type: ClassVar[str] = "ticket.move"

    lane_id: Id | None
