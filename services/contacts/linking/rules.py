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
from services.contacts.domain.aliases import (
    PHONE_SERVER,
    Aliases,
    NumberChange,
    link_identity,
    list_spellings,
)
from services.contacts.domain.keys import LidKey, LineKey
from services.contacts.domain.line import Line, choose_portfolio
from shared.contracts.base import BEGINNING, END
from shared.contracts.contact import ContactLink, ContactMove, ContactMoved
from shared.contracts.outcome import Emit, Outcome
from shared.gateways.normalize.addresses import is_bsuid

AddressRequest = ContactLink | ContactMove


@dataclass(frozen=True, slots=True)
class NumberChanged:
    """A change of a contact's number that was not known before; `cause` reported it."""

    cause: AddressRequest
    contact_id: int
    number: str
    new_number: str
    at: datetime
    is_renamed: bool


@dataclass(slots=True)
class Plan(Changes):
    """The contacts to save, the numbers of LIDs, and the planned contact id of each event."""

    numbers: dict[LidKey, LidNumber] = field(default_factory=dict)
    owners: list[tuple[AddressRequest, int]] = field(default_factory=list)
    changed_numbers: list[NumberChanged] = field(default_factory=list)


def list_lines(batch: Iterable[AddressRequest]) -> set[LineKey]:
    """Return the lines that events name."""
    return {LineKey(e.company_id, e.whatsapp_id) for e in batch if e.whatsapp_id is not None}


def list_linked_lids(batch: Iterable[AddressRequest]) -> set[LidKey]:
    """Return the LIDs that events link: to a number, or to a BSUID that may have one."""
    return {
        LidKey(event.company_id, event.lid)
        for event in batch
        if isinstance(event, ContactLink) and event.lid
    }


def list_observed(
    lines: Mapping[LineKey, Line],
    lids: Mapping[LidKey, LidNumber],
    batch: Iterable[AddressRequest],
) -> list[tuple[Identity, datetime]]:
    """Return all identities that events are about, old and new ones, and when each was so."""
    return [
        observed
        for event in batch
        for observed in (
            *((i, event.timestamp or END) for i in _list_event_identities(lines, event)),
            *_list_former_identities(lids, event),
        )
    ]


def list_resolved(observed: Iterable[tuple[Identity, datetime]], aliases: Aliases) -> set[Identity]:
    """Return these identities, and those that their people have had since."""
    return {known for i, at in observed for known in aliases.list_known(i, at)}


def plan_links(
    known: Sequence[KnownContact],
    batch: Iterable[AddressRequest],
    lines: Mapping[LineKey, Line] | None = None,
    lids: Mapping[LidKey, LidNumber] | None = None,
    aliases: Aliases | None = None,
) -> Plan:
    """Plan the merges and new numbers of contacts; none is created.

    `lids` are the numbers of LIDs as reported before. In `aliases` BSUIDs and changes of numbers
    are planned to be saved.
    """
    plan = Plan()
    book = AddressBook(known, plan)
    links = _Links(book, plan, lines or {}, lids or {}, aliases or Aliases((), ()))
    for event in batch:
        if isinstance(event, ContactMove):
            links.move(event)
        else:
            links.link(event)
    return plan


def build_facts(plan: Plan, saved: Saved) -> Outcome:
    """Return the facts of changed contacts, each caused by the first event about its contact."""
    outcome: Outcome = []
    published: set[int] = set()
    for event, contact_id in plan.owners:
        if contact_id not in published:
            published.add(contact_id)
            outcome += [Emit(event, fact) for fact in saved.list_facts(contact_id)]
    return outcome + [Emit(n.cause, _build_moved(n)) for n in plan.changed_numbers]


