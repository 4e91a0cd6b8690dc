"""What becomes of messages that are asked for. No clock, no database.

A message is named in advance, by its request: `3EB0…`, as WhatsApp's own applications name theirs,
for gateways that let us say, and the same whenever the request is decided. Where a gateway calls it
otherwise, its answer renames the row (see rules/sending.py), so that acks, quotes and the echo of
our own send find it by the name that everybody else knows.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.messages.rules.messages import LONGEST_MEDIA_URL, Quote, Wid
from shared.contracts.message import MessageRefused, MessageSend, MessageStored
from shared.contracts.message_change import DELIVERED, PENDING
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Dead, Outcome, Told
from shared.contracts.trouble import no_such_line
from shared.gateways.senders.outgoing import wid_in_advance

SEND_WITHIN = timedelta(hours=1)  # an answer that comes later is no answer
NO_TICKET, OTHER_LINE, OTHER_CHAT, DUPLICATE = "no-ticket", "other-line", "other-chat", "duplicate"

Asked = tuple[int, int, int, str]  # companyId, whatsappId, ticketId or 0, chat


@dataclass(frozen=True, slots=True)
class Conversation:
    """The ticket that a message is for, and its contact's address."""

    ticket_id: int
    whatsapp_id: int
    contact_id: int
    queue_id: int | None
    ticket_traking_id: int | None
    jid: str | None
    is_of_chat: bool


@dataclass(frozen=True, slots=True)
class Composed:
    """A new row of "Messages", of ours; `send_id` is None where nothing is to be sent."""

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
    """The rows of a batch, the requests that ask for them, and what is refused."""

    rows: list[Composed] = field(default_factory=list)
    requests: dict[Wid, tuple[MessageCompose, Conversation]] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=list)


def asked(request: MessageCompose) -> Asked:
    """Name the ticket that a request is about, as it does itself."""
    return request.company_id, request.whatsapp_id, request.ticket_id or 0, request.chat


def compose(
    lines: Collection[tuple[int, int]],
    conversations: Mapping[Asked, Conversation],
    now: datetime,
    batch: Sequence[MessageCompose],
) -> Plan:
    """Plan a row for each request whose ticket there is; those of a moment keep their order."""
    plan = Plan()
    for number, request in enumerate(batch):
        conversation = conversations.get(asked(request))
        if (request.company_id, request.whatsapp_id) not in lines:
            plan.outcome.append(
                Dead(request, "unknown-line", no_such_line(request.company_id, request.whatsapp_id))
            )
            continue
        at = request.timestamp or now + timedelta(microseconds=number)
        reason = _reason_against(request, conversation)
        if reason or conversation is None:
            plan.outcome.append(Told(request, _refused(request, reason, at)))
            continue
        row = _row(request, conversation, at)
        wid = (row.company_id, row.whatsapp_id, row.wid)
        if plan.requests.setdefault(wid, (request, conversation))[0] is request:
            plan.rows.append(row)
    return plan


def new(plan: Plan, claimed: Collection[tuple[int, str]]) -> list[Composed]:
    """Keep the rows that were not asked for before, by their sends; notes have none."""
    return [row for row in plan.rows if row.is_private or (row.company_id, row.send_id) in claimed]


def quotes(plan: Plan, ids: Mapping[Wid, int]) -> list[Quote]:
    """List the new messages that answer another one."""
    return [
        Quote(request.company_id, request.whatsapp_id, ids[wid], request.quoted_wid)
        for wid, (request, _) in plan.requests.items()
        if wid in ids and request.quoted_wid
    ]


def composed(plan: Plan, ids: Mapping[Wid, int]) -> Outcome:
    """Tell which messages are rows now, and which of them are to be sent."""
    told = list(plan.outcome)
    for row in plan.rows:
        wid = (row.company_id, row.whatsapp_id, row.wid)
        request, conversation = plan.requests[wid]
        if wid not in ids:
            told.append(Told(request, _refused(request, DUPLICATE, row.created_at)))
            continue
        told.append(Told(request, _stored(request, conversation, row, ids[wid])))
        if row.send_id:
            told.append(Told(request, _send(request, conversation, row, ids[wid])))
    return told


def _reason_against(request: MessageCompose, conversation: Conversation | None) -> str:
    if conversation is None:
        return NO_TICKET
    if conversation.whatsapp_id != request.whatsapp_id:
        return OTHER_LINE
    return "" if conversation.is_of_chat else OTHER_CHAT


def _row(request: MessageCompose, conversation: Conversation, at: datetime) -> Composed:
    wid = wid_in_advance(request.company_id, request.whatsapp_id, request.request_id)
    url = request.media_url
    return Composed(
        company_id=request.company_id,
        whatsapp_id=request.whatsapp_id,
        wid=_note_wid(request) if request.is_private else wid,
        ticket_id=conversation.ticket_id,
        queue_id=conversation.queue_id,
        ticket_traking_id=conversation.ticket_traking_id,
        body=request.body,
        media_type=_media_type(request),
        media_url=url if url and len(url) <= LONGEST_MEDIA_URL else None,
        ack=DELIVERED if request.is_private else PENDING,
        is_private=request.is_private,
        remote_jid=conversation.jid or request.chat,
        data_json=_kept_beside(request),
        created_at=at,
        send_id=None if request.is_private else wid,
        chat=request.chat,
    )


def _note_wid(request: MessageCompose) -> str:
    named = f"{request.company_id}:{request.whatsapp_id}:{request.request_id}"
    return "PVT" + hashlib.sha256(named.encode()).hexdigest()[:18].upper()


def _media_type(request: MessageCompose) -> str:
    return request.media_type or (
        "application/octet-stream" if request.media_url else "conversation"
    )


def _kept_beside(request: MessageCompose) -> str | None:
    """Keep what "Messages" has no column for: who wrote it, and a link that is too long."""
    kept = {
        "userId": request.user_id,
        "campaignId": request.campaign_id,
        "mediaUrl": request.media_url,
    }
    kept = {name: value for name, value in kept.items() if value is not None}
    return json.dumps(kept) if kept else None


def _stored(
    request: MessageCompose, conversation: Conversation, row: Composed, message_id: int
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


def _send(
    request: MessageCompose, conversation: Conversation, row: Composed, message_id: int
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
        quoted_wid=request.quoted_wid,
        message_id=message_id,
    )


def _refused(request: MessageCompose, reason: str, at: datetime) -> MessageRefused:
    return MessageRefused(
        company_id=request.company_id,
        whatsapp_id=request.whatsapp_id,
        chat=request.chat,
        wid=wid_in_advance(request.company_id, request.whatsapp_id, request.request_id),
        timestamp=at,
        reason=reason,
        request_id=request.request_id,
    )
