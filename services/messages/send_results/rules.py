"""Rules for send results. No clock, no database.

A result sets the wid of our row to the one that the gateway chose. If the echo of the send was
stored before its result arrived, our row absorbs the echo's row: it takes over the echo's wid and
changes, and the echo's row is deleted. Limit: an echo of a campaign send that arrives before its
result remains, because campaign sends have no row of their own.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.messages.domain.keys import (
    LineKey,
    MessageKey,
    SendKey,
    get_line_key,
    get_message_key,
)
from shared.contracts.error_texts import describe_missing_line
from shared.contracts.message import ABSORBED, MessageRefused, MessageUpdated
from shared.contracts.message_change import (
    FAILED,
    ON_SERVER,
    MessageAcked,
    MessageChange,
    MessageDeleted,
    MessageEdited,
)
from shared.contracts.outcome import Emit, Outcome, Reject
from shared.contracts.send_result import MessageFailed, SendResult
from shared.gateways.senders.outgoing import ErrorClass, derive_wid_of_send

SENT, NOT_SENT, UNKNOWN = "sent", "failed", "unknown"  # "Sends".status with a result
_STRENGTH = {UNKNOWN: 1, NOT_SENT: 2, SENT: 3}


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """The result of one send; `wid` is None if the gateway did not return one."""

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
class MatchedSend:
    """A send with its result; `message_id` is None for campaign sends, which have no row.

    `change` is the change of a message that it requests, as JSON.
    """

    company_id: int
    send_id: str
    whatsapp_id: int
    wid: str
    message_id: int | None
    status: str
    change: str | None = None


@dataclass(frozen=True, slots=True)
class Echo:
    """The row of an echo that arrived before its send result; `message_id` is that of our row."""

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
    """The results of a batch, one per send, and the events that contained them."""

    results: dict[SendKey, SendOutcome] = field(default_factory=dict)
    causes: dict[SendKey, SendResult | MessageAcked] = field(default_factory=dict)
    has_changes: bool = True
    outcome: Outcome = field(default_factory=list)


def plan_results(lines: Collection[LineKey], batch: Iterable[SendResult]) -> Plan:
    """Keep one result per send, by precedence: sent, failed, unknown."""
    plan = Plan()
    for event in batch:
        if (line := get_line_key(event)) in lines:
            _keep_strongest(plan, event, _read_result(event))
        else:
            plan.outcome.append(Reject(event, "unknown-line", describe_missing_line(*line)))
    return plan


def plan_from_acks(batch: Iterable[MessageChange]) -> Plan:
    """Derive send results from acks with a send id, in case the result itself was lost.

    An ack, even a failed one, shows that the gateway accepted the message.
    """
    plan = Plan(has_changes=False)
    for event in batch:
        if isinstance(event, MessageAcked) and event.send_id:
            _keep_strongest(plan, event, _build_result(event, event.send_id, SENT))
    return plan


def map_message_ids(sends: Iterable[MatchedSend]) -> dict[MessageKey, int]:
    """Return the ids of our rows by their new keys."""
    return {get_message_key(send): send.message_id for send in sends if send.message_id is not None}


def build_changes(
    plan: Plan, sends: Iterable[MatchedSend], echoes: Iterable[Echo], early: Iterable[MessageChange]
) -> list[MessageChange]:
    """Return the changes of our rows from results, echoes and early changes."""
    changes: list[MessageChange] = []
    chats = {}
    ids = {}
    for send in sends:
        send_key, key = SendKey(send.company_id, send.send_id), get_message_key(send)
        result = plan.results[send_key]
        chats[key] = result.chat
        ids[key] = send.message_id
        if plan.has_changes and send.status != UNKNOWN:
            changes.append(_build_ack(send, result, plan.causes[send_key].timestamp))
    for echo in echoes:
        changes += _build_echo_changes(echo, chats[get_message_key(echo)])
    changes += early
    return [event for event in changes if ids.get(get_message_key(event)) is not None]


def build_facts(
    plan: Plan,
    sends: Iterable[MatchedSend],
    echoes: Iterable[Echo],
    facts: Mapping[int, MessageUpdated],
) -> Outcome:
    """Return the facts of absorbed echoes and of changed messages, and what was rejected."""
    causes = {
        send.message_id: plan.causes[SendKey(send.company_id, send.send_id)]
        for send in sends
        if send.message_id
    }
    outcome: Outcome = []
    for echo in echoes:
        cause = causes[echo.message_id]
        outcome.append(Emit(cause, _build_absorbed(echo, cause.chat)))
    outcome += [Emit(causes[message_id], fact) for message_id, fact in facts.items()]
    return [*plan.outcome, *outcome]


def _keep_strongest(plan: Plan, cause: SendResult | MessageAcked, new: SendOutcome) -> None:
    key = SendKey(new.company_id, new.send_id)
    old = plan.results.get(key)
    if old is None or _rank(new) > _rank(old):
        plan.results[key] = new
    plan.causes[key] = cause


def _rank(result: SendOutcome) -> tuple[int, bool, str, str]:
    """Return a sort key: precedence, then wid and error, so that order does not matter."""
    has_wid = result.wid is not None
    return _STRENGTH[result.status], has_wid, result.error_code or "", result.wid or ""


def _read_result(event: SendResult) -> SendOutcome:
    if not isinstance(event, MessageFailed):
        return _build_result(event, event.send_id, SENT)
    is_unknown = event.error_class == ErrorClass.UNKNOWN
    reason = (event.error_class, event.error_code, event.error)
    return _build_result(event, event.send_id, UNKNOWN if is_unknown else NOT_SENT, reason)


def _build_result(
    event: SendResult | MessageAcked,
    send_id: str,
    status: str,
    reason: tuple[str | None, str | None, str | None] = (None, None, None),
) -> SendOutcome:
    error_class, error_code, error = reason
    return SendOutcome(
        company_id=event.company_id,
        send_id=send_id,
        whatsapp_id=event.whatsapp_id,
        chat=event.chat,
        wid=event.wid,
        wid_in_advance=derive_wid_of_send(event.company_id, event.whatsapp_id, send_id),
        status=status,
        error_class=error_class,
        error_code=error_code,
        error=error,
    )


def _build_ack(send: MatchedSend, result: SendOutcome, at: datetime) -> MessageAcked:
    return MessageAcked(
        company_id=send.company_id,
        whatsapp_id=send.whatsapp_id,
        chat=result.chat,
        wid=send.wid,
        timestamp=at,
        ack=ON_SERVER if send.status == SENT else FAILED,
        error_code=result.error_code,
        error=result.error,
    )


def _build_echo_changes(echo: Echo, chat: str) -> list[MessageChange]:
    """Return the changes of an echo's row as changes of our row."""
    members = {
        "company_id": echo.company_id, "whatsapp_id": echo.whatsapp_id, "chat": chat,
        "wid": echo.wid, "timestamp": echo.edited_at or echo.created_at,
    }  # fmt: skip
    changes: list[MessageChange] = [MessageAcked.model_validate(members | {"ack": echo.ack})]
    if echo.error_code:
        reason = {"error_code": echo.error_code, "error": echo.error}
        changes.append(MessageAcked.model_validate(members | {"ack": FAILED} | reason))
    if echo.is_edited:
        changes.append(MessageEdited.model_validate(members | {"body": echo.body}))
    if echo.is_deleted:
        changes.append(MessageDeleted.model_validate(members))
    return changes


def _build_absorbed(echo: Echo, chat: str) -> MessageRefused:
    return MessageRefused(
        company_id=echo.company_id,
        whatsapp_id=echo.whatsapp_id,
        chat=chat,
        wid=echo.wid,
        timestamp=echo.created_at,
        reason=ABSORBED,
        ticket_id=echo.ticket_id,
    )
