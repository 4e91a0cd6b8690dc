"""Rules that find or create the contact of each message. No clock, no database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.contacts.domain.address_book import (
    LID_SERVER,
    AddressBook,
    Changes,
    Contact,
    Identity,
    KnownContact,
    Saved,
)
from services.contacts.domain.aliases import PHONE_SERVER, Aliases, link_identity
from services.contacts.domain.keys import LidKey, LineKey
from services.contacts.domain.line import Line
from shared.contracts.error_texts import describe_missing_line
from shared.contracts.message import MessageIdentified, MessageReceived, MessageRefused
from shared.contracts.outcome import Emit, Outcome, Reject
from shared.gateways.normalize.addresses import is_bsuid


@dataclass(slots=True)
class Plan(Changes):
    """The contacts to save, and the planned contact ids of each message's chat and author."""

    owners: list[tuple[MessageReceived, int, int | None]] = field(default_factory=list)
    outcome: Outcome = field(default_factory=list)


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


def list_identities(
    lines: Mapping[LineKey, Line],
    batch: Iterable[MessageReceived],
    numbers: Mapping[LidKey, str] | None = None,
) -> set[Identity]:
    """Return the identities of all chats and authors of a batch, as the messages have them."""
    return {_add_number(i, numbers or {}) for i, _ in _list_observed(lines, batch)}


def list_resolved(
    lines: Mapping[LineKey, Line],
    batch: Iterable[MessageReceived],
    numbers: Mapping[LidKey, str],
    aliases: Aliases,
) -> set[Identity]:
    """Return the identities of all chats and authors with the addresses that they have now."""
    observed = ((_add_number(i, numbers), at) for i, at in _list_observed(lines, batch))
    return {known for i, at in observed for known in (i, aliases.resolve(i, at))}


def list_lids(batch: Iterable[MessageReceived]) -> set[LidKey]:
    """Return the LIDs for which a batch has no number."""
    return {
        LidKey(identity.company_id, identity.lid)
        for identity in list_identities({}, batch)
        if identity.lid and not identity.number
    }


def _list_observed(
    lines: Mapping[LineKey, Line], batch: Iterable[MessageReceived]
) -> Iterator[tuple[Identity, datetime]]:
    for message in batch:
        portfolio = _choose_portfolio(lines, message)
        yield get_chat_identity(message, portfolio), message.timestamp
        if author := get_author_identity(message, portfolio):
            yield author, message.timestamp


def _choose_portfolio(lines: Mapping[LineKey, Line], message: MessageReceived) -> str:
    key = LineKey(message.company_id, message.whatsapp_id)
    line = lines.get(key) or Line(*key, allow_group=False)
    return line.choose_portfolio(message.portfolio)


def plan_contacts(
    lines: Mapping[LineKey, Line],
    known: Sequence[KnownContact],
    numbers: Mapping[LidKey, str],
    batch: Sequence[MessageReceived],
    aliases: Aliases | None = None,
) -> Plan:
    """Find or plan the contact of each message; a later message sees the changes of earlier ones.

    `numbers` maps LIDs to the numbers that gateways have reported. In `aliases` the BSUIDs of the
    batch are planned to be saved.
    """
    plan = Plan()
    people = _People(AddressBook(known, plan), numbers, aliases or Aliases((), ()))
    for message in batch:
        key = LineKey(message.company_id, message.whatsapp_id)
        line = lines.get(key)
        if line is None:
            plan.outcome.append(Reject(message, "unknown-line", describe_missing_line(*key)))
        elif message.is_group and not line.allow_group:
            plan.outcome.append(Emit(message, _build_refused(message)))
        else:
            portfolio = line.choose_portfolio(message.portfolio)
            plan.owners.append((message, *people.plan_owners(message, portfolio)))
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


@dataclass(frozen=True, slots=True)
class _People:
    """The contacts of a batch, and what is known of LIDs, BSUIDs and changed numbers."""

    book: AddressBook
    numbers: Mapping[LidKey, str]
    aliases: Aliases

    def plan_owners(self, message: MessageReceived, portfolio: str) -> tuple[int, int | None]:
        """Return the planned ids of a message's chat and author; our messages have no author."""
        identity = get_chat_identity(message, portfolio)
        chat = self._plan_owner(identity, message, is_chat=True)
        author = get_author_identity(message, portfolio)
        if author:
            return chat, self._plan_owner(author, message, is_chat=False)
        return chat, None if message.from_me else chat

    def _plan_owner(self, observed: Identity, message: MessageReceived, *, is_chat: bool) -> int:
        is_author = not message.from_me and not (is_chat and message.is_group)
        at = message.timestamp
        identity = self.aliases.resolve(_add_number(observed, self.numbers), at)
        contact_id = self.book.find_or_merge(identity, _without_addresses(observed))
        if contact_id is None:
            new = _build_contact(identity, message, is_chat=is_chat, is_author=is_author)
            # Replies go to the address as received, unless it is known what the person has now.
            address = identity.jid if identity.jid != observed.jid else new.remote_jid
            contact_id = self.book.add(replace(new, remote_jid=address or identity.user_id))
        else:
            name = message.push_name if is_author else None
            self.book.complete(contact_id, identity, name, reactivate=is_author)
        link_identity(self.aliases, self.book, observed, contact_id, at)
        return contact_id


def _without_addresses(identity: Identity) -> Identity:
    """Return only the BSUID of an identity: an old number may have another owner now."""
    return replace(identity, number=None, jid=None, lid=None)


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
    name = (is_author and message.push_name) or identity.number or identity.lid
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


def _build_refused(message: MessageReceived) -> MessageRefused:
    return MessageRefused(
        company_id=message.company_id,
        whatsapp_id=message.whatsapp_id,
        chat=message.chat,
        wid=message.wid,
        timestamp=message.timestamp,
        reason="groups-not-allowed",
    )
