"""What becomes of routed messages and of raw gateway events. No clock, no database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.contracts.gateway import EvolutionRecord
from shared.contracts.message import MessageRefused, MessageRouted, MessageStored
from shared.contracts.outcome import Dead, Outcome, Told
from shared.gateways import evolution
from shared.gateways.outcome import Translation

SERVER_ACK, DELIVERED_ACK = 1, 2  # schema.md 3, Messages.ack
LONGEST_MEDIA_URL = 255  # characters: the column's width; the whole address stays in dataJson

Wid = tuple[int, int, str]  # companyId, whatsappId, wid
Connection = tuple[str, str]  # server, instance


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


@dataclass(frozen=True, slots=True)
class Line:
    """The line that a gateway's connection belongs to."""

    company_id: int
    whatsapp_id: int


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


def quotes(plan: Plan, ids: Mapping[Wid, int]) -> list[Quote]:
    """List the newly stored messages that answer another one."""
    return [
        Quote(message.company_id, message.whatsapp_id, ids[wid], message.quoted_wid)
        for wid, message in plan.first.items()
        if wid in ids and message.quoted_wid
    ]


def stored(plan: Plan, ids: Mapping[Wid, int]) -> Outcome:
    """Tell which messages are rows now, and refuse those whose row was there before."""
    told: Outcome = []
    for wid, message in plan.first.items():
        if wid in ids:
            told.append(Told(message, _stored(message, ids[wid])))
        else:
            told.append(Told(message, _refused(message)))
    told.extend(Told(copy, _refused(copy)) for copy in plan.copies)
    return told


def connection_of(record: EvolutionRecord) -> Connection:
    """Name the connection as "GatewayConnections" does; a trailing slash means nothing."""
    return record.server_url.rstrip("/"), record.instance


def translate(
    lines: Mapping[Connection, Sequence[Line]], batch: Iterable[EvolutionRecord]
) -> Outcome:
    """Turn raw events into our own, each for the line that its connection belongs to.

    The company is the connection's, whatever the payload says (design 4).
    """
    outcome: Outcome = []
    for record in batch:
        found = lines.get(connection_of(record), ())
        if len(found) == 1:
            line = found[0]
            outcome += _translated(
                record,
                evolution.translate(
                    record, company_id=line.company_id, whatsapp_id=line.whatsapp_id
                ),
            )
        else:
            outcome.append(_unknown(record, found))
    return outcome


def _translated(record: EvolutionRecord, translation: Translation) -> Outcome:
    outcome: Outcome = [Told(record, event) for event in translation.events]
    if translation.unreadable:
        outcome.append(Dead(record, "unreadable-payload", translation.unreadable[0].detail))
    return outcome


def _unknown(record: EvolutionRecord, found: Sequence[Line]) -> Dead:
    where = f"instance {record.instance!r} of server {record.server_url!r}"
    if found:
        return Dead(record, "ambiguous-connection", f"{where} is registered for several lines")
    return Dead(
        record,
        "unknown-connection",
        f'{where} is not in "GatewayConnections"; register it, then replay this record',
    )


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


def _stored(message: MessageRouted, message_id: int) -> MessageStored:
    return MessageStored(
        company_id=message.company_id,
        whatsapp_id=message.whatsapp_id,
        chat=message.chat,
        wid=message.wid,
        timestamp=message.timestamp,
        message_id=message_id,
        ticket_id=message.ticket_id,
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
