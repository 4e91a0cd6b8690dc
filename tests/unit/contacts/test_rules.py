"""Whose message it is."""

from collections.abc import Sequence

import pytest

from services.contacts.rules import consenting, identifying, linking
from services.contacts.rules.address_book import Contact, Identity, Known
from services.contacts.rules.identifying import Plan
from shared.contracts.contact import ContactConsent, ContactLink, ContactSaved
from shared.contracts.message import MessageReceived, MessageRefused
from shared.contracts.outcome import Dead, Told
from shared.gateways.numbers import other_spelling
from tests.support.build import CUSTOMER, GROUP, at, contact, in_group, lines, received

LID = "140000000000580@lid"


def identify(*batch: MessageReceived, known: Sequence[Contact] = (), groups: bool = True) -> Plan:
    found = [Known(Identity(c.company_id, c.number, c.lid, c.jid), c) for c in known]
    return identifying.identify(lines(allow_group=groups), found, {}, batch)


def test_a_stranger_becomes_a_contact_named_as_they_name_themselves() -> None:
    (new,) = identify(received()).new.values()
    assert (new.number, new.name, new.whatsapp_id) == (CUSTOMER, "Maria", 10)


def test_two_messages_of_a_stranger_make_one_contact() -> None:
    plan = identify(received("A1"), received("A2"))
    assert len(plan.new) == 1
    assert [owner for _, owner, _ in plan.owners] == [-1, -1]


def test_a_known_contact_of_whom_nothing_is_learnt_is_left_alone() -> None:
    plan = identify(received(push_name="Outro Nome"), known=[contact()])
    assert (plan.new, plan.changed) == ({}, {})


def test_a_name_is_learnt_only_while_the_number_stands_for_it() -> None:
    plan = identify(received(push_name="Maria"), known=[contact(name=CUSTOMER)])
    assert plan.changed[100].name == "Maria"


def test_our_own_push_name_names_nobody() -> None:
    (new,) = identify(received(from_me=True, push_name="Atendente")).new.values()
    assert new.name == CUSTOMER


def test_a_deleted_contact_who_writes_is_active_again() -> None:
    plan = identify(received(), known=[contact(active=False)])
    assert plan.changed[100].active


def test_our_message_to_a_deleted_contact_does_not_revive_it() -> None:
    assert identify(received(from_me=True), known=[contact(active=False)]).changed == {}


def test_a_contact_known_by_lid_learns_its_number() -> None:
    known = contact(number=None, jid=None, lid=LID, remote_jid=LID, name=LID)
    plan = identify(received(lid=LID), known=[known])
    learnt = plan.changed[100]
    assert (learnt.number, learnt.name) == (CUSTOMER, "Maria")
    assert learnt.remote_jid == f"{CUSTOMER}@s.whatsapp.net"


def test_a_real_address_is_never_replaced_by_a_lid() -> None:
    plan = identify(received(chat=LID, jid=LID, lid=LID), known=[contact(lid=LID)])
    assert plan.changed == {}


def test_a_contact_of_a_lid_alone_is_merged_into_that_of_its_number() -> None:
    ghost = contact(101, number=None, jid=None, lid=LID, name="Sem número")
    plan = identify(received(lid=LID), known=[contact(name=CUSTOMER), ghost])
    assert [(m.loser_id, m.winner_id, m.frees) for m in plan.merged.values()] == [(101, 100, True)]
    assert (plan.changed[100].lid, plan.changed[100].name) == (LID, "Sem número")
    assert plan.owners[0][1] == 100


def test_what_was_merged_goes_on_to_whom_that_one_is_merged_into() -> None:
    jid = f"{CUSTOMER}@s.whatsapp.net"
    ghost = contact(101, number=None, jid=None, lid=LID)
    address = contact(102, number=None)
    owner = contact(103, jid=None)
    found = [
        Known(Identity(c.company_id, c.number, c.lid, c.jid), c) for c in (ghost, address, owner)
    ]
    by_jid = ContactLink(company_id=1, request_id="r1", jid=jid, lid=LID)
    by_number = ContactLink(company_id=1, request_id="r2", number=CUSTOMER, jid=jid)
    plan = linking.link(found, [by_jid, by_number])
    merges = {m.loser_id: (m.winner_id, m.frees) for m in plan.merged.values()}
    assert merges == {101: (103, True), 102: (103, True)}
    assert (set(plan.changed), plan.changed[103].lid) == ({103}, LID)


def test_two_contacts_with_numbers_stay_two_whatever_lid_is_said() -> None:
    other = contact(101, number="5511900000009", jid=None, lid=LID)
    plan = identify(received(lid=LID), known=[contact(), other])
    assert (plan.merged, plan.changed, plan.owners[0][1]) == ({}, {}, 100)


def test_a_stranger_seen_by_lid_and_then_by_number_is_merged_within_a_batch() -> None:
    by_lid = received("A1", chat=LID, jid=LID, lid=LID, push_name=None)
    plan = identify(by_lid, received("A2", lid=LID), known=[contact(lid=None)])
    assert (plan.new[-1].lid, plan.merged[-1].winner_id, plan.changed[100].lid) == (LID, 100, LID)
    assert [owner for _, owner, _ in plan.owners] == [-1, 100]


