"""The planned changes of a batch: rows to save, facts, and answers to requests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import BaseModel

from services.tickets.domain.keys import ConversationKey, RowKey, TicketKey
from services.tickets.domain.ticket import (
    CLOSED,
    Attendance,
    Log,
    Refusal,
    Tag,
    Ticket,
    Transition,
    next_change_at,
)
from shared.contracts.outcome import Outcome
from shared.contracts.ticket import TicketOpened


@dataclass(frozen=True, slots=True)
class AttendanceRow:
    """An attendance to be saved; `ticket_id` is negative if the ticket is new."""

    company_id: int
    ticket_id: int
    whatsapp_id: int
    attendance: Attendance


@dataclass(frozen=True, slots=True)
class LogRow:
    """A row of "LogTickets" to be appended."""

    company_id: int
    ticket_id: int
    log: Log


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A row of "TicketNotes" to be added."""

    company_id: int
    ticket_id: int
    contact_id: int
    user_id: int | None
    note: str


@dataclass(frozen=True, slots=True)
class RatingRow:
    """A row of "UserRatings" to be added."""

    company_id: int
    ticket_id: int
    user_id: int | None
    rate: int


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket to be inserted, and the columns that are only set by the INSERT.

    With a `predecessor_id`, channel and last message are copied from that ticket.
    `is_active_demand`: a user, not the contact, opened it.
    """

    ticket: Ticket
    predecessor_id: int | None = None
    channel: str = "whatsapp"
    lid: str | None = None
    jid: str | None = None
    is_active_demand: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A transition or refusal with its cause: an event, a request, or None for a timer."""

    cause: BaseModel | None
    request_id: str | None
    key: TicketKey
    change: Transition | Refusal


@dataclass(slots=True)
class Plan:
    """Tickets before and after the changes of a batch, and everything to save and publish.

    `live` maps a conversation to its ticket that is not closed. `became` maps a closed ticket to
    its stored successor; `successors` has the successors that this batch adds.
    """

    tickets: dict[TicketKey, Ticket]
    live: dict[ConversationKey, int]
    now: datetime
    became: Mapping[TicketKey, int] = field(default_factory=dict)
    before: Mapping[TicketKey, Ticket] = field(init=False)
    new: dict[int, NewTicket] = field(default_factory=dict)
    finished: list[AttendanceRow] = field(default_factory=list)
    logs: list[LogRow] = field(default_factory=list)
    successors: dict[TicketKey, int] = field(default_factory=dict)
    notes: list[NoteRow] = field(default_factory=list)
    ratings: list[RatingRow] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    outcome: Outcome = field(default_factory=list)
    removed_tags: set[tuple[TicketKey, Tag]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.before = dict(self.tickets)

    def next_change_at(self, key: TicketKey) -> datetime:
        """Return the time of a ticket's next transition."""
        return next_change_at(self.tickets[key].updated_at, self.now)

    def find_live(self, conversation: ConversationKey) -> Ticket | None:
        """Return the not-closed ticket of a conversation, loaded or new."""
        ticket_id = self.live.get(conversation)
        if ticket_id is None:
            return None
        if ticket_id in self.new:
            return self.new[ticket_id].ticket
        return self.tickets.get(TicketKey(conversation.company_id, ticket_id))

    def begin(self, new: NewTicket, log: Log, cause: BaseModel | None = None) -> Ticket:
        """Add a new ticket; return it with a temporary negative id."""
        ticket = self._add(new, log)
        self.results.append(Result(cause, None, ticket.key, Transition(ticket, TicketOpened)))
        return ticket

    def apply(
        self,
        transitions: Iterable[Transition],
        cause: BaseModel | None = None,
        request_id: str | None = None,
    ) -> None:
        """Apply the next transitions of a ticket."""
        for decided in transitions:
            transition = self._with_successor(decided)
            ticket = transition.ticket
            self.removed_tags |= {
                (ticket.key, tag) for tag in self.tickets[ticket.key].tags - ticket.tags
            }
            self.tickets[ticket.key] = ticket
            self.results.append(Result(cause, request_id, ticket.key, transition))
            self._add_rows(transition)

    def _add_rows(self, done: Transition) -> None:
        ticket, key = done.ticket, done.ticket.key
        self.logs += [LogRow(*key, log) for log in done.logs]
        if done.note:
            self.notes.append(NoteRow(*key, ticket.contact_id, done.note.user_id, done.note.text))
        if done.finished:
            self.finished.append(_build_attendance_row(ticket, done.finished))
        if done.successor_id is not None:
            self.successors[key] = done.successor_id
        if done.rate is not None:
            user_id = done.finished.user_id if done.finished else ticket.user_id
            self.ratings.append(RatingRow(*key, user_id, done.rate))

    def _with_successor(self, transition: Transition) -> Transition:
        """Update `live`; return the transition with the temporary id of a new successor."""
        ticket = transition.ticket
        if ticket.status != CLOSED:
            self.live[ticket.conversation] = ticket.id
        elif self.live.get(ticket.conversation) == ticket.id:
            del self.live[ticket.conversation]
        if not transition.successor:
            return transition
        log = Log("receivedTransfer", transition.successor.user_id, transition.successor.queue_id)
        successor = self._add(NewTicket(transition.successor, predecessor_id=ticket.id), log)
        return replace(transition, successor=successor, successor_id=successor.id)

    def _add(self, new: NewTicket, log: Log) -> Ticket:
        ticket = replace(new.ticket, id=-len(self.new) - 1)
        self.new[ticket.id] = replace(new, ticket=ticket)
        self.live[ticket.conversation] = ticket.id
        self.logs.append(LogRow(*ticket.key, log))
        return ticket

    @property
    def changed(self) -> list[Ticket]:
        """Return the loaded tickets that were changed, in id order."""
        return [
            ticket for key, ticket in sorted(self.tickets.items()) if ticket != self.before[key]
        ]

    @property
    def retagged(self) -> list[Ticket]:
        """Return the loaded tickets whose tags were changed, in id order."""
        return [ticket for ticket in self.changed if ticket.tags != self.before[ticket.key].tags]

    @property
    def readded_tags(self) -> list[tuple[TicketKey, RowKey]]:
        """Return tags that were removed and added again; for a lane, its timer starts again."""
        return sorted(
            (key, RowKey(key.company_id, tag.id))
            for key, tag in self.removed_tags
            if tag in self.before[key].tags and tag in self.tickets[key].tags
        )

    @property
    def attendances(self) -> list[AttendanceRow]:
        """Return new, changed and finished attendances; the finished ones come first."""
        unfinished = [
            _build_attendance_row(ticket, ticket.attendance)
            for ticket in (*self.changed, *(new.ticket for new in self.new.values()))
            if ticket.attendance and ticket.attendance != self._attendance_before(ticket)
        ]
        return [*self.finished, *unfinished]

    def _attendance_before(self, ticket: Ticket) -> Attendance | None:
        before = self.before.get(ticket.key)
        return before.attendance if before else None


def build_plan(tickets: Iterable[Ticket], now: datetime) -> Plan:
    """Return a plan without changes for tickets that are loaded with all fields."""
    loaded = {ticket.key: ticket for ticket in tickets}
    live = {t.conversation: t.id for t in loaded.values() if t.status != CLOSED}
    return Plan(loaded, live, now)


def _build_attendance_row(ticket: Ticket, attendance: Attendance) -> AttendanceRow:
    return AttendanceRow(ticket.company_id, ticket.id, ticket.whatsapp_id, attendance)
