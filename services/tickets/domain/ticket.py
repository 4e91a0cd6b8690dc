"""A ticket, its transitions with the rows they add, and rules shared by the use cases."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.tickets.domain.keys import ConversationKey, TicketKey
from services.tickets.domain.policy import Policy
from shared.contracts.ticket import TicketChanged

OPEN, PENDING, CLOSED, GROUP, NPS, LGPD = "open", "pending", "closed", "group", "nps", "lgpd"
INSTANT = timedelta(microseconds=1)  # versions are microseconds


@dataclass(frozen=True, slots=True)
class Attendance:
    """A row of "TicketTraking"; a new one has no id."""

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


@dataclass(frozen=True, slots=True, order=True)
class Tag:
    """A tag of a ticket, or the kanban lane that it is in."""

    id: int
    is_lane: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A row of "Tickets"; a new one has a negative id until it is saved.

    The fields from `chat` on come from other tables. Statements that do not load them leave the
    defaults; saving writes only fields that a transition changed.
    """

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
    is_imported: bool = False
    chat: str = ""
    is_connected: bool = True
    is_bot_disabled: bool = False
    last_message_at: datetime | None = None
    attendance: Attendance | None = None
    tags: frozenset[Tag] = frozenset()
    policy: Policy = field(default_factory=Policy)

    @property
    def key(self) -> TicketKey:
        """Return the key of the row."""
        return TicketKey(self.company_id, self.id)

    @property
    def conversation(self) -> ConversationKey:
        """Return the key of its conversation."""
        return ConversationKey(self.company_id, self.whatsapp_id, self.contact_id)

    @property
    def open_attendance(self) -> Attendance:
        """Return the attendance that is not finished, or a new one."""
        return self.attendance or Attendance(user_id=self.user_id, queue_id=self.queue_id)


@dataclass(frozen=True, slots=True)
class Log:
    """A row of "LogTickets"; its types are in docs/data-model.md."""

    type: str
    user_id: int | None = None
    queue_id: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A note that a user wrote about a ticket."""

    user_id: int | None
    text: str


@dataclass(frozen=True, slots=True)
class AutoReply:
    """A text to the contact or, if private, to colleagues; `purpose` is part of its id."""

    purpose: str
    body: str
    is_private: bool = False


@dataclass(frozen=True, slots=True)
class Transition:
    """A ticket after one change, with the rows and replies that belong to the change.

    A ticket that is continued by another one has a `successor`, if that is new, or the
    `successor_id` of an existing ticket.
    """

    ticket: Ticket
    fact: type[TicketChanged]
    logs: tuple[Log, ...] = ()
    finished: Attendance | None = None
    rate: int | None = None
    note: Note | None = None
    successor: Ticket | None = None
    successor_id: int | None = None
    seen_until: datetime | None = None
    consented_at: datetime | None = None
    auto_replies: tuple[AutoReply, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why a request is refused, as a sentence."""

    reason: str
    other_ticket_id: int | None = None


Decision = list[Transition] | Refusal


def build_auto_reply(purpose: str, body: str) -> tuple[AutoReply, ...]:
    """Return a tuple with the auto-reply, or an empty one if the text is blank."""
    return (AutoReply(purpose, body),) if body.strip() else ()


def next_change_at(updated_at: datetime, now: datetime) -> datetime:
    """Return the time of the next change: now, but at least 1 µs after the last one."""
    return max(now, updated_at + INSTANT)


def choose_waiting_status(*, is_group: bool, group_as_ticket: bool) -> str:
    """Return `group` for a group's ticket, unless groupAsTicket is enabled; else `pending`."""
    return GROUP if is_group and not group_as_ticket else PENDING


def may_ask_contact(ticket: Ticket) -> bool:
    """Return whether auto-replies may ask this contact questions."""
    if ticket.status in {NPS, LGPD}:
        return True
    is_unattended = ticket.status == PENDING and ticket.user_id is None
    return is_unattended and not ticket.is_group and not ticket.is_imported


def may_offer_queues(ticket: Ticket) -> bool:
    """Return whether the contact may be asked to choose a queue."""
    is_waiting = ticket.status == PENDING and may_ask_contact(ticket)
    return is_waiting and ticket.queue_id is None and not ticket.is_bot_disabled


def may_discard(ticket: Ticket) -> bool:
    """Return whether a ticket may be discarded if it has no messages."""
    return ticket.status in {PENDING, GROUP, LGPD, OPEN}
