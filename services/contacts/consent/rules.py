"""Rules that find the first consent of each contact. No clock, no database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from services.contacts.domain.keys import ContactKey
from shared.contracts.contact import ContactConsent, ContactSaved
from shared.contracts.outcome import Emit, Outcome, Reject


class Consent(NamedTuple):
    """The time at which a contact consented first."""

    company_id: int
    contact_id: int
    consented_at: datetime


def find_first(batch: Iterable[ContactConsent]) -> list[Consent]:
    """Return the first consent of each contact in a batch, in key order."""
    first: dict[ContactKey, datetime] = {}
    for request in batch:
        key = ContactKey(request.company_id, request.contact_id)
        first[key] = min(request.consented_at, first.get(key, request.consented_at))
    return [Consent(*key, first[key]) for key in sorted(first)]


def build_facts(
    batch: Sequence[ContactConsent], saved: Mapping[ContactKey, ContactSaved | None]
) -> Outcome:
    """Return one fact per changed contact, caused by the contact's first consent in the batch.

    `saved` maps the contacts that requests name to the facts of their canonical contacts, or to
    None if nothing has changed.
    """
    outcome: Outcome = []
    published: set[int] = set()
    for request in batch:
        key = ContactKey(request.company_id, request.contact_id)
        if key not in saved:
            detail = f"company {request.company_id} has no contact {request.contact_id}"
            outcome.append(Reject(request, "unknown-contact", detail))
            continue
        fact = saved[key]
        if fact and fact.contact_id not in published:
            published.add(fact.contact_id)
            outcome.append(Emit(request, fact))
    return outcome
