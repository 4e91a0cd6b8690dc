"""Requests of a round: changes of tickets, and messages to send.

Each has a request id; some are repeated, some are refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any

from shared.contracts.base import Request
from shared.contracts.message_content import MessageTemplate
from shared.contracts.message_request import MessageCompose, MessageDelete, MessageEdit
from shared.contracts.ticket_request import (
    TicketAccept,
    TicketClose,
    TicketNote,
    TicketQueue,
    TicketReturn,
    TicketTransfer,
)
from shared.dev.demo.invalid_records import NO_SUCH_LINE, NOWHERE, UNREADABLE
from shared.dev.demo.records import SampleRecord, Topics, build_own_record
from shared.gateways.senders.outgoing import derive_wid
from tests.faults.ticket_fixtures import TicketFixture, TicketFixtures

TICKET_REQUESTS_SHARE, COMPOSED_SHARE = 0.12, 0.08  # requests per gateway event of a round
REPEATED_SHARE = 0.25  # of requests, published once more
TEMPLATE_SHARE, CHANGED_SHARE = 0.25, 0.4  # of messages to send; of sent ones, changed later
TEMPLATE: Mapping[str, Any] = {"name": "resposta", "language": "pt_BR"}
TEMPLATE_TEXT = "Modelo: {{1}}"
UNKNOWN_SHARE = 0.05  # of requests, about a ticket that does not exist
SENT, FAILED, UNKNOWN = "sent", "failed", "unknown"
ENDS = ((SENT,), (SENT, SENT), (UNKNOWN, SENT), (FAILED,), (FAILED, FAILED), (UNKNOWN,))
WEIGHTS = (5, 2, 2, 1, 1, 1)

Members = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A change of a composed message that is asked for once its send is answered."""

    request: MessageEdit | MessageDelete

    @property
    def send_id(self) -> str:
        """The send id of the change."""
        request = self.request
        return derive_wid(request.company_id, request.whatsapp_id, request.request_id)

    def apply(self, body: str) -> tuple[str, bool, bool]:
        """Return the text after it, and whether the message is edited and deleted then."""
        if isinstance(self.request, MessageEdit):
            return self.request.body, True, False
        return body, False, True


@dataclass(frozen=True, slots=True)
class Reply:
    """The planned reaction to one send: send results in this order, acks and echo at any time.

    `wid` is None where the gateway uses the send id as the message's wid.
    """

    answers: tuple[str, ...]
    wid: str | None
    acks: tuple[int, ...]
    has_echo: bool
    seed: int  # of the order
    change: PlannedChange | None = None

    @property
    def ack(self) -> int:
        """The ack that the message must have in the end."""
        if SENT in self.answers:
            return max((1, *self.acks))
        return -1 if FAILED in self.answers else 0


@dataclass(frozen=True, slots=True)
class Requests:
    """The records of the requests, and the reply to each send.

    A send is named by its body, that of a change by its send id.
    """

    records: tuple[SampleRecord, ...] = ()
    replies: Mapping[str, Reply] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The random source, topics, name and time of a round's requests."""

    random: Random
    topics: Topics
    name: str
    now: datetime


def write(context: RequestContext, fixtures: TicketFixtures, events: int) -> Requests:
    """Build requests; the same random source and fixtures give the same."""
    random, records, replies = context.random, [], dict[str, Reply]()
    for number in range(max(6, round(events * TICKET_REQUESTS_SHARE))):
        request = _build_ticket_request(context, random.choice(fixtures.tickets), number)
        records.append(_build_record(context, request))
    for number in range(max(3, round(events * COMPOSED_SHARE))):
        fixture = random.choice(fixtures.tickets)
        build_traffic = _build_compose(context, fixture, number)
        records.append(_build_record(context, build_traffic))
        if not build_traffic.is_private and build_traffic.ticket_id != NOWHERE:
            reply = _draw_reply(random, fixture)
            if SENT in reply.answers and random.random() < CHANGED_SHARE:
                change = _draw_change(random, build_traffic)
                reply = replace(reply, change=change)
                answers = random.choice([end for end in ENDS if SENT in end])
                replies[change.send_id] = Reply(answers, None, (), has_echo=False, seed=number)
            replies[find_text(build_traffic)] = reply
    records += [raw for raw in records if random.random() < REPEATED_SHARE]
    return Requests((*records, *_build_invalid(context, fixtures.tickets[0])), replies)


