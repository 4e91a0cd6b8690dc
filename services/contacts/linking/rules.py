"""Rules for addresses that belong to one person, and for numbers and BSUIDs that changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.contacts.domain.address_book import (
    AddressBook,
    Changes,
    Identity,
    KnownContact,
    LidNumber,
    Saved,
)
from services.contacts.domain.aliases import PHONE_SERVER, Aliases, NumberChange, link_identity
from services.contacts.domain.keys import LidKey, LineKey
from services.contacts.domain.line import Line
from shared.contracts.base import BEGINNING, END
from shared.contracts.contact import ContactLink, ContactMove, ContactMoved
from shared.contracts.outcome import Emit, Outcome
from shared.gateways.normalize.addresses import is_bsuid

Address = ContactLink | ContactMove


@dataclass(frozen=True, slots=True)
class Noticed:
    """A change of a contact's number that was not known before; `cause` reported it."""

    cause: Address
    contact_id: int
    number: str
    new_number: str
    is_renamed: bool


@dataclass(slots=True)
class Plan(Changes):
    """The contacts to save, the numbers of LIDs, and the planned contact id of each event."""

    numbers: dict[LidKey, LidNumber] = field(default_factory=dict)
    owners: list[tuple[Address, int]] = field(default_factory=list)
    noticed: list[Noticed] = field(default_factory=list)


def list_lines(batch: Iterable[Address]) -> set[LineKey]:
    """Return the lines that events name."""
    return {LineKey(e.company_id, e.whatsapp_id) for e in batch if e.whatsapp_id is not None}


def list_linked_lids(batch: Iterable[Address]) -> set[LidKey]:
    """Return the LIDs whose number may have changed: their links have a time."""
    return {
        LidKey(event.company_id, event.lid)
        for event in batch
        if isinstance(event, ContactLink) and event.lid and event.number and event.timestamp
    }


def list_identities(
    lines: Mapping[LineKey, Line],
    numbers: Mapping[LidKey, str],
    batch: Iterable[Address],
) -> set[Identity]:
    """Return all identities that events are about, old and new ones."""
    return {
        identity
        for event in batch
        for identity in (
            *_list_event_identities(lines, event),
            *_list_former_identities(numbers, event),
        )
    }


def list_resolved(
    lines: Mapping[LineKey, Line],
    numbers: Mapping[LidKey, str],
    batch: Iterable[Address],
    aliases: Aliases,
) -> set[Identity]:
    """Return all identities of events, and those that their people have now."""
    return {
        known
        for event in batch
        for identity in list_identities(lines, numbers, [event])
        for known in (identity, aliases.resolve(identity, event.timestamp or END))
    }


def plan_links(
    known: Sequence[KnownContact],
    batch: Iterable[Address],
    lines: Mapping[LineKey, Line] | None = None,
    numbers: Mapping[LidKey, str] | None = None,
    aliases: Aliases | None = None,
) -> Plan:
    """Plan the merges and new numbers of contacts; none is created.

    `numbers` are those of LIDs as reported before. In `aliases` BSUIDs and changes of numbers are
    planned to be saved.
    """
    plan = Plan()
    links = _Links(AddressBook(known, plan), plan, lines or {}, aliases or Aliases((), ()))
    for event in batch:
        if isinstance(event, ContactMove):
            links.move(event)
        else:
            links.link(event, (numbers or {}).get(LidKey(event.company_id, event.lid or "")))
    return plan


def build_facts(plan: Plan, saved: Saved) -> Outcome:
    """Return the facts of changed contacts, each caused by the first event about its contact."""
    outcome: Outcome = []
    published: set[int] = set()
    for event, contact_id in plan.owners:
        if contact_id not in published:
            published.add(contact_id)
            outcome += [Emit(event, fact) for fact in saved.list_facts(contact_id)]
    return outcome + [Emit(n.cause, _build_moved(n)) for n in plan.noticed]


