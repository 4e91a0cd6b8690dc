"""Links of gateways join contacts that are one person."""

from services.contacts.domain.address_book import Identity, KnownContact
from services.contacts.domain.keys import LidKey
from services.contacts.linking import rules
from shared.contracts.contact import ContactLink
from tests.support.build import CUSTOMER, contact

LID = "140000000000580@lid"


def test_a_link_joins_known_contacts_and_makes_none() -> None:
    link = ContactLink(company_id=1, request_id="r", number=CUSTOMER, lid=LID)
    nobody = rules.plan_links([], [link])
    assert (nobody.new, nobody.numbers[LidKey(1, LID)].number) == ({}, CUSTOMER)
    lid_only = contact(101, number=None, jid=None, lid=LID)
    both = [
        KnownContact(Identity(1, CUSTOMER), contact()),
        KnownContact(Identity(1, lid=LID), lid_only),
    ]
    assert rules.plan_links(both, [link]).merged[101].canonical_id == 100
    alone = rules.plan_links([KnownContact(Identity(1, lid=LID), lid_only)], [link])
    assert alone.changed[101].number == CUSTOMER


def test_a_contact_merged_into_a_merged_one_is_merged_into_the_last() -> None:
    jid = f"{CUSTOMER}@s.whatsapp.net"
    lid_only = contact(101, number=None, jid=None, lid=LID)
    address = contact(102, number=None)
    owner = contact(103, jid=None)
    known = [
        KnownContact(Identity(c.company_id, c.number, c.lid, c.jid), c)
        for c in (lid_only, address, owner)
    ]
    by_jid = ContactLink(company_id=1, request_id="r1", jid=jid, lid=LID)
    by_number = ContactLink(company_id=1, request_id="r2", number=CUSTOMER, jid=jid)
    plan = rules.plan_links(known, [by_jid, by_number])
    merges = {m.merged_id: (m.canonical_id, m.frees_lid) for m in plan.merged.values()}
    assert merges == {101: (103, True), 102: (103, True)}
    assert (set(plan.changed), plan.changed[103].lid) == ({103}, LID)
