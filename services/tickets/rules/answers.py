"""What a contact answers to what was asked: a mark, consent, a queue (schema.md 5)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.tickets.rules.plan import Plan, TicketKey
from services.tickets.rules.steps import INSTANT, end, farewell, put_into, rate
from services.tickets.rules.tickets import LGPD, NPS, PENDING, Log, Queue, Step, Ticket, said
from shared.contracts.message import MessageStored
from shared.contracts.ticket import TicketUpdated

MARK = re.compile(r"(?<![\d.,])(10|\d)(?!\d|[.,]\d)")
YES, NO = "1", "2"
CHOICE = f"{YES} - Sim\n{NO} - Não"
LEAVE = "sair"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a contact wrote at about the time of the question, or later.

    An answer is what is new; how often was answered is counted over all that came after, so that
    hearing something twice counts once.
    """

    body: str
    is_new: bool = True
    is_after: bool = True


def asked_at(ticket: Ticket) -> datetime | None:
    """When the contact was asked what the ticket waits for; None where that is still to be done."""
    if ticket.status == LGPD:
        return ticket.consent_asked_at
    if ticket.status == NPS:
        return ticket.attended.closed_at or ticket.updated_at
    return ticket.attended.chatbot_at


def messages_of(batch: Iterable[object]) -> dict[int, TicketKey]:
    """Name the messages of contacts that were stored, and their tickets."""
    return {
        event.message_id: (event.company_id, event.ticket_id)
        for event in batch
        if isinstance(event, MessageStored) and not event.from_me
    }


def take_answers(plan: Plan, heard: Mapping[TicketKey, Sequence[Heard]]) -> None:
    """Let tickets that wait for an answer go on, or ask, or ask again."""
    for key, ticket in sorted(plan.tickets.items()):
        words, at = heard.get(key, ()), plan.at(key)
        if ticket.status == NPS:
            plan.take(None, None, _mark(ticket, words, at))
        elif ticket.status == LGPD:
            plan.take(None, None, _consent(ticket, words, at))
        elif ticket.status == PENDING:
            plan.take(None, None, _waits(ticket, words, at))


def mark_in(words: str) -> int | None:
    """Find the first number from 0 to 10."""
    found = MARK.search(words)
    return int(found[1]) if found else None


def _mark(ticket: Ticket, heard: Sequence[Heard], at: datetime) -> list[Step]:
    for answer in _new(heard):
        mark = mark_in(answer)
        if mark is not None:
            return [rate(ticket, mark, at)]
    questions = min(1 + _number(heard), ticket.wants.most_rating_questions)
    if questions <= ticket.rating_questions:
        return []
    again = replace(ticket, rating_questions=questions, updated_at=at)
    return [Step(again, TicketUpdated, says=said("rating", ticket.wants.words.rating))]


def _consent(ticket: Ticket, heard: Sequence[Heard], at: datetime) -> list[Step]:
    answers = [answer for answer in _new(heard) if answer in {YES, NO}]
    if ticket.consent_asked_at and answers:
        if answers[0] == NO:
            return [end(ticket, at)]
        going_on = replace(ticket, status=PENDING, consented_at=at, bot_questions=0, updated_at=at)
        step = Step(going_on, TicketUpdated, (Log(PENDING),), consented_at=at)
        return [step, *_waits(going_on, (), at + INSTANT)]
    questions = _questions(ticket, heard, ticket.consent_asked_at)
    if questions is None:
        return []
    asking = replace(
        ticket,
        consent_asked_at=ticket.consent_asked_at or at,
        bot_questions=questions,
        updated_at=at,
    )
    text = f"{ticket.wants.words.consent}\n\n{CHOICE}".strip()
    return [Step(asking, TicketUpdated, says=said("consent", text))]


def _waits(ticket: Ticket, heard: Sequence[Heard], at: datetime) -> list[Step]:
    """Say once that nobody is there, or ask for a queue; a user who has the ticket does himself."""
    if ticket.user_id is not None:
        return []
    is_out = not ticket.wants.hours.include(at)
    if is_out and not ticket.is_out_of_hours:
        used = ticket.bot_questions + 1
        out = replace(ticket, is_out_of_hours=True, bot_questions=used, updated_at=at)
        words = said("out-of-hours", ticket.wants.words.out_of_hours)
        return [Step(out, TicketUpdated, says=words)]
    if is_out or ticket.queue_id is not None or not ticket.wants.menu:
        return []
    return _choice(replace(ticket, is_out_of_hours=False), heard, at)


def _choice(ticket: Ticket, heard: Sequence[Heard], at: datetime) -> list[Step]:
    """Put the ticket into the queue whose place on the list was answered, or the only one."""
    asked, menu = ticket.attended.chatbot_at, ticket.wants.menu
    if len(menu) == 1:
        return _chosen(ticket, menu[0], at)
    places = {str(place): queue for place, queue in enumerate(menu, start=1)}
    for answer in _new(heard) if asked else ():
        if answer.casefold() == LEAVE:
            return [replace(end(ticket, at), says=farewell(ticket))]
        if queue := places.get(answer):
            return _chosen(ticket, queue, at)
    questions = _questions(ticket, heard, asked)
    if questions is None or (asked and at - asked < ticket.wants.bot_is_silent):
        return []
    attendance = replace(ticket.attended, chatbot_at=asked or at)
    asking = replace(ticket, bot_questions=questions, updated_at=at, attendance=attendance)
    listed = "\n".join(f"{place} - {queue.name}" for place, queue in places.items())
    text = f"{ticket.wants.words.greeting}\n\n{listed}".strip()
    logs = () if asked else (Log("chatBot"),)
    return [Step(asking, TicketUpdated, logs, says=said("menu", text))]


def _chosen(ticket: Ticket, queue: Queue, at: datetime) -> list[Step]:
    step = put_into(ticket, queue.id, at, Log("queue"))
    step = replace(step, says=said("greeting", queue.greeting))
    return [step, end(step.ticket, at + INSTANT)] if queue.closes else [step]


def _questions(ticket: Ticket, heard: Sequence[Heard], asked: datetime | None) -> int | None:
    """Say how often will have been asked; None where it has been, as often as it may be."""
    if asked is None:
        return 1
    questions = min(1 + _number(heard), ticket.wants.most_bot_questions)
    return questions if questions > ticket.bot_questions else None


def _new(heard: Sequence[Heard]) -> list[str]:
    return [answer.body.strip() for answer in heard if answer.is_new]


def _number(heard: Sequence[Heard]) -> int:
    return sum(answer.is_after for answer in heard)
