"""Rules for contacts' replies to questions of the system: rating, consent, queue."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.tickets.domain.keys import TicketKey
from services.tickets.domain.lateness import is_late
from services.tickets.domain.plan import Plan
from services.tickets.domain.policy import Queue
from services.tickets.domain.ticket import (
    INSTANT,
    LGPD,
    NPS,
    PENDING,
    Log,
    Ticket,
    Transition,
    build_auto_reply,
    may_ask_contact,
    may_offer_queues,
)
from services.tickets.domain.transitions import build_farewell, end, put_into_queue, rate
from shared.contracts.message import CONTENT, MessageStored, MessageUpdated
from shared.contracts.ticket import TicketUpdated

MARK = re.compile(r"(?<![\d.,])(10|\d)(?!\d|[.,]\d)")
YES, NO = "1", "2"
CHOICE = f"{YES} - Sim\n{NO} - Não"
LEAVE = "sair"


@dataclass(frozen=True, slots=True)
class Reply:
    """A message of a contact from about the time of the question, or later.

    `choice` is the id of the button or row that it chose. Only a new message (`is_new`) is a reply.
    Repetitions of the question are limited by the number of all messages after it (`is_after`), so
    that a message that is consumed twice counts once.
    """

    body: str
    is_new: bool = True
    is_after: bool = True
    choice: str = ""


@dataclass(slots=True)
class NewReplies:
    """Contacts' messages of a batch that may be replies, by id, with their tickets.

    `contents` are the messages whose content has replaced a placeholder. They are replies if they
    were written after the question, and are no reason to ask: the placeholder was. `choices` are
    the ids of the buttons and rows that messages chose.
    """

    messages: dict[int, TicketKey] = field(default_factory=dict)
    contents: dict[int, TicketKey] = field(default_factory=dict)
    choices: dict[int, str] = field(default_factory=dict)

    def select(self, keys: Collection[TicketKey]) -> "NewReplies":
        """Return the messages of these tickets."""
        messages, contents = (
            {m: key for m, key in of.items() if key in keys}
            for of in (self.messages, self.contents)
        )
        return NewReplies(messages, contents, self.choices)

    @property
    def tickets(self) -> set[TicketKey]:
        """Return the keys of their tickets."""
        return {*self.messages.values(), *self.contents.values()}


def get_asked_at(ticket: Ticket) -> datetime | None:
    """Return when the contact was asked for what the ticket waits for; None if not yet."""
    if ticket.status == LGPD:
        return ticket.consent_asked_at
    if ticket.status == NPS:
        return ticket.open_attendance.closed_at or ticket.updated_at
    return ticket.open_attendance.chatbot_at


def list_contact_messages(batch: Iterable[object], late_after: timedelta) -> NewReplies:
    """Return contacts' new messages and contents, without those that are late."""
    new = NewReplies()
    for event in batch:
        if not isinstance(event, MessageStored | MessageUpdated) or _is_late(event, late_after):
            continue
        key = TicketKey(event.company_id, event.ticket_id)
        if isinstance(event, MessageUpdated):
            if CONTENT in event.changes:
                new.contents[event.message_id] = key
        elif not event.from_me:
            new.messages[event.message_id] = key
            if event.choice_id:
                new.choices[event.message_id] = event.choice_id
    return new


def _is_late(event: MessageStored | MessageUpdated, late_after: timedelta) -> bool:
    return event.timestamp is not None and is_late(event.timestamp, event.received_at, late_after)


def apply_replies(
    plan: Plan,
    replies: Mapping[TicketKey, Sequence[Reply]],
    not_to_ask: Collection[TicketKey] = (),
) -> None:
    """Apply replies to tickets that wait for one; otherwise ask, or ask again.

    Tickets in `not_to_ask` have contents of placeholders but no new message: only an answer that
    they wait for has an effect.
    """
    for key, ticket in sorted(plan.tickets.items()):
        own, at = replies.get(key, ()), plan.next_change_at(key)
        answer = _find_answer(ticket, own)
        if not may_ask_contact(ticket) or (key in not_to_ask and answer is None):
            continue
        if ticket.status == NPS:
            plan.apply(_apply_rating(ticket, answer, own, at))
        elif ticket.status == LGPD:
            plan.apply(_apply_consent(ticket, answer, own, at))
        else:
            plan.apply(_attend_waiting(ticket, answer, own, at))


def find_rating(text: str) -> int | None:
    """Return the first number from 0 to 10."""
    match = MARK.search(text)
    return int(match[1]) if match else None


def _find_answer(ticket: Ticket, replies: Sequence[Reply]) -> str | None:
    """Return the first new reply that the ticket waits for; None before its question."""
    if get_asked_at(ticket) is None:
        return None
    texts = (reply.body.strip() for reply in replies if reply.is_new)
    if ticket.status == NPS:
        return next((text for text in texts if find_rating(text) is not None), None)
    if ticket.status == LGPD:
        return next((text for text in texts if text in {YES, NO}), None)
    answers = {LEAVE, *_number_queues(ticket)}
    # The id of a button or row counts before its title.
    given = (text for reply in replies if reply.is_new for text in (reply.choice, reply.body))
    return next((answer for text in given if (answer := text.strip().casefold()) in answers), None)


