"""Rules that find or create the contact of each message. No clock, no database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.contacts.domain.address_book import (
    LID_SERVER,
    AddressBook,
    Changes,
    Contact,
    Identity,
    KnownContact,
    Saved,
)
from services.contacts.domain.keys import LidKey, LineKey
from services.contacts.domain.line import Line
from shared.contracts.error_texts import describe_missing_line
from shared.contracts.message import MessageIdentified, MessageReceived, MessageRefused
from shared.contracts.outcome import Emit, Outcome, Reject

PHONE_SERVER = "@s.whatsapp.net"


@dataclass(slots=True)
class Plan(Changes):
    """The contacts to save, and the planned contact ids of each message's chat and author."""

    owners: list[tuple[MessageReceived, int, int | None]] = field(default_factory=list)
    outcome: Outcome = field(default_factory=list)


def get_chat_identity(message: MessageReceived) -> Identity:
    """Return a chat's identity: a number, a group's id, or a LID whose number is not known."""
    return _build_identity(
        message.company_id, message.chat, message.lid, message.jid, is_group=message.is_group
    )


def get_author_identity(message: MessageReceived) -> Identity | None:
    """Return the author of a group message; None in a chat with one contact."""
    if not message.is_group or message.from_me or not message.participant:
        return None
    return _build_identity(
        message.company_id,
        message.participant,
        message.participant_lid,
        message.participant_jid,
        is_group=False,
    )


def list_identities(
    batch: Iterable[MessageReceived], numbers: Mapping[LidKey, str] | None = None
) -> set[Identity]:
    """Return the identities of all chats and authors of a batch."""
    identities = {get_chat_identity(message) for message in batch}
    identities.update(author for m in batch if (author := get_author_identity(m)))
    return {_add_number(identity, numbers or {}) for identity in identities}


def list_lids(batch: Iterable[MessageReceived]) -> set[LidKey]:
    """Return the LIDs for which a batch has no number."""
    return {
        LidKey(identity.company_id, identity.lid)
        for identity in list_identities(batch)
        if identity.lid and not identity.number
    }


def plan_contacts(
    lines: Mapping[LineKey, Line],
    known: Sequence[KnownContact],
    numbers: Mapping[LidKey, str],
    batch: Sequence[MessageReceived],
) -> Plan:
    """Find or plan the contact of each message; a later message sees the changes of earlier ones.

    `numbers` maps LIDs to the numbers that gateways have reported.
    """
    plan = Plan()
    book = AddressBook(known, plan)
    for message in batch:
        key = LineKey(message.company_id, message.whatsapp_id)
        line = lines.get(key)
        if line is None:
            plan.outcome.append(Reject(message, "unknown-line", describe_missing_line(*key)))
        elif message.is_group and not line.allow_group:
            plan.outcome.append(Emit(message, _build_refused(message)))
        else:
            plan.owners.append((message, *_plan_owners(book, message, numbers)))
    return plan


def build_facts(plan: Plan, saved: Saved) -> Outcome:
    """Return a fact per message with its contact, preceded by facts of the changed contacts."""
    outcome: Outcome = list(plan.outcome)
    published: set[int] = set()
    for message, chat, author in plan.owners:
        for contact_id in (chat, author):
            if contact_id is not None and contact_id not in published:
                published.add(contact_id)
                outcome += [Emit(message, fact) for fact in saved.list_facts(contact_id)]
        identified = MessageIdentified(
            **dict(message),
            contact_id=saved.get_final_id(chat),
            sender_id=None if author is None else saved.get_final_id(author),
        )
        outcome.append(Emit(message, identified))
    return outcome


def _add_number(identity: Identity, numbers: Mapping[LidKey, str]) -> Identity:
    if identity.number or not identity.lid:
        return identity
    return replace(identity, number=numbers.get(LidKey(identity.company_id, identity.lid)))


def _plan_owners(
    book: AddressBook, message: MessageReceived, numbers: Mapping[LidKey, str]
) -> tuple[int, int | None]:
    """Return the planned ids of a message's chat and author; our own messages have no author."""
    identity = _add_number(get_chat_identity(message), numbers)
    chat = _plan_owner(book, identity, message, is_chat=True)
    author = get_author_identity(message)
    if author:
        return chat, _plan_owner(book, _add_number(author, numbers), message, is_chat=False)
    return chat, None if message.from_me else chat


def _plan_owner(
    book: AddressBook, identity: Identity, message: MessageReceived, *, is_chat: bool
) -> int:
    is_author = not message.from_me and not (is_chat and message.is_group)
    contact_id = book.find_or_merge(identity)
    if contact_id is None:
        return book.add(_build_contact(identity, message, is_chat=is_chat, is_author=is_author))
    name = message.push_name if is_author else None
    book.complete(contact_id, identity, name, reactivate=is_author)
    return contact_id


def _build_identity(
    company_id: int, canonical: str, lid: str | None, jid: str | None, *, is_group: bool
) -> Identity:
    if is_group:
        return Identity(company_id, number=canonical)
    if canonical.endswith(LID_SERVER):
        return Identity(company_id, lid=canonical)
    phone = jid.lower() if (jid or "").lower().endswith(PHONE_SERVER) and jid else None
    return Identity(company_id, number=canonical, lid=lid.lower() if lid else None, jid=phone)


def _build_contact(
    identity: Identity, message: MessageReceived, *, is_chat: bool, is_author: bool
) -> Contact:
    name = (is_author and message.push_name) or identity.number or identity.lid or message.chat
    return Contact(
        id=0,
        company_id=identity.company_id,
        number=identity.number,
        lid=identity.lid,
        jid=identity.jid,
        remote_jid=(message.jid if is_chat else message.participant_jid) or identity.lid,
        name=name,
        is_group=message.is_group and is_chat,
        active=True,
        channel=message.channel,
        whatsapp_id=message.whatsapp_id,
    )


def _build_refused(message: MessageReceived) -> MessageRefused:
    return MessageRefused(
        company_id=message.company_id,
        whatsapp_id=message.whatsapp_id,
        chat=message.chat,
        wid=message.wid,
        timestamp=message.timestamp,
        reason="groups-not-allowed",
    )
