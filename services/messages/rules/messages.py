"""What becomes of routed messages. No clock, no database: same arguments, same answer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from shared.contracts.message import MessageRefused, MessageRouted, MessageStored, MessageUpdated
from shared.contracts.outcome import Outcome, Told

SERVER_ACK, DELIVERED_ACK = 1, 2  # schema.md 3, Messages.ack
LONGEST_MEDIA_URL = 255  # characters: the column's width; the whole address stays in dataJson

Wid = tuple[int, int, str]  # companyId, whatsappId, wid


@dataclass(frozen=True, slots=True)
class Message:
    """A new row of "Messages"; `created_at` is the message's own time (promise 4)."""

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
    """A stored message that answers another one of its line."""

    company_id: int
    whatsapp_id: int
    message_id: int
    quoted_wid: str


class Placed(NamedTuple):
    """A new row: its id, and its ticket, which may be the successor of the one that was meant."""

    message_id: int
    ticket_id: int


@dataclass(slots=True)
class Plan:
    """The first message of each wid, and the copies that came with it."""

    first: dict[Wid, MessageRouted] = field(default_factory=dict)
    copies: list[MessageRouted] = field(default_factory=list)

    @property
    def rows(self) -> list[Message]:
        """The rows to insert, unless the line has them already."""
        return [_row(message) for message in self.first.values()]


def wid_of(message: MessageRouted) -> Wid:
    """Name the message as the database does: one row per line and wid."""
    return message.company_id, message.whatsapp_id, message.wid


def place(batch: Sequence[MessageRouted]) -> Plan:
    """Keep the first of each wid."""
    plan = Plan()
    for message in batch:
        if plan.first.setdefault(wid_of(message), message) is not message:
            plan.copies.append(message)
    return plan


def from_us(plan: Plan) -> set[Wid]:
    """Name those that may be echoes of our own sends."""
    return {wid for wid, message in plan.first.items() if message.from_me}


def unless_sent(plan: Plan, sent: Collection[Wid]) -> list[Message]:
    """List the rows to insert, unless the line has them already; what we have sent is no news."""
    return [_row(message) for wid, message in plan.first.items() if wid not in sent]


def quotes(plan: Plan, ids: Mapping[Wid, int]) -> list[Quote]:
    """List the newly stored messages that answer another one."""
    return [
        Quote(message.company_id, message.whatsapp_id, ids[wid], message.quoted_wid)
        for wid, message in plan.first.items()
        if wid in ids and message.quoted_wid
    ]


def stored(plan: Plan, placed: Mapping[Wid, Placed]) -> Outcome:
    """Tell which messages are rows now, and refuse those whose row was there before."""
    told: Outcome = []
    for wid, message in plan.first.items():
        if wid in placed:
            told.append(Told(message, _stored(message, placed[wid])))
        else:
            told.append(Told(message, _refused(message)))
    told.extend(Told(copy, _refused(copy)) for copy in plan.copies)
    return told


def changed_on_arrival(
    plan: Plan, ids: Mapping[Wid, int], facts: Mapping[int, MessageUpdated]
) -> Outcome:
    """Tell which of the new messages were changed by what had come before them."""
    return [
        Told(plan.first[wid], facts[message_id])
        for wid, message_id in ids.items()
        if message_id in facts
    ]


def _row(message: MessageRouted) -> Message:
    url = message.media_url
    return Message(
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
        ack=SERVER_ACK if message.from_me else DELIVERED_ACK,
        is_forwarded=message.is_forwarded,
        remote_jid=message.jid or message.chat,
        participant=message.participant_jid or message.participant,
        data_json=message.data_json,
        created_at=message.timestamp,
    )


def _stored(message: MessageRouted, placed: Placed) -> MessageStored:
    return MessageStored(
        company_id=message.company_id,
        whatsapp_id=message.whatsapp_id,
        chat=message.chat,
        wid=message.wid,
        timestamp=message.timestamp,
        message_id=placed.message_id,
        ticket_id=placed.ticket_id,
        contact_id=message.contact_id,
        from_me=message.from_me,
        media_type=message.media_type,
    )


def _refused(message: MessageRouted) -> MessageRefused:
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
