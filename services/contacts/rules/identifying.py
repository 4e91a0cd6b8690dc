"""Whose message it is. No clock, no database: the same arguments always give the same answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.contacts.rules.address_book import (
    LID_SERVER,
    AddressBook,
    Changes,
    Contact,
    Identity,
    Known,
    Saved,
)
from shared.contracts.message import MessageIdentified, MessageReceived, MessageRefused
from shared.contracts.outcome import Dead, Outcome, Told
from shared.contracts.trouble import no_such_line

PHONE_SERVER = "@s.whatsapp.net"

Lid = tuple[int, str]  # companyId, lid


@dataclass(frozen=True, slots=True)
class Line:
    """What these rules need of a row of "Whatsapps"."""

    company_id: int
    whatsapp_id: int
    allow_group: bool


@dataclass(slots=True)
class Plan(Changes):
    """What follows from a batch: the contacts to save, and who each message is from."""

    owners: list[tuple[MessageReceived, int, int | None]] = field(default_factory=list)
    outcome: Outcome = field(default_factory=list)


def identity_of_chat(message: MessageReceived) -> Identity:
    """Read the chat's identity: a number, a group's id, or a LID whose number is not known."""
    return _identity(
        message.company_id, message.chat, message.lid, message.jid, is_group=message.is_group
    )


def identity_of_author(message: MessageReceived) -> Identity | None:
    """Read who wrote in a group; in other chats the chat itself is the author."""
    if not message.is_group or message.from_me or not message.participant:
        return None
    return _identity(
        message.company_id,
        message.participant,
        message.participant_lid,
        message.participant_jid,
        is_group=False,
    )


def identities(
    batch: Iterable[MessageReceived], numbers: Mapping[Lid, str] | None = None
) -> set[Identity]:
    """Everybody a batch speaks of."""
    found = {identity_of_chat(message) for message in batch}
    found.update(author for m in batch if (author := identity_of_author(m)))
    return {with_number(identity, numbers or {}) for identity in found}


def lids(batch: Iterable[MessageReceived]) -> set[Lid]:
    """Name the LIDs whose numbers a batch does not say."""
    return {
        (identity.company_id, identity.lid)
        for identity in identities(batch)
        if identity.lid and not identity.number
    }


def with_number(identity: Identity, numbers: Mapping[Lid, str]) -> Identity:
    """Give a LID its number where that is known."""
    if identity.number or not identity.lid:
        return identity
    return replace(identity, number=numbers.get((identity.company_id, identity.lid)))


def identify(
    lines: Mapping[tuple[int, int], Line],
    known: Sequence[Known],
    numbers: Mapping[Lid, str],
    batch: Sequence[MessageReceived],
) -> Plan:
    """Find or plan the contact of each message; a later message sees what an earlier one did.

    `numbers` are those of LIDs that a gateway has told.
    """
    plan = Plan()
    book = AddressBook(known, plan)
    for message in batch:
        line = lines.get((message.company_id, message.whatsapp_id))
        if line is None:
            plan.outcome.append(
                Dead(message, "unknown-line", no_such_line(message.company_id, message.whatsapp_id))
            )
        elif message.is_group and not line.allow_group:
            plan.outcome.append(Told(message, _refused(message)))
        else:
            plan.owners.append((message, *_placed(book, message, numbers)))
    return plan


def _placed(
    book: AddressBook, message: MessageReceived, numbers: Mapping[Lid, str]
) -> tuple[int, int | None]:
    identity = with_number(identity_of_chat(message), numbers)
    chat = _place(book, identity, message, is_chat=True)
    author = identity_of_author(message)
    if author:
        return chat, _place(book, with_number(author, numbers), message, is_chat=False)
    return chat, None if message.from_me else chat


def _place(
    book: AddressBook, identity: Identity, message: MessageReceived, *, is_chat: bool
) -> int:
    spoken = not message.from_me and not (is_chat and message.is_group)
    found = book.find(identity)
    if found is None:
        return book.add(_new(identity, message, is_chat=is_chat, spoken=spoken))
    book.learn(found, identity, message.push_name if spoken else None, revives=spoken)
    return found


def identified(plan: Plan, saved: Saved) -> Outcome:
    """Tell whose each message is, and which contacts are new, changed or merged."""
    told: Outcome = list(plan.outcome)
    announced: set[int] = set()
    for message, chat, author in plan.owners:
        for contact_id in (chat, author):
            if contact_id is not None and contact_id not in announced:
                announced.add(contact_id)
                told += [Told(message, fact) for fact in saved.facts(contact_id)]
        told.append(
            Told(
                message,
                MessageIdentified(
                    **dict(message),
                    contact_id=saved.final(chat),
                    sender_id=None if author is None else saved.final(author),
                ),
            )
        )
    return told


def _identity(
    company_id: int, canonical: str, lid: str | None, jid: str | None, *, is_group: bool
) -> Identity:
    if is_group:
        return Identity(company_id, number=canonical)
    if canonical.endswith(LID_SERVER):
        return Identity(company_id, lid=canonical)
    phone = jid.lower() if (jid or "").lower().endswith(PHONE_SERVER) and jid else None
    return Identity(company_id, number=canonical, lid=lid.lower() if lid else None, jid=phone)


def _new(identity: Identity, message: MessageReceived, *, is_chat: bool, spoken: bool) -> Contact:
    name = (spoken and message.push_name) or identity.number or identity.lid or message.chat
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


def _refused(message: MessageReceived) -> MessageRefused:
    return MessageRefused(
        company_id=message.company_id,
        whatsapp_id=message.whatsapp_id,
        chat=message.chat,
        wid=message.wid,
        timestamp=message.timestamp,
        reason="groups-not-allowed",
    )
