"""Computes the rows that must be there after all messages and jobs took effect."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from shared.contracts.campaign import CampaignSend
from shared.dev.demo.companies import DemoRows, Group, LineIds, Person
from shared.dev.demo.comparison import (
    ComparedContact,
    ComparedMessage,
    ComparedSend,
    ComparedShipping,
    ComparedTicket,
    Snapshot,
)
from shared.dev.demo.conversations import SampleMessage
from shared.dev.demo.evolution_payloads import build_media_url
from shared.dev.demo.normalized_events import MEDIA_TYPES


def build_expected(
    messages: Sequence[SampleMessage], jobs: Iterable[CampaignSend], demo_rows: DemoRows
) -> Snapshot:
    """Build the expected rows from the messages alone, independent of the order of publishing."""
    kept = [message for message in messages if message.line.allow_group or not message.is_group]
    shippings = {(job.campaign_id, job.number): job for job in jobs}
    lines = {campaign.id: campaign.line_ids.whatsapp_id for campaign in demo_rows.campaigns}
    return Snapshot(
        messages=[
            _build_message(message, demo_rows.lines[message.line.instance]) for message in kept
        ],
        tickets=_build_tickets(kept, demo_rows),
        contacts=_build_contacts(kept, demo_rows),
        shippings=[
            ComparedShipping(job.company_id, job.campaign_id, job.number, job.message)
            for job in shippings.values()
        ],
        sends=[
            ComparedSend(
                job.company_id, lines[job.campaign_id], job.campaign_id, job.number, job.message
            )
            for job in shippings.values()
        ],
    )


def _build_message(message: SampleMessage, line_ids: LineIds) -> ComparedMessage:
    return ComparedMessage(
        company_id=line_ids.company_id,
        whatsapp_id=line_ids.whatsapp_id,
        wid=message.wid,
        contact=message.chat.identity,
        sender=message.author.identity if message.author else None,
        from_me=message.author is None,
        media_type=MEDIA_TYPES[message.kind],
        body=message.text,
        quoted_wid=message.quoted.wid if message.quoted else None,
        at=message.at,
    )


def _build_tickets(messages: Iterable[SampleMessage], demo_rows: DemoRows) -> list[ComparedTicket]:
    chats: dict[tuple[str, str], list[SampleMessage]] = defaultdict(list)
    for message in messages:
        chats[message.line.instance, message.chat.identity].append(message)
    return [_build_ticket(chat, demo_rows.lines[instance]) for (instance, _), chat in chats.items()]


def _build_ticket(chat: list[SampleMessage], line_ids: LineIds) -> ComparedTicket:
    """Build a ticket; unread are the customer's messages of a later second than our last one."""
    newest = max(chat, key=lambda message: (message.at, message.wid))
    answered = max((message.at for message in chat if message.author is None), default=None)
    unread = [
        message
        for message in chat
        if message.author and (answered is None or message.at > answered)
    ]
    as_ticket = newest.line.group_as_ticket or not newest.is_group
    return ComparedTicket(
        company_id=line_ids.company_id,
        whatsapp_id=line_ids.whatsapp_id,
        contact=newest.chat.identity,
        status="pending" if as_ticket else "group",
        is_group=newest.is_group,
        unread=len(unread),
        last_message=newest.text or _get_file_name(newest),
        from_me=newest.author is None,
    )


def _get_file_name(message: SampleMessage) -> str:
    return (build_media_url(message) or "").rpartition("/")[2]


def _build_contacts(
    messages: Iterable[SampleMessage], demo_rows: DemoRows
) -> list[ComparedContact]:
    """Build the contacts of chats and authors; only authors have a known name."""
    seen: dict[tuple[int, str], tuple[Person | Group, bool]] = {}
    for message in messages:
        company_id = demo_rows.lines[message.line.instance].company_id
        for contact in (message.chat, message.author):
            if contact is not None:
                _, wrote = seen.get((company_id, contact.identity), (contact, False))
                seen[company_id, contact.identity] = contact, wrote or contact == message.author
    return [_build_contact(company_id, *known) for (company_id, _), known in seen.items()]


def _build_contact(company_id: int, contact: Person | Group, wrote: bool) -> ComparedContact:  # noqa: FBT001 - unpacked from a tuple
    return ComparedContact(
        company_id=company_id,
        identity=contact.identity,
        number=contact.id if isinstance(contact, Group) else contact.number,
        lid=None if isinstance(contact, Group) else contact.lid,
        is_group=isinstance(contact, Group),
        name=contact.name if isinstance(contact, Person) and wrote else None,
    )
