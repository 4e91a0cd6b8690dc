"""What becomes of answers to sends. No clock, no database: same arguments, same answer.

An answer gives our row the name by which its gateway calls it. Where the echo of our own send was
stored before its answer came, the echo's row is absorbed by ours: nothing but the gateway's name
and the changes that it had seen are taken over. What remains: the echo of a campaign's send that
comes before its answer stays a row, because a campaign's send has none to absorb it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.messages.rules.messages import Wid
from shared.contracts.answer import MessageAnswered, MessageFailed
from shared.contracts.message import ABSORBED, MessageRefused, MessageUpdated
from shared.contracts.message_change import (
    FAILED,
    ON_SERVER,
    MessageAcked,
    MessageChange,
    MessageDeleted,
    MessageEdited,
)
from shared.contracts.outcome import Dead, Outcome, Told
from shared.contracts.trouble import no_such_line
from shared.gateways.senders.outgoing import ErrorClass, wid_of_send

SENT, UNSENT, UNKNOWN = "sent", "failed", "unknown"  # "Sends".status, once there is an answer
_WEIGHT = {UNKNOWN: 1, UNSENT: 2, SENT: 3}

SendKey = tuple[int, str]  # companyId, sendId
LineKey = tuple[int, int]  # companyId, whatsappId


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one send; `wid` is None where the gateway did not name the message."""

    company_id: int
    send_id: str
    whatsapp_id: int
    chat: str
    wid: str | None
    wid_in_advance: str
    status: str
    error_class: str | None
    error_code: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Joined:
    """A send with its answer; `message_id` is None for those of campaigns, which have no row."""

    company_id: int
    send_id: str
    whatsapp_id: int
    wid: str
    message_id: int | None
    status: str

    @property
    def name(self) -> Wid:
        """Name its message as the gateway does."""
        return self.company_id, self.whatsapp_id, self.wid


@dataclass(frozen=True, slots=True)
class Echo:
    """The row of an echo that came before its answer, and `message_id`, the one of ours."""

    company_id: int
    whatsapp_id: int
    wid: str
    message_id: int
    echo_id: int
    ticket_id: int
    ack: int
    body: str
    is_edited: bool
    is_deleted: bool
    edited_at: datetime | None
    error_code: str | None
    error: str | None
    created_at: datetime


@dataclass(slots=True)
class Plan:
    """The answers of a batch, one a send, the records that they came by, and what they change."""

    answers: dict[SendKey, Answer] = field(default_factory=dict)
    causes: dict[SendKey, MessageAnswered | MessageAcked] = field(default_factory=dict)
    has_changes: bool = True
    outcome: Outcome = field(default_factory=list)


def line_of(event: MessageAnswered) -> LineKey:
    """Name the line that an answer is about."""
    return event.company_id, event.whatsapp_id


def answers(lines: Collection[LineKey], batch: Iterable[MessageAnswered]) -> Plan:
    """Sum up what a batch answers to each send: that it was sent weighs most, not knowing least."""
    plan = Plan()
    for event in batch:
        if line_of(event) in lines:
            _weigh(plan, event, _answer(event))
        else:
            plan.outcome.append(
                Dead(event, "unknown-line", no_such_line(event.company_id, event.whatsapp_id))
            )
    return plan


def acknowledged(batch: Iterable[MessageChange]) -> Plan:
    """Read acks that give a send id back as answers to it: they make up for one that was lost.

    What was acknowledged, be it as failed, was taken by the gateway.
    """
    plan = Plan(has_changes=False)
    for event in batch:
        if isinstance(event, MessageAcked) and event.send_id:
            _weigh(plan, event, _known(event, event.send_id, SENT))
    return plan


def names(joined: Iterable[Joined]) -> dict[Wid, int]:
    """Give the rows of ours by the names that they have from now on."""
    return {send.name: send.message_id for send in joined if send.message_id is not None}


