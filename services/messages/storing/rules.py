"""Rules that turn routed messages into rows. No clock, no database."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from services.messages.domain.keys import MessageKey, get_message_key
from shared.contracts.message import (
    CONTENT,
    MessageReceived,
    MessageRefused,
    MessageRouted,
    MessageStored,
    MessageUpdated,
)
from shared.contracts.message_change import DELIVERED, ON_SERVER
from shared.contracts.outcome import Emit, Outcome
from shared.gateways.normalize.json_values import clean_text

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


@dataclass(frozen=True, slots=True)
class Content:
    """What a placeholder takes over from the content that arrives under its wid."""

    company_id: int
    message_id: int
    body: str
    media_type: str
    media_url: str | None
    is_forwarded: bool
    data_json: str | None


@dataclass(frozen=True, slots=True)
class ReplacedRow:
    """The state of a row after its placeholder was replaced; `has_new_body` is false if edited."""

    message_id: int
    ticket_id: int
    version: int
    ack: int
    is_edited: bool
    is_deleted: bool
    read: bool
    has_new_body: bool


class Inserted(NamedTuple):
    """The id and ticket of a new row; the ticket may be the successor of the event's ticket."""

    message_id: int
    ticket_id: int


@dataclass(slots=True)
class Plan:
    """The first message of each key in a batch, the first content after a placeholder, the rest."""

    first: dict[MessageKey, MessageRouted] = field(default_factory=dict)
    contents: dict[MessageKey, MessageRouted] = field(default_factory=dict)
    copies: list[MessageRouted] = field(default_factory=list)


def plan_messages(batch: Sequence[MessageRouted]) -> Plan:
    """Keep the first message of each key and, if that is a placeholder, its first content."""
    plan = Plan()
    for message in batch:
        key = get_message_key(message)
        first = plan.first.setdefault(key, message)
        if first is message:
            continue
        if first.is_placeholder and not message.is_placeholder and key not in plan.contents:
            plan.contents[key] = message
        else:
            plan.copies.append(message)
    return plan


def list_from_us(plan: Plan) -> set[MessageKey]:
    """Return the keys of the messages that may be echoes of our own sends."""
    return {key for key, message in plan.first.items() if message.from_me}


def list_contents(plan: Plan, inserted: Collection[MessageKey]) -> dict[MessageKey, MessageRouted]:
    """Return the contents that have no row of their own: they may replace a placeholder."""
    old = {
        key: message
        for key, message in plan.first.items()
        if key not in inserted and not message.is_placeholder
    }
    return old | plan.contents


def build_contents(
    contents: Mapping[MessageKey, MessageRouted], ids: Mapping[MessageKey, int]
) -> list[Content]:
    """Return the contents that replace the placeholders with these ids."""
    return [_build_content(contents[key], message_id) for key, message_id in ids.items()]


def build_rows(plan: Plan, sent: Collection[MessageKey]) -> list[MessageRow]:
    """Return the rows to insert, without the echoes of our own sends."""
    return [_build_row(message) for key, message in plan.first.items() if key not in sent]


def build_quotes(
    messages: Mapping[MessageKey, MessageRouted], ids: Mapping[MessageKey, int]
) -> list[Quote]:
    """Return the rows that quote another message; `ids` are those of the rows that may."""
    return [
        Quote(message.company_id, message.whatsapp_id, ids[key], message.quoted_wid)
        for key, message in messages.items()
        if key in ids and message.quoted_wid
    ]


def build_facts(
    plan: Plan,
    inserted: Mapping[MessageKey, Inserted],
    replaced: Mapping[MessageKey, ReplacedRow],
) -> Outcome:
    """Return a fact per message: stored, or a placeholder's content, or refused as a duplicate."""
    outcome: Outcome = []
    for key, message in plan.first.items():
        if key in inserted:
            outcome.append(Emit(message, _build_stored(message, inserted[key])))
        else:
            row = None if message.is_placeholder else replaced.get(key)
            outcome.append(Emit(message, _build_content_fact(message, row)))
    for key, message in plan.contents.items():
        outcome.append(Emit(message, _build_content_fact(message, replaced.get(key))))
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


def _fit_media_url(url: str | None) -> str | None:
    return url if url and len(url) <= LONGEST_MEDIA_URL else None


def _build_content(message: MessageRouted, message_id: int) -> Content:
    return Content(
        company_id=message.company_id,
        message_id=message_id,
        body=message.body,
        media_type=message.media_type,
        media_url=_fit_media_url(message.media_url),
        is_forwarded=message.is_forwarded,
        data_json=build_data_json(message),
    )


def build_data_json(message: MessageReceived) -> str | None:
    """Return the gateway's message with the members that "Messages" has no column for.

    A gateway's message that is no JSON object is kept as the member `message`.
    """
    members = {
        "fileName": message.file_name,
        "mimeType": message.mime_type,
        "choiceId": message.choice_id,
    }
    added = {name: value for name, value in members.items() if value}
    if not added:
        return message.data_json
    return clean_text(json.dumps(_parse_object(message.data_json) | added, ensure_ascii=False))


def _parse_object(text: str | None) -> dict[str, object]:
    try:
        parsed = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {"message": text}
    return parsed if isinstance(parsed, dict) else {"message": text}


def _build_row(message: MessageRouted) -> MessageRow:
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
        media_url=_fit_media_url(message.media_url),
        from_me=message.from_me,
        read=message.from_me,
        ack=ON_SERVER if message.from_me else DELIVERED,
        is_forwarded=message.is_forwarded,
        remote_jid=message.jid or message.chat,
        participant=message.participant_jid or message.participant,
        data_json=build_data_json(message),
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
        choice_id=message.choice_id,
        received_at=message.received_at,
    )


def _build_content_fact(
    message: MessageRouted, row: ReplacedRow | None
) -> MessageUpdated | MessageRefused:
    """Return that a content replaced a placeholder, or is refused if it replaced none."""
    if row is None:
        return _build_refused(message)
    return MessageUpdated(
        company_id=message.company_id,
        whatsapp_id=message.whatsapp_id,
        chat=message.chat,
        wid=message.wid,
        message_id=row.message_id,
        ticket_id=row.ticket_id,
        version=row.version,
        ack=row.ack,
        is_edited=row.is_edited,
        is_deleted=row.is_deleted,
        read=row.read,
        changes=("body", CONTENT) if row.has_new_body else (CONTENT,),
        timestamp=message.timestamp,
        received_at=message.received_at,
        opened_ticket_id=None if message.ticket_effect == "none" else message.ticket_id,
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