@dataclass(frozen=True, slots=True)
class _Links:
    """The contacts of a batch of events, and what is known of BSUIDs and changed numbers."""

    book: AddressBook
    plan: Plan
    lines: Mapping[LineKey, Line]
    aliases: Aliases

    def link(self, link: ContactLink, known_number: str | None) -> None:
        """Merge the contacts of a link; `known_number` was reported for its LID before."""
        (identity,) = _list_event_identities(self.lines, link)
        current = self.aliases.resolve(identity, link.timestamp or END)
        if link.lid and current.number:
            key = LidKey(link.company_id, link.lid)
            if link.timestamp and known_number and known_number != current.number:
                self._change_number(link, known_number, current.number, link.timestamp)
            self.plan.numbers[key] = LidNumber(*key, current.number)
        contact_id = self.book.find_or_merge(current, _keep_user_id(identity))
        self._save_user_id(identity, contact_id, link.timestamp or BEGINNING)
        if contact_id is not None:
            self.book.complete(contact_id, current, link.push_name, reactivate=False)
            self.plan.owners.append((link, contact_id))

    def move(self, move: ContactMove) -> None:
        """Give the contact of a person the new number and BSUID."""
        old, new = _list_event_identities(self.lines, move)
        number = move.number or self.aliases.resolve(_keep_user_id(old), move.timestamp).number
        if number and move.new_number:
            self._change_number(move, number, move.new_number, move.timestamp)
        if (before := old.user_id_key) and (after := new.user_id_key):
            self.aliases.succeed(before, after)
        current = self.aliases.resolve(new, move.timestamp)
        contact_id = self.book.find_or_merge(current, _keep_user_id(old), _keep_user_id(new))
        self._save_user_id(new, contact_id, move.timestamp)
        if contact_id is not None:
            self.book.complete(contact_id, current, None, reactivate=False)
            self.plan.owners.append((move, contact_id))

    def _change_number(self, cause: Address, number: str, new_number: str, at: datetime) -> None:
        company_id = cause.company_id
        change = NumberChange(company_id, number, new_number, at)
        old = Identity(company_id, number)
        contact = self.book.find(old)
        if (
            new_number in (number, old.other_number)
            or not self.aliases.add_change(change)
            or contact is None
        ):
            return
        current = self.aliases.follow(company_id, new_number, at)
        if contact.number == current or contact.number not in (number, old.other_number):
            return
        is_renamed = self.book.rename(contact, current, f"{current}{PHONE_SERVER}")
        if is_renamed and contact.lid:
            key = LidKey(company_id, contact.lid)
            self.plan.numbers[key] = LidNumber(*key, current)
        self.plan.owners.append((cause, contact.id))
        self.plan.noticed.append(Noticed(cause, contact.id, number, new_number, is_renamed))

    def _save_user_id(self, identity: Identity, contact_id: int | None, at: datetime) -> None:
        key = identity.user_id_key
        if contact_id is not None:
            link_identity(self.aliases, self.book, identity, contact_id, at)
        elif key is not None and identity.number is not None:
            self.aliases.link_number(key, identity.number, at)


def _list_event_identities(lines: Mapping[LineKey, Line], event: Address) -> tuple[Identity, ...]:
    """Return the identity of a link, or those before and after a move."""
    if isinstance(event, ContactMove):
        number = event.new_number or event.number
        user_ids = (event.bsuid, event.new_bsuid or event.bsuid)
        identities: tuple[Identity, ...] = (
            Identity(event.company_id, event.number),
            Identity(event.company_id, number),
        )
    else:
        jid = None if event.jid and is_bsuid(event.jid) else event.jid
        user_ids = (event.bsuid or (event.jid if jid is None else None), None)
        identities = (Identity(event.company_id, event.number, event.lid, jid),)
    portfolio = _choose_portfolio(lines, event)
    return tuple(
        replace(identity, portfolio=portfolio, user_id=user_id) if user_id else identity
        for identity, user_id in zip(identities, user_ids, strict=False)
    )


def _list_former_identities(numbers: Mapping[LidKey, str], event: Address) -> tuple[Identity, ...]:
    if isinstance(event, ContactMove) or not event.lid:
        return ()
    number = numbers.get(LidKey(event.company_id, event.lid))
    return (Identity(event.company_id, number),) if number else ()


def _choose_portfolio(lines: Mapping[LineKey, Line], event: Address) -> str:
    if event.whatsapp_id is None:
        return event.portfolio or ""
    key = LineKey(event.company_id, event.whatsapp_id)
    line = lines.get(key) or Line(*key, allow_group=False)
    return line.choose_portfolio(event.portfolio)


def _keep_user_id(identity: Identity) -> Identity:
    """Return only the BSUID of an identity: an old number may have another owner now."""
    return replace(identity, number=None, jid=None, lid=None)


def _build_moved(noticed: Noticed) -> ContactMoved:
    return ContactMoved(
        company_id=noticed.cause.company_id,
        contact_id=noticed.contact_id,
        number=noticed.number,
        new_number=noticed.new_number,
        is_renamed=noticed.is_renamed,
    )
