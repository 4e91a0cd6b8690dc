"""Whose message it is. No clock, no database: the same arguments always give the same answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.contracts.contact import ContactSaved
from shared.contracts.message import MessageIdentified, MessageReceived, MessageRefused
from shared.contracts.outcome import Dead, Outcome, Told

PHONE_SERVER = "@s.whatsapp.net"
LID_SERVER = "@lid"


@dataclass(frozen=True, slots=True)
class Line:
    """What these rules need of a row of "Whatsapps"."""

    company_id: int
    whatsapp_id: int
    allow_group: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """A row of "Contacts" as it is, or as it will be; a new one has a negative id for now."""

    id: int
    company_id: int
    number: str | None
    lid: str | None
    jid: str | None
    remote_jid: str | None
    name: str
    is_group: bool
    active: bool
    channel: str
    whatsapp_id: int | None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a person or group can be found again: any of the three is enough."""

    company_id: int
    number: str | None = None
    lid: str | None = None
    jid: str | None = None

    @property
    def keys(self) -> tuple[tuple[int, str, str], ...]:
        """The ways to find it, the surest first (schema.md 7: number, then jid, then lid)."""
        named = (("number", self.number), ("jid", self.jid), ("lid", self.lid))
        return tuple((self.company_id, kind, value) for kind, value in named if value)


@dataclass(frozen=True, slots=True)
class Known:
    """A contact, and the keys that led to it: its own, or those of one merged into it."""

    by: Identity
    contact: Contact


@dataclass(slots=True)
class Plan:
    """What follows from a batch: contacts to insert and update, and who each message is from."""

    new: dict[int, Contact] = field(default_factory=dict)
    changed: dict[int, Contact] = field(default_factory=dict)
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


def identities(batch: Iterable[MessageReceived]) -> set[Identity]:
    """Everybody a batch speaks of."""
    found = {identity_of_chat(message) for message in batch}
    found.update(author for m in batch if (author := identity_of_author(m)))
    return found


def identify(
    lines: Mapping[tuple[int, int], Line],
    known: Sequence[Known],
    batch: Sequence[MessageReceived],
) -> Plan:
    """Find or plan the contact of each message; a later message sees what an earlier one did."""
    plan = Plan()
    book = _AddressBook(known, plan)
    for message in batch:
        line = lines.get((message.company_id, message.whatsapp_id))
        if line is None:
            plan.outcome.append(Dead(message, "unknown-line", _no_such_line(message)))
        elif message.is_group and not line.allow_group:
            plan.outcome.append(Told(message, _refused(message)))
        else:
            chat = book.place(identity_of_chat(message), message, of_author=not message.is_group)
            author_identity = identity_of_author(message)
            author: int | None = None if message.from_me else chat
            if author_identity:
                author = book.place(author_identity, message, of_author=True)
            plan.owners.append((message, chat, author))
    return plan


def identified(plan: Plan, saved: Mapping[int, ContactSaved]) -> Outcome:
    """Tell whose each message is, and which contacts are new or changed.

    `saved` maps the plan's ids (negative for new contacts) to what was saved.
    """
    told: Outcome = list(plan.outcome)
    announced: set[int] = set()
    for message, chat, author in plan.owners:
        for contact_id in (chat, author):
            if contact_id is not None and contact_id in saved and contact_id not in announced:
                announced.add(contact_id)
                told.append(Told(message, saved[contact_id]))
        told.append(
            Told(
                message,
                MessageIdentified(
                    **dict(message),
                    contact_id=_final(chat, saved),
                    sender_id=None if author is None else _final(author, saved),
                ),
            )
        )
    return told


def _final(contact_id: int, saved: Mapping[int, ContactSaved]) -> int:
    return saved[contact_id].contact_id if contact_id in saved else contact_id


class _AddressBook:
    """The contacts known so far, found by any key; plans what must be saved."""

    def __init__(self, known: Iterable[Known], plan: Plan) -> None:
        self._by_id: dict[int, Contact] = {}
        self._ids: dict[tuple[int, str, str], int] = {}
        self._plan = plan
        for found in known:
            self._remember(found.contact)
            for key in found.by.keys:
                self._ids.setdefault(key, found.contact.id)

    def place(self, identity: Identity, message: MessageReceived, *, of_author: bool) -> int:
        """Give the contact's id, planning to insert or update it where needed."""
        spoken = of_author and not message.from_me
        found = next((self._ids[key] for key in identity.keys if key in self._ids), None)
        if found is None:
            contact = _new(-len(self._plan.new) - 1, identity, message, spoken=spoken)
            self._plan.new[contact.id] = contact
            self._remember(contact)
            return contact.id
        before = self._by_id[found]
        after = self._learnt(before, identity, message.push_name if spoken else None)
        after = replace(after, active=True) if spoken else after
        if after != before:
            planned = self._plan.new if found < 0 else self._plan.changed
            planned[found] = after
            self._remember(after)
        return found

    def _learnt(self, contact: Contact, identity: Identity, push_name: str | None) -> Contact:
        """Fill in what was not known; a key that belongs to another contact is left to it."""
        after = contact
        for kind in ("number", "lid", "jid"):
            value = getattr(identity, kind)
            taken = (contact.company_id, kind, value) in self._ids
            if value and not taken and not getattr(after, kind):
                after = replace(after, **{kind: value})
        if after.jid and (after.remote_jid or "").endswith(LID_SERVER):
            after = replace(after, remote_jid=after.jid)
        unnamed = after.name in {after.number, after.lid}
        return replace(after, name=push_name) if push_name and unnamed else after

    def _remember(self, contact: Contact) -> None:
        self._by_id[contact.id] = contact
        identity = Identity(contact.company_id, contact.number, contact.lid, contact.jid)
        for key in identity.keys:
            self._ids.setdefault(key, contact.id)


def _identity(
    company_id: int, canonical: str, lid: str | None, jid: str | None, *, is_group: bool
) -> Identity:
    if is_group:
        return Identity(company_id, number=canonical)
    if canonical.endswith(LID_SERVER):
        return Identity(company_id, lid=canonical)
    phone = jid.lower() if (jid or "").lower().endswith(PHONE_SERVER) and jid else None
    return Identity(company_id, number=canonical, lid=lid.lower() if lid else None, jid=phone)


def _new(contact_id: int, identity: Identity, message: MessageReceived, *, spoken: bool) -> Contact:
    is_chat = identity == identity_of_chat(message)
    name = (spoken and message.push_name) or identity.number or identity.lid or message.chat
    return Contact(
        id=contact_id,
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


def _no_such_line(message: MessageReceived) -> str:
    return (
        f'company {message.company_id} has no line {message.whatsapp_id} in "Whatsapps"; '
        "make it, then replay this record"
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
