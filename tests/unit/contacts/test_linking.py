"""Links of gateways join contacts that are one person."""

from collections.abc import Sequence
from itertools import permutations

import pytest

from services.contacts.domain.address_book import Identity, KnownContact, LidNumber, Saved
from services.contacts.domain.aliases import Aliases
from services.contacts.domain.keys import LidKey
from services.contacts.linking import rules
from shared.contracts.contact import ContactLink, ContactMove, ContactMoved
from shared.contracts.outcome import Emit
from tests.support.build import CUSTOMER, at, contact

LID = "140000000000580@lid"
OTHER = "5511977000002"


def link_lid(number: str, minutes: float) -> ContactLink:
    return ContactLink(company_id=1, request_id="r", number=number, lid=LID, timestamp=at(minutes))


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


def test_a_link_without_a_time_does_not_replace_a_number_with_a_time() -> None:
    timed = link_lid(CUSTOMER, 2)
    untimed = timed.model_copy(update={"number": OTHER, "timestamp": None})
    for batch in ((timed, untimed), (untimed, timed)):
        plan = rules.plan_links([], batch)
        assert plan.numbers[LidKey(1, LID)] == LidNumber(1, LID, CUSTOMER, at(2))


@pytest.mark.parametrize("batch", [*permutations([(CUSTOMER, 2), (OTHER, 6), (CUSTOMER, 3)])])
def test_a_lid_has_its_last_number_in_whatever_order_links_come(
    batch: Sequence[tuple[str, float]],
) -> None:
    known = [KnownContact(Identity(1, CUSTOMER), contact())]
    aliases = Aliases((), ())
    links = [link_lid(*item) for item in batch]
    plan = rules.plan_links(known, links, aliases=aliases)
    assert plan.numbers[LidKey(1, LID)] == LidNumber(1, LID, OTHER, at(6))
    assert plan.changed[100].number == OTHER
    assert aliases.follow(1, CUSTOMER, at(5)) == OTHER


def test_a_published_change_has_its_time() -> None:
    move = ContactMove(
        company_id=1, request_id="m", number=CUSTOMER, new_number=OTHER, timestamp=at(5)
    )
    plan = rules.plan_links([KnownContact(Identity(1, CUSTOMER), contact())], [move])
    (emit,) = rules.build_facts(plan, Saved())
    assert isinstance(emit, Emit)
    assert isinstance(emit.fact, ContactMoved)
    assert (emit.fact.timestamp, emit.fact.is_renamed) == (at(5), True)