def events(
    plan: Plan, joined: Iterable[Joined], echoes: Iterable[Echo], early: Iterable[MessageChange]
) -> list[MessageChange]:
    """List what changes our rows: the answers, what echoes had seen, what had come before both."""
    found: list[MessageChange] = []
    chats = {}
    ids = {}
    for send in joined:
        answer = plan.answers[send.company_id, send.send_id]
        chats[send.name] = answer.chat
        ids[send.name] = send.message_id
        if plan.has_changes and send.status != UNKNOWN:
            found.append(_ack(send, answer, plan.causes[send.company_id, send.send_id].timestamp))
    for echo in echoes:
        name = (echo.company_id, echo.whatsapp_id, echo.wid)
        found += _seen(echo, chats[name])
    found += early
    return [event for event in found if ids.get(_named(event)) is not None]


def told(
    plan: Plan,
    joined: Iterable[Joined],
    echoes: Iterable[Echo],
    facts: Mapping[int, MessageUpdated],
) -> Outcome:
    """Tell which messages are different now, and which rows of echoes are gone."""
    causes = {s.message_id: plan.causes[s.company_id, s.send_id] for s in joined if s.message_id}
    outcome: Outcome = []
    for echo in echoes:
        cause = causes[echo.message_id]
        outcome.append(Told(cause, _absorbed(echo, cause.chat)))
    outcome += [Told(causes[message_id], fact) for message_id, fact in facts.items()]
    return [*plan.outcome, *outcome]


def _weigh(plan: Plan, cause: MessageAnswered | MessageAcked, new: Answer) -> None:
    key = (new.company_id, new.send_id)
    old = plan.answers.get(key)
    if old is None or _heavier(new) > _heavier(old):
        plan.answers[key] = new
    plan.causes[key] = cause


def _heavier(answer: Answer) -> tuple[int, bool, str, str]:
    words = (answer.error_code or "", answer.wid or "")
    return (_WEIGHT[answer.status], answer.wid is not None, *words)


def _answer(event: MessageAnswered) -> Answer:
    if not isinstance(event, MessageFailed):
        return _known(event, event.send_id, SENT)
    is_unknown = event.error_class == ErrorClass.UNKNOWN
    reason = (event.error_class, event.error_code, event.error)
    return _known(event, event.send_id, UNKNOWN if is_unknown else UNSENT, reason)


def _known(
    event: MessageAnswered | MessageAcked,
    send_id: str,
    status: str,
    reason: tuple[str | None, str | None, str | None] = (None, None, None),
) -> Answer:
    company_id, whatsapp_id = event.company_id, event.whatsapp_id
    advance = wid_of_send(company_id, whatsapp_id, send_id)
    return Answer(company_id, send_id, whatsapp_id, event.chat, event.wid, advance, status, *reason)


def _named(event: MessageChange) -> Wid:
    return event.company_id, event.whatsapp_id, event.wid


def _ack(send: Joined, answer: Answer, at: datetime) -> MessageAcked:
    return MessageAcked(
        company_id=send.company_id,
        whatsapp_id=send.whatsapp_id,
        chat=answer.chat,
        wid=send.wid,
        timestamp=at,
        ack=ON_SERVER if send.status == SENT else FAILED,
        error_code=answer.error_code,
        error=answer.error,
    )


def _seen(echo: Echo, chat: str) -> list[MessageChange]:
    about = {
        "company_id": echo.company_id, "whatsapp_id": echo.whatsapp_id, "chat": chat,
        "wid": echo.wid, "timestamp": echo.edited_at or echo.created_at,
    }  # fmt: skip
    seen: list[MessageChange] = [MessageAcked.model_validate(about | {"ack": echo.ack})]
    if echo.error_code:
        reason = {"error_code": echo.error_code, "error": echo.error}
        seen.append(MessageAcked.model_validate(about | {"ack": FAILED} | reason))
    if echo.is_edited:
        seen.append(MessageEdited.model_validate(about | {"body": echo.body}))
    if echo.is_deleted:
        seen.append(MessageDeleted.model_validate(about))
    return seen


def _absorbed(echo: Echo, chat: str) -> MessageRefused:
    return MessageRefused(
        company_id=echo.company_id,
        whatsapp_id=echo.whatsapp_id,
        chat=chat,
        wid=echo.wid,
        timestamp=echo.created_at,
        reason=ABSORBED,
        ticket_id=echo.ticket_id,
    )
