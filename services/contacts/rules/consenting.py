"""What follows when contacts consent to the use of their data. No clock, no database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from shared.contracts.contact import ContactConsent, ContactSaved
from shared.contracts.outcome import Dead, Outcome, Told

ContactKey = tuple[int, int]  # companyId, contact's id


def consents(batch: Iterable[ContactConsent]) -> dict[ContactKey, datetime]:
    """Say when each contact consented first."""
    first: dict[ContactKey, datetime] = {}
    for request in batch:
        key = (request.company_id, request.contact_id)
        first[key] = min(request.consented_at, first.get(key, request.consented_at))
    return first


def consented(
    batch: Sequence[ContactConsent], saved: Mapping[ContactKey, ContactSaved | None]
) -> Outcome:
    """Tell which contacts changed, as caused by the first consent of each.

    `saved` maps contacts as requests name them to those that stand for them; None where nothing
    has changed.
    """
    told: Outcome = []
    announced: set[int] = set()
    for request in batch:
        key = (request.company_id, request.contact_id)
        if key not in saved:
            detail = f"company {request.company_id} has no contact {request.contact_id}"
            told.append(Dead(request, "unknown-contact", detail))
            continue
        fact = saved[key]
        if fact and fact.contact_id not in announced:
            announced.add(fact.contact_id)
            told.append(Told(request, fact))
    return told