@dataclass(frozen=True, slots=True)
class _Links:
    """The contacts of a batch of events, and what is known of BSUIDs and changed numbers."""

    book: AddressBook
    plan: Plan
    lines: Mapping[LineKey, Line]
    lids: Mapping[LidKey, LidNumber]
    aliases: Aliases

    def link(self, link: ContactLink) -> None:
        """Merge the contacts of a link."""
        (identity,) = _list_event_identities(self.lines, link)
        at = link.timestamp or END
        if link.lid and (reported := self._get_reported(link, identity)):
            self._link_lid(link, LidNumber(link.company_id, link.lid, *reported))
        current = self.aliases.resolve(identity, at)
        contact_id = self.book.find_or_merge(current, identity.only_user_id)
        self._save_user_id(identity, contact_id, link.timestamp or BEGINNING)
        if contact_id is not None:
            self.book.complete(contact_id, current, link.push_name, reactivate=False)
            self.plan.owners.append((link, contact_id))

    def move(self, move: ContactMove) -> None:
        """Give the contact of a person the new number and BSUID."""
        old, new = _list_event_identities(self.lines, move)
        number = move.number or self.aliases.find_number(old, move.timestamp)
        if number and move.new_number:
            self._change_number(move, number, move.new_number, move.timestamp)
        if (before := old.user_id_key) and (after := new.user_id_key):
            self.aliases.succeed(before, after)
        current = self.aliases.resolve(new, move.timestamp)
        contact_id = self.book.find_or_merge(current, old.only_user_id, new.only_user_id)
        self._save_user_id(new, contact_id, move.timestamp)
        if contact_id is not None:
            self.book.complete(contact_id, current, None, reactivate=False)
            if old.user_id and current.user_id:
                self.book.replace_address(contact_id, old.user_id, current.user_id)
            self.plan.owners.append((move, contact_id))

    def _get_reported(
        self, link: ContactLink, identity: Identity
    ) -> tuple[str, datetime | None] | None:
        """Return the number of a link and its time; by default those of its BSUID."""
        if link.number is not None:
            return link.number, link.timestamp
        return self.aliases.find_observed(identity)

    def _link_lid(self, link: ContactLink, reported: LidNumber) -> None:
        """Save the number of a LID; another one than before is a new number of the person."""
        key = LidKey(reported.company_id, reported.lid)
        known = self.plan.numbers.get(key) or self.lids.get(key)
        is_newer = known is None or reported.is_newer_than(known)
        if is_newer:
            self.plan.numbers[key] = reported
        if known is None or reported.number_at is None:
            return
        # The older of the two has a time here, unless the known one never had any.
        older, newer = (known, reported) if is_newer else (reported, known)
        at = newer.number_at or reported.number_at
        number = self.aliases.follow(link.company_id, older.number, older.number_at or at, at)
        self._change_number(link, number, newer.number, at)

    def _change_number(
        self, cause: AddressRequest, number: str, new_number: str, at: datetime
    ) -> None:
        company_id = cause.company_id
        spellings = list_spellings(number)
        if new_number in spellings:
            return
        contact = self.book.find(Identity(company_id, number))
        is_new = self.aliases.add_change(NumberChange(company_id, number, new_number, at))
        if contact is None or not is_new:
            return
        current = self.aliases.follow(company_id, new_number, at)
        if contact.number == current or contact.number not in spellings:
            return
        is_renamed = self.book.rename(contact, current, f"{current}{PHONE_SERVER}")
        self.plan.owners.append((cause, contact.id))
        changed = NumberChanged(cause, contact.id, number, new_number, at, is_renamed)
        self.plan.changed_numbers.append(changed)

    def _save_user_id(self, identity: Identity, contact_id: int | None, at: datetime) -> None:
        key = identity.user_id_key
        if contact_id is not None:
            link_identity(self.aliases, self.book, identity, contact_id, at)
        elif key is not None and identity.number is not None:
            self.aliases.link(key, None, identity.number, at)


def _list_event_identities(
    lines: Mapping[LineKey, Line], event: AddressRequest
) -> tuple[Identity, ...]:
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
    portfolio = choose_portfolio(lines, event.company_id, event.whatsapp_id, event.portfolio)
    return tuple(
        replace(identity, portfolio=portfolio, user_id=user_id) if user_id else identity
        for identity, user_id in zip(identities, user_ids, strict=False)
    )


def _list_former_identities(
    lids: Mapping[LidKey, LidNumber], event: AddressRequest
) -> tuple[tuple[Identity, datetime], ...]:
    if isinstance(event, ContactMove) or not event.lid:
        return ()
    known = lids.get(LidKey(event.company_id, event.lid))
    return ((Identity(event.company_id, known.number), known.number_at or END),) if known else ()


def _build_moved(changed: NumberChanged) -> ContactMoved:
    return ContactMoved(
        company_id=changed.cause.company_id,
        contact_id=changed.contact_id,
        number=changed.number,
        new_number=changed.new_number,
        is_renamed=changed.is_renamed,
        timestamp=changed.at,
    )
