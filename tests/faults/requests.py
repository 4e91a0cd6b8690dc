"""What a round's back office asks for: steps of its tickets, and messages to be sent.

Each request names itself, so that its answer is known again; some are repeated, some are refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any

from shared.contracts.base import Request
from shared.contracts.message_request import MessageCompose
from shared.contracts.ticket_request import (
    TicketAccept,
    TicketClose,
    TicketNote,
    TicketQueue,
    TicketReturn,
    TicketTransfer,
)
from shared.demo.records import Raw, Topics, own_record
from shared.demo.rubbish import NO_SUCH_LINE, NOWHERE, UNREADABLE
from tests.faults.desk import Desk, Held

STEPS_SHARE, COMPOSED_SHARE = 0.12, 0.08  # requests for every gateway event of a round
AGAIN_SHARE = 0.25  # of requests, asked once more
LOST_SHARE = 0.05  # of requests, about a ticket that is not there
SENT, FAILED, UNKNOWN = "sent", "failed", "unknown"
ENDS = ((SENT,), (SENT, SENT), (UNKNOWN, SENT), (FAILED,), (FAILED, FAILED), (UNKNOWN,))
WEIGHTS = (5, 2, 2, 1, 1, 1)

Members = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a gateway tells of one send: its answers in order, the rest at any time.

    `wid` is None where the gateway calls the message as it was asked to.
    """

    answers: tuple[str, ...]
    wid: str | None
    acks: tuple[int, ...]
    has_echo: bool
    seed: int  # of the order

    @property
    def ack(self) -> int:
        """How far the message must have come in the end."""
        if SENT in self.answers:
            return max((1, *self.acks))
        return -1 if FAILED in self.answers else 0


@dataclass(frozen=True, slots=True)
class Requests:
    """The records that ask, and the reply to each send, by the words that are sent."""

    records: tuple[Raw, ...] = ()
    replies: Mapping[str, Reply] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Office:
    """What requests are written with."""

    random: Random
    topics: Topics
    name: str
    now: datetime


def write(office: Office, desk: Desk, events: int) -> Requests:
    """Ask for steps and messages; the same random source and desk give the same."""
    random, records, replies = office.random, [], dict[str, Reply]()
    for number in range(max(6, round(events * STEPS_SHARE))):
        step = _step(office, random.choice(desk.tickets), number)
        records.append(_record(office, step))
    for number in range(max(3, round(events * COMPOSED_SHARE))):
        held = random.choice(desk.tickets)
        compose = _compose(office, held, number)
        records.append(_record(office, compose))
        if not compose.is_private and compose.ticket_id != NOWHERE:
            replies[compose.body] = _reply(random, held)
    records += [raw for raw in records if random.random() < AGAIN_SHARE]
    return Requests((*records, *_spoiled(office, desk.tickets[0])), replies)


def _step(office: Office, held: Held, number: int) -> Request:
    random = office.random
    is_lost = random.random() < LOST_SHARE
    about = {
        "company_id": held.place.company_id,
        "request_id": f"step-{office.name}-{number}",
        "ticket_id": NOWHERE if is_lost else held.id,
        "actor_id": random.choice(held.users),
    }
    possible = [_accept, _accept, _return, _queue, _transfer, _note]
    possible += [_close, _close] if held.may_be_closed else []
    return random.choice(possible)(random, held, about)


def _accept(random: Random, held: Held, about: Members) -> Request:
    queue = random.choice((None, *held.queues))
    return TicketAccept(**about, user_id=random.choice(held.users), queue_id=queue)


def _return(_: Random, __: Held, about: Members) -> Request:
    return TicketReturn(**about)


def _queue(random: Random, held: Held, about: Members) -> Request:
    return TicketQueue(**about, queue_id=random.choice(held.queues))


def _transfer(random: Random, held: Held, about: Members) -> Request:
    queue = random.choice(held.queues)
    return TicketTransfer(**about, queue_id=queue, user_id=random.choice((None, *held.users)))


def _note(_: Random, __: Held, about: Members) -> Request:
    return TicketNote(**about, note="Prefere falar de manhã.")


def _close(_: Random, __: Held, about: Members) -> Request:
    return TicketClose(**about)


def _compose(office: Office, held: Held, number: int) -> MessageCompose:
    random = office.random
    by_chat = not held.may_be_closed and random.random() < 0.5
    is_lost = random.random() < LOST_SHARE
    return MessageCompose(
        company_id=held.place.company_id,
        whatsapp_id=held.place.whatsapp_id,
        request_id=f"compose-{office.name}-{number}",
        chat=held.person.chat,
        ticket_id=NOWHERE if is_lost else None if by_chat else held.id,
        body=f"Resposta {number} da rodada {office.name}",
        is_private=random.random() < 0.15,
        user_id=random.choice(held.users),
    )


def _reply(random: Random, held: Held) -> Reply:
    answers = random.choices(ENDS, WEIGHTS)[0]
    is_sent = SENT in answers
    return Reply(
        answers=answers,
        wid=f"3EB3{random.getrandbits(72):018X}" if is_sent and random.random() < 0.7 else None,
        acks=random.choice(((), (2,), (2, 3), (3,))) if is_sent else (),
        has_echo=is_sent and not held.may_be_closed and random.random() < 0.7,
        seed=random.getrandbits(32),
    )


def _record(office: Office, request: Request) -> Raw:
    return own_record(office.topics, request, request.request_id, office.now)


def _spoiled(office: Office, held: Held) -> Iterator[Raw]:
    """Ask on a line that is not there, and what nobody can read."""
    good = _compose(office, held, -1)
    yield replace(
        _record(office, good.model_copy(update={"whatsapp_id": NOWHERE})), dead=NO_SUCH_LINE
    )
    step = TicketReturn(company_id=held.place.company_id, request_id="-", ticket_id=held.id)
    yield replace(_record(office, step), value=b"isto nao e JSON", dead=UNREADABLE)
