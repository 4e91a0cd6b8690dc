"""Rules that turn routed messages into rows. No clock, no database."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from services.messages.domain.keys import MessageKey, get_message_key
from shared.contracts.message import MessageRefused, MessageRouted, MessageStored, MessageUpdated
from shared.contracts.message_change import DELIVERED, ON_SERVER
from shared.contracts.outcome import Emit, Outcome

LONGEST_MEDIA_URL = 255  # characters: the column's width; the whole address stays in dataJson


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A new row of "Messages"; `created_at` is the time that the gateway gives the message."""

    company_id: int
    whatsapp_id: int
    wid: str
    ticket_id: int
    contact_id: int | None
    queue_id: int | None
    ticket_traking_id: int | None
    body: str
    media_type: str
    media_url: str | None
    from_me: bool
    read: bool
    ack: int
    is_forwarded: bool
    remote_jid: str
    participant: str | None
    data_json: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Quote:
    """A stored message that quotes another one of its line."""

    company_id: int
    whatsapp_id: int
    message_id: int
    quoted_wid: str


class Inserted(NamedTuple):
    """The id and ticket of a new row; the ticket may be the successor of the event's ticket."""

    message_id: int
    ticket_id: int


@dataclass(slots=True)
class Plan:
    """The first message of each key in a batch, and its duplicates."""

    first: dict[MessageKey, MessageRouted] = field(default_factory=dict)
    copies: list[MessageRouted] = field(default_factory=list)


def plan_messages(batch: Sequence[MessageRouted]) -> Plan:
    """Keep the first message of each key."""
    plan = Plan()
    for message in batch:
        if plan.first.setdefault(get_message_key(message), message) is not message:
            plan.copies.append(message)
    return plan


def list_from_us(plan: Plan) -> set[MessageKey]:
    """Return the keys of the messages that may be echoes of our own sends."""
    return {key for key, message in plan.first.items() if message.from_me}


def build_rows(plan: Plan, sent: Collection[MessageKey]) -> list[MessageRow]:
    """Return the rows to insert, without the echoes of our own sends."""
    return [_build_row(message) for key, message in plan.first.items() if key not in sent]


def build_quotes(plan: Plan, ids: Mapping[MessageKey, int]) -> list[Quote]:
    """Return the new rows that quote another message; `ids` are those of all new rows."""
    return [
        Quote(message.company_id, message.whatsapp_id, ids[key], message.quoted_wid)
        for key, message in plan.first.items()
        if key in ids and message.quoted_wid
    ]


def build_facts(plan: Plan, inserted: Mapping[MessageKey, Inserted]) -> Outcome:
    """Return a fact per message: stored, or refused because its row existed before."""
    outcome: Outcome = []
    for key, message in plan.first.items():
        if key in inserted:
            outcome.append(Emit(message, _build_stored(message, inserted[key])))
        else:
            outcome.append(Emit(message, _build_refused(message)))
    outcome.extend(Emit(copy, _build_refused(copy)) for copy in plan.copies)
    return outcome


def build_update_facts(
    plan: Plan, ids: Mapping[MessageKey, int], facts: Mapping[int, MessageUpdated]
) -> Outcome:
    """Return `message.updated` for the new rows that early changes have changed."""
    return [
        Emit(plan.first[key], facts[message_id])
        for key, message_id in ids.items()
        if message_id in facts
    ]


def _build_row(message: MessageRouted) -> MessageRow:
    url = message.media_url
    return MessageRow(
        company_id=message.company_id,
        whatsapp_id=message.whatsapp_id,
        wid=message.wid,
        ticket_id=message.ticket_id,
        contact_id=message.sender_id,
        queue_id=message.queue_id,
        ticket_traking_id=message.ticket_traking_id,
        body=message.body,
        media_type=message.media_type,
        media_url=url if url and len(url) <= LONGEST_MEDIA_URL else None,
        from_me=message.from_me,
        read=message.from_me,
        ack=ON_SERVER if message.from_me else DELIVERED,
        is_forwarded=message.is_forwarded,
        remote_jid=message.jid or message.chat,
        participant=message.participant_jid or message.participant,
        data_json=message.data_json,
        created_at=message.timestamp,
    )


def _build_stored(message: MessageRouted, inserted: Inserted) -> MessageStored:
    return MessageStored(
        company_id=message.company_id,
        whatsapp_id=message.whatsapp_id,
        chat=message.chat,
        wid=message.wid,
        timestamp=message.timestamp,
        message_id=inserted.message_id,
        ticket_id=inserted.ticket_id,
        contact_id=message.contact_id,
        from_me=message.from_me,
        media_type=message.media_type,
    )


def _build_refused(message: MessageRouted) -> MessageRefused:
    return MessageRefused(
        company_id=message.company_id,
        whatsapp_id=message.whatsapp_id,
        chat=message.chat,
        wid=message.wid,
        timestamp=message.timestamp,
        reason="duplicate",
        ticket_id=message.ticket_id,
        ticket_effect=message.ticket_effect,
    )
