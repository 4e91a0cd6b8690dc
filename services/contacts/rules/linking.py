"""What follows when a gateway tells that several names are one person's. No clock, no database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.contacts.rules.address_book import AddressBook, Changes, Identity, Known, Saved
from shared.contracts.contact import ContactLink
from shared.contracts.outcome import Outcome, Told


@dataclass(frozen=True, slots=True)
class LidNumber:
    """The number behind a LID."""

    company_id: int
    lid: str
    number: str


@dataclass(slots=True)
class Plan(Changes):
    """What follows from a batch: the contacts to save, and whose each link is."""

    numbers: dict[tuple[int, str], LidNumber] = field(default_factory=dict)
    owners: list[tuple[ContactLink, int]] = field(default_factory=list)


def identity_of(link: ContactLink) -> Identity:
    """Read the names that a link joins."""
    return Identity(link.company_id, link.number, link.lid, link.jid)


def link(known: Sequence[Known], batch: Iterable[ContactLink]) -> Plan:
    """Join contacts that are one person; where there is none yet, the link is remembered."""
    plan = Plan()
    book = AddressBook(known, plan)
    for request in batch:
        if request.lid and request.number:
            key = (request.company_id, request.lid)
            plan.numbers[key] = LidNumber(*key, request.number)
        identity = identity_of(request)
        found = book.find(identity)
        if found is not None:
            book.learn(found, identity, request.push_name, revives=False)
            plan.owners.append((request, found))
    return plan


def linked(plan: Plan, saved: Saved) -> Outcome:
    """Tell which contacts changed, as caused by the first link of each."""
    told: Outcome = []
    announced: set[int] = set()
    for request, contact_id in plan.owners:
        if contact_id not in announced:
            announced.add(contact_id)
            told += [Told(request, fact) for fact in saved.facts(contact_id)]
    return told