def _number_queues(ticket: Ticket) -> dict[str, Queue]:
    return {str(number): queue for number, queue in enumerate(ticket.policy.menu, start=1)}


def _apply_rating(
    ticket: Ticket, answer: str | None, replies: Sequence[Reply], at: datetime
) -> list[Transition]:
    if answer is not None and (mark := find_rating(answer)) is not None:
        return [rate(ticket, mark, at)]
    questions = min(1 + _count_after(replies), ticket.policy.max_rating_questions)
    if questions <= ticket.rating_questions:
        return []
    again = replace(ticket, rating_questions=questions, updated_at=at)
    question = build_auto_reply("rating", ticket.policy.templates.rating)
    return [Transition(again, TicketUpdated, auto_replies=question)]


def _apply_consent(
    ticket: Ticket, answer: str | None, replies: Sequence[Reply], at: datetime
) -> list[Transition]:
    if answer is not None:
        return [end(ticket, at)] if answer == NO else _continue_with_consent(ticket, at)
    questions = _count_questions(ticket, replies, ticket.consent_asked_at)
    if questions is None:
        return []
    asking = replace(
        ticket,
        consent_asked_at=ticket.consent_asked_at or at,
        bot_questions=questions,
        updated_at=at,
    )
    text = f"{ticket.policy.templates.consent}\n\n{CHOICE}".strip()
    return [Transition(asking, TicketUpdated, auto_replies=build_auto_reply("consent", text))]


def _continue_with_consent(ticket: Ticket, at: datetime) -> list[Transition]:
    waiting = replace(ticket, status=PENDING, consented_at=at, bot_questions=0, updated_at=at)
    consented = Transition(waiting, TicketUpdated, (Log(PENDING),), consented_at=at)
    if not may_ask_contact(waiting):
        return [consented]
    return [consented, *_attend_waiting(waiting, None, (), at + INSTANT)]


def _attend_waiting(
    ticket: Ticket, answer: str | None, replies: Sequence[Reply], at: datetime
) -> list[Transition]:
    """Send the out-of-hours text once, or offer the queues."""
    is_out_of_hours = not ticket.policy.hours.include(at)
    if is_out_of_hours and not ticket.is_out_of_hours:
        questions = ticket.bot_questions + 1
        informed = replace(ticket, is_out_of_hours=True, bot_questions=questions, updated_at=at)
        reply = build_auto_reply("out-of-hours", ticket.policy.templates.out_of_hours)
        return [Transition(informed, TicketUpdated, auto_replies=reply)]
    if is_out_of_hours or not ticket.policy.menu or not may_offer_queues(ticket):
        return []
    return _offer_queues(replace(ticket, is_out_of_hours=False), answer, replies, at)


def _offer_queues(
    ticket: Ticket, answer: str | None, replies: Sequence[Reply], at: datetime
) -> list[Transition]:
    """Put the ticket into the line's only queue, or into the one the contact chose by number."""
    asked_at, menu = ticket.open_attendance.chatbot_at, ticket.policy.menu
    if len(menu) == 1:
        return _choose(ticket, menu[0], at)
    numbers = _number_queues(ticket)
    if answer == LEAVE:
        return [replace(end(ticket, at), auto_replies=build_farewell(ticket))]
    if answer is not None:
        return _choose(ticket, numbers[answer], at)
    questions = _count_questions(ticket, replies, asked_at)
    if questions is None or (asked_at and at - asked_at < ticket.policy.bot_pause):
        return []
    attendance = replace(ticket.open_attendance, chatbot_at=asked_at or at)
    asking = replace(ticket, bot_questions=questions, updated_at=at, attendance=attendance)
    listed = "\n".join(f"{number} - {queue.name}" for number, queue in numbers.items())
    text = f"{ticket.policy.templates.greeting}\n\n{listed}".strip()
    logs = () if asked_at else (Log("chatBot"),)
    return [Transition(asking, TicketUpdated, logs, auto_replies=build_auto_reply("menu", text))]


def _choose(ticket: Ticket, queue: Queue, at: datetime) -> list[Transition]:
    queued = put_into_queue(ticket, queue.id, at, Log("queue"))
    queued = replace(queued, auto_replies=build_auto_reply("greeting", queue.greeting))
    return [queued, end(queued.ticket, at + INSTANT)] if queue.closes else [queued]


def _count_questions(
    ticket: Ticket, replies: Sequence[Reply], asked_at: datetime | None
) -> int | None:
    """Return the number of questions including the next one; None if the limit is reached."""
    if asked_at is None:
        return 1
    questions = min(1 + _count_after(replies), ticket.policy.max_bot_questions)
    return questions if questions > ticket.bot_questions else None


def _count_after(replies: Sequence[Reply]) -> int:
    return sum(reply.is_after for reply in replies)
