"""Rules that find or create the contact of each message. No clock, no database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.contacts.domain.address_book import (
    LID_SERVER,
    AddressBook,
    Changes,
    Contact,
    Identity,
    KnownContact,
    LidNumber,
    Saved,
)
from services.contacts.domain.aliases import PHONE_SERVER, Aliases, link_identity
from services.contacts.domain.keys import LidKey, LineKey
from services.contacts.domain.line import Line, choose_portfolio
from shared.contracts.base import END
from shared.contracts.error_texts import describe_missing_line
from shared.contracts.message import MessageIdentified, MessageReceived, MessageRefused
from shared.contracts.outcome import Emit, Outcome, Reject
from shared.gateways.normalize.addresses import is_bsuid
from shared.retention import is_too_old


@dataclass(slots=True)
class Plan(Changes):
    """The contacts to save, and the planned contact ids of each message's chat and author."""

    owners: list[tuple[MessageReceived, int, int | None]] = field(default_factory=list)
    outcome: Outcome = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Observed:
    """A message, and the identities of its chat and of its author, as the message has them."""

    message: MessageReceived
    chat: Identity
    author: Identity | None


def get_chat_identity(message: MessageReceived, portfolio: str | None = None) -> Identity:
    """Return a chat's identity: a number, a group's id, a LID or a BSUID without its number."""
    if message.is_group:
        return Identity(message.company_id, number=message.chat)
    identity = _build_identity(message.company_id, message.chat, message.lid, message.jid)
    return _add_user_id(identity, portfolio, message.bsuid)


def get_author_identity(message: MessageReceived, portfolio: str | None = None) -> Identity | None:
    """Return the author of a group message; None in a chat with one contact."""
    if not message.is_group or message.from_me or not message.participant:
        return None
    addresses = (message.participant_lid, message.participant_jid)
    identity = _build_identity(message.company_id, message.participant, *addresses)
    return _add_user_id(identity, portfolio, message.participant_bsuid)


def list_observed(
    lines: Mapping[LineKey, Line], batch: Iterable[MessageReceived]
) -> list[Observed]:
    """Return the messages of a batch with the identities of their chats and authors."""
    return [_observe(lines, message) for message in batch]


def list_people(observed: Iterable[Observed], lids: Mapping[LidKey, LidNumber]) -> set[Identity]:
    """Return the identities of all people, who unlike groups may have other addresses.

    The numbers of LIDs, as gateways reported them, are identities of their own.
    """
    people = {
        identity
        for o in observed
        for identity in (None if o.message.is_group else o.chat, o.author)
        if identity is not None
    }
    return people | {Identity(known.company_id, known.number) for known in lids.values()}


def follow_numbers(lids: Mapping[LidKey, LidNumber], aliases: Aliases) -> dict[LidKey, str]:
    """Return the numbers that the people of LIDs have now: they may have changed since."""
    return {
        key: aliases.follow(known.company_id, known.number, known.number_at or END)
        for key, known in lids.items()
    }


def list_resolved(
    observed: Iterable[Observed], numbers: Mapping[LidKey, str], aliases: Aliases
) -> set[Identity]:
    """Return the identities of all chats and authors with the addresses that they have now."""
    return {
        known
        for o in observed
        for identity in (o.chat, o.author)
        if identity is not None
        for known in (identity, _resolve(identity, numbers, aliases, o.message.timestamp))
    }


def list_lids(observed: Iterable[Observed]) -> set[LidKey]:
    """Return the LIDs for which a batch has no number."""
    return {
        LidKey(identity.company_id, identity.lid)
        for o in observed
        for identity in (o.chat, o.author)
        if identity is not None and identity.lid and not identity.number
    }


def _observe(lines: Mapping[LineKey, Line], message: MessageReceived) -> Observed:
    portfolio = choose_portfolio(lines, message.company_id, message.whatsapp_id, message.portfolio)
    chat = get_chat_identity(message, portfolio)
    return Observed(message, chat, get_author_identity(message, portfolio))


def plan_contacts(
    lines: Mapping[LineKey, Line],
    known: Sequence[KnownContact],
    numbers: Mapping[LidKey, str],
    observed: Iterable[Observed],
    aliases: Aliases | None = None,
) -> Plan:
    """Find or plan the contact of each message; a later message sees the changes of earlier ones.

    `numbers` maps LIDs to the numbers that their people have now. In `aliases` the BSUIDs of the
    batch are planned to be saved.
    """
    plan = Plan()
    people = _People(AddressBook(known, plan), numbers, aliases or Aliases((), ()))
    for item in observed:
        message = item.message
        key = LineKey(message.company_id, message.whatsapp_id)
        line = lines.get(key)
        if line is None:
            plan.outcome.append(Reject(message, "unknown-line", describe_missing_line(*key)))
        elif message.is_group and not line.allow_group:
            plan.outcome.append(Emit(message, _build_refused(message)))
        elif is_too_old(message.timestamp, message.received_at, line.message_days):
            plan.outcome.append(_reject_too_old(message, line))
        else:
            plan.owners.append((message, *people.plan_owners(item)))
    return plan