def _build_ticket_request(context: RequestContext, fixture: TicketFixture, number: int) -> Request:
    random = context.random
    is_unknown = random.random() < UNKNOWN_SHARE
    about = {
        "company_id": fixture.place.company_id,
        "request_id": f"step-{context.name}-{number}",
        "ticket_id": NOWHERE if is_unknown else fixture.id,
        "actor_id": random.choice(fixture.users),
    }
    possible = [
        _build_accept,
        _build_accept,
        _build_return,
        _build_queue,
        _build_transfer,
        _build_note,
    ]
    possible += [_build_close, _build_close] if fixture.may_be_closed else []
    return random.choice(possible)(random, fixture, about)


def _build_accept(random: Random, fixture: TicketFixture, about: Members) -> Request:
    queue = random.choice((None, *fixture.queues))
    return TicketAccept(**about, user_id=random.choice(fixture.users), queue_id=queue)


def _build_return(_: Random, __: TicketFixture, about: Members) -> Request:
    return TicketReturn(**about)


def _build_queue(random: Random, fixture: TicketFixture, about: Members) -> Request:
    return TicketQueue(**about, queue_id=random.choice(fixture.queues))


def _build_transfer(random: Random, fixture: TicketFixture, about: Members) -> Request:
    queue = random.choice(fixture.queues)
    return TicketTransfer(**about, queue_id=queue, user_id=random.choice((None, *fixture.users)))


def _build_note(_: Random, __: TicketFixture, about: Members) -> Request:
    return TicketNote(**about, note="Prefere falar de manhã.")


def _build_close(_: Random, __: TicketFixture, about: Members) -> Request:
    return TicketClose(**about)


def _build_compose(context: RequestContext, fixture: TicketFixture, number: int) -> MessageCompose:
    random = context.random
    by_chat = not fixture.may_be_closed and random.random() < 0.5
    is_unknown = random.random() < UNKNOWN_SHARE
    is_private = random.random() < 0.15
    text = f"Resposta {number} da rodada {context.name}"
    template = None
    if not is_private and random.random() < TEMPLATE_SHARE:
        template = MessageTemplate.model_validate({**TEMPLATE, "body": [{"text": text}]})
    return MessageCompose(
        company_id=fixture.place.company_id,
        whatsapp_id=fixture.place.whatsapp_id,
        request_id=f"compose-{context.name}-{number}",
        chat=fixture.person.chat,
        ticket_id=NOWHERE if is_unknown else None if by_chat else fixture.id,
        body="" if template else text,
        template=template,
        is_private=is_private,
        user_id=random.choice(fixture.users),
    )


def find_text(request: MessageCompose) -> str:
    """Return the text that the customer gets: that of the template, or the body."""
    if request.template:
        return TEMPLATE_TEXT.replace("{{1}}", request.template.body[0].text)
    return request.body


def _draw_change(random: Random, composed: MessageCompose) -> PlannedChange:
    about = {
        "company_id": composed.company_id,
        "whatsapp_id": composed.whatsapp_id,
        "chat": composed.chat,
        "request_id": f"change-of-{composed.request_id}",
        "wid": derive_wid(composed.company_id, composed.whatsapp_id, composed.request_id),
    }
    if random.random() < 0.5:
        return PlannedChange(MessageDelete.model_validate(about))
    body = f"Corrigida: {find_text(composed)}"
    return PlannedChange(MessageEdit.model_validate(about | {"body": body}))


def _draw_reply(random: Random, fixture: TicketFixture) -> Reply:
    answers = random.choices(ENDS, WEIGHTS)[0]
    is_sent = SENT in answers
    return Reply(
        answers=answers,
        wid=f"3EB3{random.getrandbits(72):018X}" if is_sent and random.random() < 0.7 else None,
        acks=random.choice(((), (2,), (2, 3), (3,))) if is_sent else (),
        has_echo=is_sent and not fixture.may_be_closed and random.random() < 0.7,
        seed=random.getrandbits(32),
    )


def _build_record(context: RequestContext, request: Request) -> SampleRecord:
    return build_own_record(context.topics, request, request.request_id, context.now)


def _build_invalid(context: RequestContext, fixture: TicketFixture) -> Iterator[SampleRecord]:
    """Build a request on a line that does not exist, and one that is no JSON."""
    good = _build_compose(context, fixture, -1)
    yield replace(
        _build_record(context, good.model_copy(update={"whatsapp_id": NOWHERE})),
        dead_reason=NO_SUCH_LINE,
    )
    request = TicketReturn(
        company_id=fixture.place.company_id, request_id="-", ticket_id=fixture.id
    )
    yield replace(_build_record(context, request), value=b"isto nao e JSON", dead_reason=UNREADABLE)
