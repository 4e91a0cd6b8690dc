"""What a batch makes of its tickets: the steps of each, summed up to one row.

No clock, no database: the time is the database's, and new tickets have negative ids for now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import BaseModel

from services.tickets.rules.routing import ConversationKey
from services.tickets.rules.steps import INSTANT
from services.tickets.rules.tickets import CLOSED, Attendance, Log, Refusal, Step, Tag, Ticket
from shared.contracts.outcome import Outcome

TicketKey = tuple[int, int]  # companyId, ticket's id


@dataclass(frozen=True, slots=True)
class AttendanceRow:
    """An attendance as it will be; `ticket_id` is negative where the ticket is new."""

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
class Successor:
    """A ticket that was closed, and the new one that it goes on as."""

    old: Ticket
    new: Ticket


@dataclass(frozen=True, slots=True)
class Answer:
    """A step or a refusal, what asked for it, and the number of the request where one did."""

    cause: BaseModel | None
    request_id: str | None
    key: TicketKey
    result: Step | Refusal


@dataclass(slots=True)
class Plan:
    """Tickets as they are, as they become, and all that is to be saved and told.

    `live` is each conversation's not-closed ticket; `successors` those that closed ones go on as.
    """

    tickets: dict[TicketKey, Ticket]
    live: dict[ConversationKey, int]
    now: datetime
    before: Mapping[TicketKey, Ticket] = field(init=False)
    new: dict[int, Successor] = field(default_factory=dict)
    finished: list[AttendanceRow] = field(default_factory=list)
    logs: list[LogRow] = field(default_factory=list)
    successors: dict[TicketKey, int] = field(default_factory=dict)
    notes: list[NoteRow] = field(default_factory=list)
    ratings: list[RatingRow] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    outcome: Outcome = field(default_factory=list)
    taken_off: set[tuple[TicketKey, Tag]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.before = dict(self.tickets)

    def at(self, key: TicketKey) -> datetime:
        """When the ticket's next step is: now, and later than its last one."""
        return max(self.now, self.tickets[key].updated_at + INSTANT)

    def take(self, cause: BaseModel | None, request_id: str | None, steps: Iterable[Step]) -> None:
        """Do a ticket's next steps."""
        for step in steps:
            done = self._with_successor(step)
            ticket = done.ticket
            key = (ticket.company_id, ticket.id)
            self.taken_off |= {(key, tag) for tag in self.tickets[key].tags - ticket.tags}
            self.tickets[key] = ticket
            self.answers.append(Answer(cause, request_id, key, done))
            self._note_down(done)

    def _note_down(self, done: Step) -> None:
        ticket = done.ticket
        key = (ticket.company_id, ticket.id)
        self.logs += [LogRow(*key, log) for log in done.logs]
        if done.note:
            self.notes.append(NoteRow(*key, ticket.contact_id, done.note.user_id, done.note.text))
        if done.finished:
            self.finished.append(_row(ticket, done.finished))
        if done.goes_on_as is not None:
            self.successors[key] = done.goes_on_as
        if done.rate is not None:
            user_id = done.finished.user_id if done.finished else ticket.user_id
            self.ratings.append(RatingRow(*key, user_id, done.rate))

    def _with_successor(self, step: Step) -> Step:
        """Give a successor its number for now, and the conversation to the one that is alive."""
        ticket = step.ticket
        if ticket.status != CLOSED:
            self.live[ticket.key] = ticket.id
        elif self.live.get(ticket.key) == ticket.id:
            del self.live[ticket.key]
        if not step.successor:
            return step
        new = replace(step.successor, id=-len(self.new) - 1)
        self.new[new.id] = Successor(ticket, new)
        self.live[new.key] = new.id
        log = Log("receivedTransfer", new.user_id, new.queue_id)
        self.logs.append(LogRow(new.company_id, new.id, log))
        return replace(step, successor=new, goes_on_as=new.id)

    @property
    def changed(self) -> list[Ticket]:
        """The known tickets whose rows differ now, in id order."""
        return [
            ticket for key, ticket in sorted(self.tickets.items()) if ticket != self.before[key]
        ]

    @property
    def retagged(self) -> list[Ticket]:
        """The known tickets that wear other tags now, in id order."""
        return [
            ticket
            for ticket in self.changed
            if ticket.tags != self.before[ticket.company_id, ticket.id].tags
        ]

    @property
    def returned(self) -> list[tuple[TicketKey, int]]:
        """The tags that tickets were without for a while, which is another stay in a lane."""
        return sorted(
            (key, tag.id)
            for key, tag in self.taken_off
            if tag in self.before[key].tags and tag in self.tickets[key].tags
        )

    @property
    def attendances(self) -> list[AttendanceRow]:
        """Every attendance that began, changed or ended; the ended ones come first."""
        going_on = [
            _row(ticket, ticket.attendance)
            for ticket in (*self.changed, *(both.new for both in self.new.values()))
            if ticket.attendance and ticket.attendance != self._attendance_before(ticket)
        ]
        return [*self.finished, *going_on]

    def _attendance_before(self, ticket: Ticket) -> Attendance | None:
        before = self.before.get((ticket.company_id, ticket.id))
        return before.attendance if before else None


def _row(ticket: Ticket, attendance: Attendance) -> AttendanceRow:
    return AttendanceRow(ticket.company_id, ticket.id, ticket.whatsapp_id, attendance)