def test_a_lid_whose_number_was_told_is_that_number() -> None:
    message = received(chat=LID, jid=LID, lid=LID)
    found = [Known(Identity(1, CUSTOMER), contact(lid=None))]
    plan = identifying.identify(lines(), found, {(1, LID): CUSTOMER}, [message])
    assert (plan.owners[0][1], plan.changed[100].lid) == (100, LID)


@pytest.mark.parametrize(
    ("number", "other"),
    [
        ("5511987654321", "551187654321"),
        ("551187654321", "5511987654321"),
        ("551132654321", None),
        ("5511932654321", None),
        ("5215512345678", "525512345678"),
        ("525512345678", "5215512345678"),
        ("5491123456789", "541123456789"),
        ("351912345678", None),
        (GROUP, None),
    ],
)
def test_the_digit_that_a_country_added_has_a_spelling_without_it(
    number: str, other: str | None
) -> None:
    assert other_spelling(number) == other


def test_both_spellings_of_a_brazilian_mobile_are_one_contact() -> None:
    known = contact(number="551187654321", jid="551187654321@s.whatsapp.net")
    new = "5511987654321"
    plan = identify(received(chat=new, jid=f"{new}@s.whatsapp.net"), known=[known])
    assert (plan.new, plan.changed, plan.owners[0][1]) == ({}, {}, 100)


def test_a_link_joins_what_it_names_and_adds_nobody() -> None:
    link = ContactLink(company_id=1, request_id="r", number=CUSTOMER, lid=LID)
    nobody = linking.link([], [link])
    assert (nobody.new, nobody.numbers[1, LID].number) == ({}, CUSTOMER)
    ghost = contact(101, number=None, jid=None, lid=LID)
    both = [
        Known(Identity(1, CUSTOMER), contact()),
        Known(Identity(1, lid=LID), ghost),
    ]
    assert linking.link(both, [link]).merged[101].winner_id == 100
    alone = linking.link([Known(Identity(1, lid=LID), ghost)], [link])
    assert alone.changed[101].number == CUSTOMER


def consent(minutes: float) -> ContactConsent:
    return ContactConsent(
        company_id=1, request_id=f"c{minutes}", contact_id=100, consented_at=at(minutes)
    )


def test_the_first_consent_of_a_contact_counts_and_is_told_once() -> None:
    batch = [consent(2), consent(1)]
    assert consenting.consents(batch) == {(1, 100): at(1)}
    fact = ContactSaved(company_id=1, contact_id=100, version=1, name="Maria")
    assert consenting.consented(batch, {(1, 100): fact}) == [Told(batch[0], fact)]


def test_a_consent_that_was_known_is_not_told() -> None:
    assert consenting.consented([consent(1)], {(1, 100): None}) == []


def test_a_consent_of_nobody_is_a_dead_letter() -> None:
    (dead,) = consenting.consented([consent(1)], {})
    assert isinstance(dead, Dead)
    assert dead.reason == "unknown-contact"


def test_a_group_and_its_author_are_two_contacts() -> None:
    plan = identify(in_group())
    group, author = plan.new.values()
    assert (group.number, group.is_group, group.name) == (GROUP, True, GROUP)
    assert (author.number, author.is_group, author.name) == (CUSTOMER, False, "Maria")
    assert plan.owners[0][1:] == (group.id, author.id)


def test_a_number_that_was_merged_into_another_contact_stands_for_that_one() -> None:
    winner = contact(200, number="5511900000009", jid=None)
    by_the_loser = Known(Identity(1, CUSTOMER), winner)
    plan = identifying.identify(lines(), [by_the_loser], {}, [received()])
    assert (plan.new, plan.owners[0][1]) == ({}, 200)


def test_our_message_has_no_sender() -> None:
    assert identify(in_group(from_me=True)).owners[0][2] is None


def test_a_group_that_the_line_does_not_serve_is_refused_and_leaves_no_contact() -> None:
    plan = identify(in_group(), groups=False)
    (told,) = plan.outcome
    assert isinstance(told, Told)
    assert isinstance(told.fact, MessageRefused)
    assert told.fact.reason == "groups-not-allowed"
    assert plan.new == {}


def test_a_line_that_the_company_does_not_have_is_a_dead_letter() -> None:
    (dead,) = identify(received(whatsapp_id=99)).outcome
    assert isinstance(dead, Dead)
    assert (dead.reason, "no line 99" in dead.detail) == ("unknown-line", True)


def test_the_same_number_in_another_company_is_another_contact() -> None:
    two_lines = lines() | {(2, 20): identifying.Line(2, 20, allow_group=True)}
    batch = [received("A1"), received("A1", company_id=2, whatsapp_id=20)]
    assert len(identifying.identify(two_lines, [], {}, batch).new) == 2
