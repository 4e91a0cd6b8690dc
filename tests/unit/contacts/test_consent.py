"""The first consent of a contact counts."""

from services.contacts.consent import rules
from services.contacts.consent.rules import Consent
from services.contacts.domain.keys import ContactKey
from shared.contracts.contact import ContactConsent, ContactSaved
from shared.contracts.outcome import Emit, Reject
from tests.support.build import at

KEY = ContactKey(1, 100)


def consent(minutes: float) -> ContactConsent:
    return ContactConsent(
        company_id=1, request_id=f"c{minutes}", contact_id=100, consented_at=at(minutes)
    )


def test_the_first_consent_of_a_contact_counts_and_is_published_once() -> None:
    batch = [consent(2), consent(1)]
    assert rules.find_first(batch) == [Consent(1, 100, at(1))]
    fact = ContactSaved(company_id=1, contact_id=100, version=1, name="Maria")
    assert rules.build_facts(batch, {KEY: fact}) == [Emit(batch[0], fact)]


def test_a_repeated_consent_is_not_published() -> None:
    assert rules.build_facts([consent(1)], {KEY: None}) == []


def test_a_consent_of_an_unknown_contact_is_rejected() -> None:
    (reject,) = rules.build_facts([consent(1)], {})
    assert isinstance(reject, Reject)
    assert reject.reason == "unknown-contact"
