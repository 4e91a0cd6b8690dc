"""What the life-cycle knows of a ticket, and what a step of it leaves behind."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.tickets.rules.hours import Hours
from services.tickets.rules.routing import ConversationKey
from shared.contracts.ticket import TicketChanged

OPEN, PENDING, CLOSED, GROUP, NPS, LGPD = "open", "pending", "closed", "group", "nps", "lgpd"


@dataclass(frozen=True, slots=True)
class Attendance:
    """One pass through a ticket, a row of "TicketTraking"; one that begins now has no id."""

    id: int | None = None
    user_id: int | None = None
    queue_id: int | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    closed_at: datetime | None = None
    finished_at: datetime | None = None
    rating_at: datetime | None = None
    rated: bool = False
    chatbot_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What is to be said to the contact on occasions; empty where nothing is."""

    rating: str = ""
    farewell: str = ""
    completion: str = ""
    transfer: str = ""
    inactive: str = ""
    expired: str = ""
    consent: str = ""
    greeting: str = ""
    accepted: str = ""
    out_of_hours: str = ""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue that a contact may choose."""

    id: int
    name: str
    greeting: str = ""
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Wants:
    """What the company and the line want to happen."""

    asks_rating: bool = False
    closes_on_transfer: bool = False
    bids_farewell_to_waiting: bool = False
    most_rating_questions: int = 0
    most_bot_questions: int = 0
    bot_is_silent: timedelta = timedelta(0)
    menu: tuple[Queue, ...] = ()
    hours: Hours = field(default_factory=Hours)
    words: Words = Words()


@dataclass(frozen=True, slots=True, order=True)
class Tag:
    """A label that a ticket may wear, or a lane of the kanban board where it may stand."""

    id: int
    is_lane: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A row of "Tickets" with its open attendance; a new one has a negative id for now."""

    id: int
    company_id: int
    whatsapp_id: int
    contact_id: int
    status: str
    user_id: int | None
    queue_id: int | None
    is_group: bool
    unread_messages: int
    updated_at: datetime
    closed_at: datetime | None = None
    rating_questions: int = 0
    bot_questions: int = 0
    consent_asked_at: datetime | None = None
    consented_at: datetime | None = None
    is_warned: bool = False
    is_out_of_hours: bool = False
    chat: str = ""
    is_connected: bool = True
    last_message_at: datetime | None = None
    attendance: Attendance | None = None
    tags: frozenset[Tag] = frozenset()
    wants: Wants = Wants()

    @property
    def key(self) -> ConversationKey:
        """One not-closed ticket at most has it."""
        return self.company_id, self.whatsapp_id, self.contact_id

    @property
    def attended(self) -> Attendance:
        """The open attendance, or one that begins now."""
        return self.attendance or Attendance(user_id=self.user_id, queue_id=self.queue_id)


@dataclass(frozen=True, slots=True)
class Log:
    """A row of "LogTickets" (types: schema.md 3)."""

    type: str
    user_id: int | None = None
    queue_id: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What a user wrote about a ticket."""

    user_id: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """Words to the contact, or, where private, to colleagues; `purpose` makes their id."""

    purpose: str
    body: str
    is_private: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A ticket after a change, and what goes with it."""

    ticket: Ticket
    fact: type[TicketChanged]
    logs: tuple[Log, ...] = ()
    finished: Attendance | None = None
    rate: int | None = None
    note: Note | None = None
    successor: Ticket | None = None
    goes_on_as: int | None = None
    seen_until: datetime | None = None
    consented_at: datetime | None = None
    says: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not granted, as a sentence."""

    reason: str
    other_ticket_id: int | None = None


def said(purpose: str, body: str) -> tuple[Said, ...]:
    """Say something, if there is something to say."""
    return (Said(purpose, body),) if body.strip() else ()