def _reject_too_old(message: MessageReceived, line: Line) -> Reject:
    detail = (
        f"the message is of {message.timestamp:%Y-%m-%d}, and company {line.company_id} keeps "
        f"messages for {line.message_days} days"
    )
    return Reject(message, "too-old", detail, keeps_content=False)


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


def _resolve(
    identity: Identity, numbers: Mapping[LidKey, str], aliases: Aliases, at: datetime
) -> Identity:
    """Return an identity that was observed at a time with the addresses that its person has now."""
    if identity.number or not identity.lid:
        return aliases.resolve(identity, at)
    number = numbers.get(LidKey(identity.company_id, identity.lid))
    return aliases.resolve(replace(identity, number=number), END)


@dataclass(frozen=True, slots=True)
class _People:
    """The contacts of a batch, and what is known of LIDs, BSUIDs and changed numbers."""

    book: AddressBook
    numbers: Mapping[LidKey, str]
    aliases: Aliases

    def plan_owners(self, observed: Observed) -> tuple[int, int | None]:
        """Return the planned ids of a message's chat and author; our messages have no author."""
        message = observed.message
        chat = self._plan_owner(observed.chat, message, is_chat=True)
        if observed.author:
            return chat, self._plan_owner(observed.author, message, is_chat=False)
        return chat, None if message.from_me else chat

    def _plan_owner(self, observed: Identity, message: MessageReceived, *, is_chat: bool) -> int:
        is_author = not message.from_me and not (is_chat and message.is_group)
        at = message.timestamp
        identity = _resolve(observed, self.numbers, self.aliases, at)
        contact_id = self.book.find_or_merge(identity, observed.only_user_id)
        if contact_id is None:
            new = _build_contact(identity, message, is_chat=is_chat, is_author=is_author)
            # Replies go to the address as received, unless it is known what the person has now.
            is_current = (identity.jid, identity.user_id) == (observed.jid, observed.user_id)
            address = new.remote_jid if is_current else identity.jid
            contact_id = self.book.add(replace(new, remote_jid=address or identity.user_id))
        else:
            name = _choose_name(message, is_chat=is_chat, is_author=is_author)
            self.book.complete(contact_id, identity, name, reactivate=is_author)
        link_identity(self.aliases, self.book, observed, contact_id, at)
        return contact_id


def _build_identity(company_id: int, canonical: str, lid: str | None, jid: str | None) -> Identity:
    if is_bsuid(canonical):
        return Identity(company_id, user_id=canonical)
    if canonical.endswith(LID_SERVER):
        return Identity(company_id, lid=canonical)
    phone = jid.lower() if (jid or "").lower().endswith(PHONE_SERVER) and jid else None
    return Identity(company_id, number=canonical, lid=lid.lower() if lid else None, jid=phone)


def _add_user_id(identity: Identity, portfolio: str | None, user_id: str | None) -> Identity:
    """Return the identity with its BSUID: its only address, or the one beside a number or LID."""
    user_id = identity.user_id or user_id
    return replace(identity, portfolio=portfolio, user_id=user_id) if user_id else identity


def _build_contact(
    identity: Identity, message: MessageReceived, *, is_chat: bool, is_author: bool
) -> Contact:
    name = _choose_name(message, is_chat=is_chat, is_author=is_author)
    name = name or identity.number or identity.lid
    return Contact(
        id=0,
        company_id=identity.company_id,
        number=identity.number,
        lid=identity.lid,
        jid=identity.jid,
        remote_jid=(message.jid if is_chat else message.participant_jid) or identity.lid,
        name=name or identity.user_id or message.chat,
        is_group=message.is_group and is_chat,
        active=True,
        channel=message.channel,
        whatsapp_id=message.whatsapp_id,
    )


def _choose_name(message: MessageReceived, *, is_chat: bool, is_author: bool) -> str | None:
    """Return the name that a message gives to a contact: the author's, or the group's."""
    if is_chat and message.is_group:
        return message.group_name
    return message.push_name if is_author else None


def _build_refused(message: MessageReceived) -> MessageRefused:
    return MessageRefused(
        company_id=message.company_id,
        whatsapp_id=message.whatsapp_id,
        chat=message.chat,
        wid=message.wid,
        timestamp=message.timestamp,
        reason="groups-not-allowed",
    )
