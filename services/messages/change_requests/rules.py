"""Rules of requests to change a stored message at its gateway. No clock, no database."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from services.messages.domain.keys import ChatKey, LineKey, SendKey, get_chat_key, get_line_key
from services.messages.domain.new_send import NewSend
from services.messages.domain.requested_changes import RequestedChange, encode_change
from services.messages.domain.routes import GATEWAY_CANNOT, NO_ROUTE, Route
from shared.contracts.error_texts import describe_missing_line
from shared.contracts.message import MessageRefused, MessageSend
from shared.contracts.message_change import FAILED
from shared.contracts.message_content import ChangeKind, SendChange
from shared.contracts.message_request import (
    MessageChangeRequest,
    MessageDelete,
    MessageEdit,
    MessageMarkRead,
    MessageReact,
)
from shared.contracts.outcome import Emit, Outcome, Reject
from shared.gateways.senders.outgoing import derive_wid

SEND_WITHIN = timedelta(hours=1)  # a change is not requested of the gateway later than this
NO_MESSAGE, OTHER_CHAT, DUPLICATE = "no-message", "other-chat", "duplicate"
PRIVATE_NOTE, NOT_SENT, DELETED = "private-note", "not-sent", "deleted"
NOT_OURS, OURS = "not-ours", "ours"
REQUESTS = (MessageReact, MessageEdit, MessageDelete, MessageMarkRead)
_KINDS: dict[type[MessageChangeRequest], ChangeKind] = {
    MessageReact: ChangeKind.REACT,
    MessageEdit: ChangeKind.EDIT,
    MessageDelete: ChangeKind.DELETE,
    MessageMarkRead: ChangeKind.MARK_READ,
}


class NamedKey(NamedTuple):
    """Key of a message by its wid or, if `wid` is empty, by its id; `chat` is where it must be."""

    company_id: int
    whatsapp_id: int
    wid: str
    message_id: int
    chat: str


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """The message that a request names; `jid` is its contact's address."""

    message_id: int
    wid: str
    from_me: bool
    participant: str | None
    ack: int
    is_private: bool
    is_deleted: bool
    is_group: bool
    is_of_chat: bool
    jid: str | None


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when a batch is planned; `now` is the time of the transaction."""

    lines: Collection[LineKey]
    routes: Mapping[ChatKey, Route]
    messages: Mapping[NamedKey, StoredMessage]
    now: datetime


@dataclass(slots=True)
class Plan:
    """The sends of a batch, the facts of their requests, and what is refused or rejected."""

    rows: list[NewSend] = field(default_factory=list)
    sends: dict[SendKey, tuple[MessageChangeRequest, MessageSend, datetime]] = field(
        default_factory=dict
    )
    outcome: Outcome = field(default_factory=list)


def get_named_key(request: MessageChangeRequest) -> NamedKey:
    """Return the key of the message that a request names."""
    wid, message_id = request.wid or "", request.message_id or 0
    return NamedKey(*get_line_key(request), wid, message_id, request.chat)


def plan_changes(situation: Situation, batch: Sequence[MessageChangeRequest]) -> Plan:
    """Plan a send per request whose message may be changed so."""
    plan = Plan()
    for request in batch:
        if (line := get_line_key(request)) not in situation.lines:
            plan.outcome.append(Reject(request, "unknown-line", describe_missing_line(*line)))
            continue
        at = request.timestamp or situation.now
        message = situation.messages.get(get_named_key(request))
        route = situation.routes.get(get_chat_key(request), NO_ROUTE)
        reason = find_refusal(_KINDS[type(request)], message, route)
        if reason or message is None:
            refused = _build_refused(request, reason, message, at)
            plan.outcome.append(Emit(request, refused))
            continue
        send = _build_send(request, message, at)
        key = SendKey(send.company_id, send.send_id)
        if plan.sends.setdefault(key, (request, send, at))[0] is request:
            plan.rows.append(_build_row(request, message, send))
    return plan


def find_refusal(kind: ChangeKind, message: StoredMessage | None, route: Route) -> str:
    """Return why a message cannot be changed so; empty if it can."""
    if message is None:
        return NO_MESSAGE
    is_others = not message.from_me and not (kind is ChangeKind.DELETE and message.is_group)
    reasons = {
        OTHER_CHAT: not message.is_of_chat,
        PRIVATE_NOTE: message.is_private,
        NOT_SENT: message.ack == FAILED,
        DELETED: message.is_deleted and kind is not ChangeKind.MARK_READ,
        NOT_OURS: is_others and kind in {ChangeKind.EDIT, ChangeKind.DELETE},
        OURS: message.from_me and kind is ChangeKind.MARK_READ,
        GATEWAY_CANNOT: not route.can(kind),
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def build_facts(plan: Plan, new_sends: Collection[SendKey]) -> Outcome:
    """Return the new sends, and refusals of repeated requests."""
    outcome = list(plan.outcome)
    for key, (request, send, at) in plan.sends.items():
        if key in new_sends:
            outcome.append(Emit(request, send))
        else:
            outcome.append(Emit(request, _build_refused(request, DUPLICATE, None, at)))
    return outcome


def _build_send(request: MessageChangeRequest, message: StoredMessage, at: datetime) -> MessageSend:
    change = SendChange(
        kind=_KINDS[type(request)],
        wid=message.wid,
        from_me=message.from_me,
        participant=message.participant,
        emoji=request.emoji if isinstance(request, MessageReact) else "",
    )
    return MessageSend(
        company_id=request.company_id,
        whatsapp_id=request.whatsapp_id,
        chat=request.chat,
        send_id=derive_wid(request.company_id, request.whatsapp_id, request.request_id),
        body=request.body if isinstance(request, MessageEdit) else "",
        expires_at=request.expires_at or at + SEND_WITHIN,
        jid=message.jid,
        change=change,
    )


def _build_row(request: MessageChangeRequest, message: StoredMessage, send: MessageSend) -> NewSend:
    change = RequestedChange(
        kind=_KINDS[type(request)],
        request_id=request.request_id,
        chat=request.chat,
        message_id=message.message_id,
        wid=message.wid,
        text=send.body or (send.change.emoji if send.change else ""),
    )
    return NewSend(
        send.company_id, send.send_id, send.whatsapp_id, send.chat, encode_change(change)
    )


def _build_refused(
    request: MessageChangeRequest, reason: str, message: StoredMessage | None, at: datetime
) -> MessageRefused:
    own_wid = derive_wid(request.company_id, request.whatsapp_id, request.request_id)
    return MessageRefused(
        company_id=request.company_id,
        whatsapp_id=request.whatsapp_id,
        chat=request.chat,
        wid=message.wid if message else request.wid or own_wid,
        timestamp=at,
        reason=reason,
        request_id=request.request_id,
    )
