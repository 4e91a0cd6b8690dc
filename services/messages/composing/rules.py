"""Rules that turn compose requests into rows and sends. No clock, no database.

The wid of a message is derived from its request: `3EB0…` as in WhatsApp's own clients, and the
same for each repetition of the request. Some gateways accept it. If the gateway chooses another
wid, the send result changes the row's wid (see send_results), so that acks, quotes and the echo
of the send match the row.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from services.messages.composing.templates import (
    KnownTemplate,
    TemplateKey,
    find_template_refusal,
    get_template_key,
    render_template,
)
from services.messages.domain.keys import (
    ChatKey,
    LineKey,
    MessageKey,
    SendKey,
    get_chat_key,
    get_line_key,
    get_message_key,
)
from services.messages.domain.new_send import NewSend
from services.messages.domain.routes import NO_ROUTE, OUTSIDE_WINDOW, TEXT_TOO_LONG, Route
from services.messages.storing.rules import LONGEST_MEDIA_URL, Quote
from shared.contracts.error_texts import describe_missing_line
from shared.contracts.message import MessageRefused, MessageSend, MessageStored
from shared.contracts.message_change import DELIVERED, PENDING
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Emit, Outcome, Reject
from shared.gateways.senders.outgoing import derive_wid

SEND_WITHIN = timedelta(hours=1)  # a reply to a customer is not sent later than this
NO_TICKET, OTHER_LINE, OTHER_CHAT, DUPLICATE = "no-ticket", "other-line", "other-chat", "duplicate"


class ConversationKey(NamedTuple):
    """Identifies the ticket of a request: by its id or, if `ticket_id` is 0, by line and chat."""

    company_id: int
    whatsapp_id: int
    ticket_id: int
    chat: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """The ticket that a message is for; `jid` is its contact's address."""

    ticket_id: int
    whatsapp_id: int
    contact_id: int
    queue_id: int | None
    ticket_traking_id: int | None
    jid: str | None
    is_of_chat: bool


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when a batch is planned: lines, tickets, routes of chats, and templates.

    `now` is the time of the transaction, by the database's clock.
    """

    lines: Collection[LineKey]
    conversations: Mapping[ConversationKey, Conversation]
    routes: Mapping[ChatKey, Route]
    templates: Mapping[TemplateKey, KnownTemplate]
    now: datetime


@dataclass(frozen=True, slots=True)
class ComposedRow:
    """A new row of "Messages", written by us; `send_id` is None for private notes."""

    company_id: int
    whatsapp_id: int
    wid: str
    ticket_id: int
    queue_id: int | None
    ticket_traking_id: int | None
    body: str
    media_type: str
    media_url: str | None
    ack: int
    is_private: bool
    remote_jid: str
    data_json: str | None
    created_at: datetime
    send_id: str | None
    chat: str


@dataclass(slots=True)
class Plan:
    """The rows of a batch, the requests for them, and what is refused or rejected."""

    rows: list[ComposedRow] = field(default_factory=list)
    requests: dict[MessageKey, tuple[MessageCompose, Conversation]] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=list)


def get_conversation_key(request: MessageCompose) -> ConversationKey:
    """Return the key of the ticket that a request is for."""
    return ConversationKey(*get_line_key(request), request.ticket_id or 0, request.chat)


def list_template_keys(batch: Sequence[MessageCompose]) -> set[TemplateKey]:
    """Return the keys of the templates that a batch names."""
    return {get_template_key(request, request.template) for request in batch if request.template}


def plan_messages(situation: Situation, batch: Sequence[MessageCompose]) -> Plan:
    """Plan a row per request whose ticket exists and which may be sent.

    Requests without a timestamp get the situation's time plus their index in microseconds, to keep
    their order.
    """
    plan = Plan()
    for number, request in enumerate(batch):
        if (line := get_line_key(request)) not in situation.lines:
            plan.outcome.append(Reject(request, "unknown-line", describe_missing_line(*line)))
            continue
        conversation = situation.conversations.get(get_conversation_key(request))
        at = request.timestamp or situation.now + timedelta(microseconds=number)
        reason = _find_refusal(request, conversation) or _find_content_refusal(request, situation)
        if reason or conversation is None:
            plan.outcome.append(Emit(request, _build_refused(request, reason, at)))
            continue
        row = _build_row(request, conversation, at, _find_template(request, situation))
        first, _ = plan.requests.setdefault(get_message_key(row), (request, conversation))
        if first is request:
            plan.rows.append(row)
    return plan


def list_sends(plan: Plan) -> list[NewSend]:
    """Return the sends of the rows; private notes have none."""
    return [
        NewSend(row.company_id, row.send_id, row.whatsapp_id, row.chat)
        for row in plan.rows
        if row.send_id is not None
    ]


def select_new(plan: Plan, new_sends: Collection[SendKey]) -> list[ComposedRow]:
    """Return the private notes, and the rows whose sends are new."""
    return [
        row
        for row in plan.rows
        if row.send_id is None or SendKey(row.company_id, row.send_id) in new_sends
    ]


def build_quotes(plan: Plan, ids: Mapping[MessageKey, int]) -> list[Quote]:
    """Return the new rows that quote another message; `ids` are those of all new rows."""
    return [
        Quote(request.company_id, request.whatsapp_id, ids[key], request.quoted_wid)
        for key, (request, _) in plan.requests.items()
        if key in ids and request.quoted_wid
    ]


def build_facts(plan: Plan, ids: Mapping[MessageKey, int]) -> Outcome:
    """Return the facts of new rows and of their sends, and refusals of repeated requests."""
    outcome = list(plan.outcome)
    for row in plan.rows:
        key = get_message_key(row)
        request, conversation = plan.requests[key]
        if key not in ids:
            outcome.append(Emit(request, _build_refused(request, DUPLICATE, row.created_at)))
            continue
        outcome.append(Emit(request, _build_stored(request, conversation, row, ids[key])))
        if row.send_id:
            outcome.append(Emit(request, _build_send(request, conversation, row, ids[key])))
    return outcome


def _find_refusal(request: MessageCompose, conversation: Conversation | None) -> str:
    if conversation is None:
        return NO_TICKET
    if conversation.whatsapp_id != request.whatsapp_id:
        return OTHER_LINE
    return "" if conversation.is_of_chat else OTHER_CHAT


def _find_content_refusal(request: MessageCompose, situation: Situation) -> str:
    """Return why the gateway would not send the content; private notes are not sent."""
    if request.is_private:
        return ""
    route = situation.routes.get(get_chat_key(request), NO_ROUTE)
    if request.template:
        known = _find_template(request, situation)
        return find_template_refusal(request.template, known, route)
    if not route.takes_free_text:
        return OUTSIDE_WINDOW
    if request.media_url and request.media_type == "audio" and request.body.strip():
        return "audio-with-text"  # WhatsApp shows no caption below an audio
    fits = route.takes_text(request.body, is_caption=bool(request.media_url))
    return "" if fits else TEXT_TOO_LONG


def _find_template(request: MessageCompose, situation: Situation) -> KnownTemplate | None:
    template = request.template
    return situation.templates.get(get_template_key(request, template)) if template else None


def _build_row(
    request: MessageCompose,
    conversation: Conversation,
    at: datetime,
    known: KnownTemplate | None,
) -> ComposedRow:
    wid = derive_wid(request.company_id, request.whatsapp_id, request.request_id)
    url = request.media_url
    return ComposedRow(
        company_id=request.company_id,
        whatsapp_id=request.whatsapp_id,
        wid=_build_note_wid(request) if request.is_private else wid,
        ticket_id=conversation.ticket_id,
        queue_id=conversation.queue_id,
        ticket_traking_id=conversation.ticket_traking_id,
        body=render_template(request.template, known)
        if request.template and known
        else request.body,
        media_type=_choose_media_type(request),
        media_url=url if url and len(url) <= LONGEST_MEDIA_URL else None,
        ack=DELIVERED if request.is_private else PENDING,
        is_private=request.is_private,
        remote_jid=conversation.jid or request.chat,
        data_json=_build_data_json(request),
        created_at=at,
        send_id=None if request.is_private else wid,
        chat=request.chat,
    )


def _build_note_wid(request: MessageCompose) -> str:
    name = f"{request.company_id}:{request.whatsapp_id}:{request.request_id}"
    return "PVT" + hashlib.sha256(name.encode()).hexdigest()[:18].upper()


def _choose_media_type(request: MessageCompose) -> str:
    if request.template:
        return "template"
    if request.buttons or request.option_list:
        return "buttonsMessage" if request.buttons else "listMessage"
    return request.media_type or (
        "application/octet-stream" if request.media_url else "conversation"
    )


def _build_data_json(request: MessageCompose) -> str | None:
    """Return as JSON what "Messages" has no column for: author, campaign, template, options."""
    kept = {
        *("user_id", "campaign_id", "media_url", "file_name", "mime_type"),
        *("template", "buttons", "option_list"),
    }
    members = request.model_dump(mode="json", by_alias=True, exclude_none=True, include=kept)
    return json.dumps(members, ensure_ascii=False) if members else None


def _build_stored(
    request: MessageCompose, conversation: Conversation, row: ComposedRow, message_id: int
) -> MessageStored:
    return MessageStored(
        company_id=row.company_id,
        whatsapp_id=row.whatsapp_id,
        chat=request.chat,
        wid=row.wid,
        timestamp=row.created_at,
        message_id=message_id,
        ticket_id=row.ticket_id,
        contact_id=conversation.contact_id,
        from_me=True,
        media_type=row.media_type,
        request_id=request.request_id,
    )


def _build_send(
    request: MessageCompose, conversation: Conversation, row: ComposedRow, message_id: int
) -> MessageSend:
    return MessageSend(
        company_id=row.company_id,
        whatsapp_id=row.whatsapp_id,
        chat=request.chat,
        send_id=row.wid,
        body=row.body,
        expires_at=request.expires_at or row.created_at + SEND_WITHIN,
        campaign_id=request.campaign_id,
        jid=conversation.jid,
        media_url=request.media_url,
        media_type=row.media_type if request.media_url else None,
        file_name=request.file_name if request.media_url else None,
        mime_type=request.mime_type if request.media_url else None,
        quoted_wid=request.quoted_wid,
        message_id=message_id,
        template=request.template,
        buttons=request.buttons,
        option_list=request.option_list,
    )


def _build_refused(request: MessageCompose, reason: str, at: datetime) -> MessageRefused:
    return MessageRefused(
        company_id=request.company_id,
        whatsapp_id=request.whatsapp_id,
        chat=request.chat,
        wid=derive_wid(request.company_id, request.whatsapp_id, request.request_id),
        timestamp=at,
        reason=reason,
        request_id=request.request_id,
    )
