"""Received messages get their contacts, new or known."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.contacts.domain.address_book import Contact, Identity, KnownContact, Merge
from services.contacts.domain.keys import LidKey, LineKey
from services.contacts.domain.line import Line
from services.contacts.identifying.rules import Plan, list_observed, list_people, plan_contacts
from shared.contracts.message import MessageReceived, MessageRefused
from shared.contracts.outcome import Emit, Reject
from shared.gateways.normalize.numbers import find_other_spelling
from tests.support.build import CUSTOMER, GROUP, NOON, contact, in_group, lines, received

LID = "140000000000580@lid"


def plan(
    known_lines: Mapping[LineKey, Line],
    found: Sequence[KnownContact],
    numbers: Mapping[LidKey, str],
    batch: Sequence[MessageReceived],
) -> Plan:
    return plan_contacts(known_lines, found, numbers, list_observed(known_lines, batch))


def identify(*batch: MessageReceived, known: Sequence[Contact] = (), groups: bool = True) -> Plan:
    found = [KnownContact(Identity(c.company_id, c.number, c.lid, c.jid), c) for c in known]
    return plan(lines(allow_group=groups), found, {}, batch)


def test_a_stranger_becomes_a_contact_named_as_they_name_themselves() -> None:
    (new,) = identify(received()).new.values()
    assert (new.number, new.name, new.whatsapp_id) == (CUSTOMER, "Maria", 10)


def test_two_messages_of_a_stranger_make_one_contact() -> None:
    plan = identify(received("A1"), received("A2"))
    assert len(plan.new) == 1
    assert [owner for _, owner, _ in plan.owners] == [-1, -1]


def test_a_known_contact_that_lacks_nothing_is_not_changed() -> None:
    plan = identify(received(push_name="Outro Nome"), known=[contact()])
    assert (plan.new, plan.changed) == ({}, {})


def test_a_push_name_replaces_only_a_number_as_name() -> None:
    plan = identify(received(push_name="Maria"), known=[contact(name=CUSTOMER)])
    assert plan.changed[100].name == "Maria"


def test_our_own_push_name_is_not_the_contacts_name() -> None:
    (new,) = identify(received(from_me=True, push_name="Atendente")).new.values()
    assert new.name == CUSTOMER


def test_a_deleted_contact_who_writes_is_active_again() -> None:
    plan = identify(received(), known=[contact(active=False)])
    assert plan.changed[100].active


def test_our_message_to_a_deleted_contact_does_not_reactivate_it() -> None:
    assert identify(received(from_me=True), known=[contact(active=False)]).changed == {}


def test_a_contact_known_by_lid_gets_its_number() -> None:
    known = contact(number=None, jid=None, lid=LID, remote_jid=LID, name=LID)
    plan = identify(received(lid=LID), known=[known])
    completed = plan.changed[100]
    assert (completed.number, completed.name) == (CUSTOMER, "Maria")
    assert completed.remote_jid == f"{CUSTOMER}@s.whatsapp.net"


def test_a_real_address_is_never_replaced_by_a_lid() -> None:
    plan = identify(received(chat=LID, jid=LID, lid=LID), known=[contact(lid=LID)])
    assert plan.changed == {}


def test_a_contact_with_only_a_lid_is_merged_into_that_of_its_number() -> None:
    lid_only = contact(101, number=None, jid=None, lid=LID, name="Sem número")
    plan = identify(received(lid=LID), known=[contact(name=CUSTOMER), lid_only])
    assert list(plan.merged.values()) == [Merge(1, 101, 100, frees_lid=True)]
    assert (plan.changed[100].lid, plan.changed[100].name) == (LID, "Sem número")
    assert plan.owners[0][1] == 100


def test_two_contacts_with_numbers_are_not_merged_by_a_lid() -> None:
    other = contact(101, number="5511900000009", jid=None, lid=LID)
    plan = identify(received(lid=LID), known=[contact(), other])
    assert (plan.merged, plan.changed, plan.owners[0][1]) == ({}, {}, 100)


def test_a_stranger_known_by_lid_and_then_by_number_is_merged_within_a_batch() -> None:
    by_lid = received("A1", chat=LID, jid=LID, lid=LID, push_name=None)
    plan = identify(by_lid, received("A2", lid=LID), known=[contact(lid=None)])
    assert (plan.new[-1].lid, plan.changed[100].lid) == (LID, LID)
    assert plan.merged[-1].canonical_id == 100
    assert [owner for _, owner, _ in plan.owners] == [-1, 100]


def test_a_lid_whose_number_is_known_is_that_number() -> None:
    message = received(chat=LID, jid=LID, lid=LID)
    found = [KnownContact(Identity(1, CUSTOMER), contact(lid=None))]
    planned = plan(lines(), found, {LidKey(1, LID): CUSTOMER}, [message])
    assert (planned.owners[0][1], planned.changed[100].lid) == (100, LID)


def test_both_spellings_of_a_brazilian_mobile_are_one_contact() -> None:
    known = contact(number="551187654321", jid="551187654321@s.whatsapp.net")
    new = "5511987654321"
    plan = identify(received(chat=new, jid=f"{new}@s.whatsapp.net"), known=[known])
    assert (plan.new, plan.changed, plan.owners[0][1]) == ({}, {}, 100)


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
    assert find_other_spelling(number) == other


def test_a_group_and_its_author_are_two_contacts() -> None:
    plan = identify(in_group())
    group, author = plan.new.values()
    assert (group.number, group.is_group, group.name) == (GROUP, True, GROUP)
    assert (author.number, author.is_group, author.name) == (CUSTOMER, False, "Maria")
    assert plan.owners[0][1:] == (group.id, author.id)


def test_a_merged_number_finds_its_canonical_contact() -> None:
    canonical = contact(200, number="5511900000009", jid=None)
    by_merged = KnownContact(Identity(1, CUSTOMER), canonical)
    planned = plan(lines(), [by_merged], {}, [received()])
    assert (planned.new, planned.owners[0][1]) == ({}, 200)


def test_our_message_has_no_sender() -> None:
    assert identify(in_group(from_me=True)).owners[0][2] is None


def test_a_group_is_called_as_its_gateway_says_and_keeps_a_name_that_it_has() -> None:
    (group, _) = identify(in_group(group_name="Entregas")).new.values()
    assert group.name == "Entregas"
    unnamed = contact(number=GROUP, name=GROUP, is_group=True, jid=None, lid=None)
    plan = identify(in_group(group_name="Entregas"), known=[unnamed])
    assert [c.name for c in plan.changed.values()] == ["Entregas"]
    plan = identify(in_group(group_name="Entregas"), known=[replace(unnamed, name="Motoboys")])
    assert [c.name for c in plan.changed.values()] == []


def test_the_name_of_a_group_is_not_its_authors() -> None:
    _, author = identify(in_group(group_name="Entregas", push_name=None)).new.values()
    assert author.name == CUSTOMER


def test_a_group_that_the_line_does_not_take_is_refused_and_becomes_no_contact() -> None:
    plan = identify(in_group(), groups=False)
    (emit,) = plan.outcome
    assert isinstance(emit, Emit)
    assert isinstance(emit.fact, MessageRefused)
    assert emit.fact.reason == "groups-not-allowed"
    assert plan.new == {}


def test_a_message_of_an_unknown_line_is_rejected() -> None:
    (reject,) = identify(received(whatsapp_id=99)).outcome
    assert isinstance(reject, Reject)
    assert (reject.reason, "no line 99" in reject.detail) == ("unknown-line", True)


@pytest.mark.parametrize(("days", "is_kept"), [(29.9, True), (30, True), (30.1, False)])
def test_a_message_past_the_retention_of_its_company_is_rejected_and_makes_no_contact(
    days: float, is_kept: bool
) -> None:
    kept_for_a_month = {LineKey(1, 10): Line(1, 10, allow_group=True, message_days=30)}
    message = received(received_at=NOON + timedelta(days=days))
    found = plan(kept_for_a_month, [], {}, [message])
    assert len(found.new) == is_kept
    if not is_kept:
        detail = "the message is of 2026-08-20, and company 1 keeps messages for 30 days"
        assert found.outcome == [Reject(message, "too-old", detail, keeps_content=False)]


def test_without_a_retention_a_message_of_any_age_is_taken() -> None:
    found = identify(received(received_at=NOON + timedelta(days=9_999)))
    assert (len(found.new), found.outcome) == (1, [])


def test_the_same_number_in_another_company_is_another_contact() -> None:
    two_lines = lines() | {LineKey(2, 20): Line(2, 20, allow_group=True)}
    batch = [received("A1"), received("A1", company_id=2, whatsapp_id=20)]
    assert len(plan(two_lines, [], {}, batch).new) == 2


def test_a_group_has_no_address_that_may_have_changed() -> None:
    observed = list_observed(lines(), [in_group()])
    assert {person.number for person in list_people(observed, {})} == {CUSTOMER}
