"""Rules for a gateway's links of number and LID; `AddressBook.find_or_merge` merges contacts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.contacts.domain.address_book import (
    AddressBook,
    Changes,
    Identity,
    KnownContact,
    LidNumber,
    Saved,
)
from services.contacts.domain.keys import LidKey
from shared.contracts.contact import ContactLink
from shared.contracts.outcome import Emit, Outcome


@dataclass(slots=True)
class Plan(Changes):
    """The contacts to save, the numbers of LIDs, and the planned contact id of each link."""

    numbers: dict[LidKey, LidNumber] = field(default_factory=dict)
    owners: list[tuple[ContactLink, int]] = field(default_factory=list)


def get_identity(link: ContactLink) -> Identity:
    """Return the identity that a link describes."""
    return Identity(link.company_id, link.number, link.lid, link.jid)


def plan_links(known: Sequence[KnownContact], batch: Iterable[ContactLink]) -> Plan:
    """Plan the merge of each link's contacts; a link never creates a contact."""
    plan = Plan()
    book = AddressBook(known, plan)
    for link in batch:
        if link.lid and link.number:
            key = LidKey(link.company_id, link.lid)
            plan.numbers[key] = LidNumber(*key, link.number)
        identity = get_identity(link)
        contact_id = book.find_or_merge(identity)
        if contact_id is not None:
            book.complete(contact_id, identity, link.push_name, reactivate=False)
            plan.owners.append((link, contact_id))
    return plan


def build_facts(plan: Plan, saved: Saved) -> Outcome:
    """Return the facts of changed contacts, each caused by the first link of its contact."""
    outcome: Outcome = []
    published: set[int] = set()
    for link, contact_id in plan.owners:
        if contact_id not in published:
            published.add(contact_id)
            outcome += [Emit(link, fact) for fact in saved.list_facts(contact_id)]
    return outcome
