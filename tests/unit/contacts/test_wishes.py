"""What becomes of a contact when something is asked about it (schema.md 7)."""

from datetime import timedelta
from typing import Any

import pytest

from services.contacts.rules import wishes
from services.contacts.rules.wishes import House, Person, Plan
from shared.contracts.base import Event
from shared.contracts.contact import ContactChanged, ContactRefused, ContactSaved
from shared.contracts.contact_request import ContactDelete, ContactRequest, ContactSave
from shared.contracts.outcome import Dead, Told
from tests.support.build import CUSTOMER, NOON

HOUSE = House(companies={1}, tags={(1, 1), (1, 2), (2, 9)}, users={(1, 5), (1, 6), (2, 8)})
ANA = Person(
    id=100, company_id=1, name="Ana", updated_at=NOON, number=CUSTOMER, email="ana@example.com",
    tag_ids=(1,), wallet_ids=(5, 6), custom_fields=(("CPF", "1"),),
)  # fmt: skip


def of(request_id: str = "r1", **members: object) -> dict[str, Any]:
    return {"company_id": 1, "contact_id": 100, "request_id": request_id, **members}


def plan_of(*people: Person, **standing: int) -> Plan:
    known = {(1, int(asked[1:])): (1, stands) for asked, stands in standing.items()}
    return Plan(
        people={person.key: person for person in people},
        standing={person.key: person.key for person in people} | known,
        now=NOON + timedelta(hours=1),
    )


def ask(plan: Plan, *batch: ContactRequest) -> list[Event]:
    wishes.grant(plan, HOUSE, batch)
    return [item.fact for item in plan.outcome if isinstance(item, Told)]


def types(facts: list[Event]) -> list[str]:
    return [fact.type for fact in facts]


def saved(facts: list[Event]) -> ContactSaved:
    (fact,) = facts
    assert isinstance(fact, ContactSaved)
    return fact


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("name", "Ana Souza"),
        ("email", ""),
        ("disable_bot", True),
        ("accept_audio_message", False),
        ("blocked", True),
        ("tag_ids", (1, 2)),
        ("tag_ids", ()),
        ("wallet_ids", (6, 5)),
        ("custom_fields", {"CPF": "2", "Plano": "Ouro"}),
    ],
)
def test_what_is_named_changes_and_nothing_else(member: str, value: Any) -> None:
    plan = plan_of(ANA)
    fact = saved(ask(plan, ContactSave(**of() | {member: value})))
    assert (getattr(fact, member), fact.request_id) == (value, "r1")
    after = plan.people[1, 100]
    differing = {name for name in ANA.__slots__ if getattr(ANA, name) != getattr(after, name)}
    assert differing == {member, "updated_at"}
    assert plan.changed_in(member) == [after]


def test_the_whole_contact_is_told_with_the_version_of_its_row() -> None:
    plan = plan_of(ANA)
    fact = saved(ask(plan, ContactSave(**of(blocked=True))))
    assert (fact.name, fact.number, fact.tag_ids, fact.wallet_ids, fact.custom_fields) == (
        "Ana", CUSTOMER, (1,), (5, 6), {"CPF": "1"},
    )  # fmt: skip
    assert fact.version == int((NOON + timedelta(hours=1)).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"name": "Ana", "email": "ana@example.com", "blocked": False},
        {"tag_ids": (1, 1), "wallet_ids": (5, 6, 5), "custom_fields": {"CPF": "1"}},
    ],
)
def test_a_contact_that_is_as_is_wished_is_not_saved(members: dict[str, Any]) -> None:
    plan = plan_of(ANA)
    (fact,) = ask(plan, ContactSave(**of(**members)))
    assert isinstance(fact, ContactChanged)
    assert (fact.type, fact.version) == (
        "contact.unchanged", int(NOON.timestamp()) * 1_000_000,
    )  # fmt: skip
    assert plan.changed == []


def test_a_deleted_contact_keeps_what_it_has() -> None:
    plan = plan_of(ANA)
    assert types(ask(plan, ContactDelete(**of()))) == ["contact.deleted"]
    after = plan.people[1, 100]
    differing = {name for name in ANA.__slots__ if getattr(ANA, name) != getattr(after, name)}
    assert (differing, after.active) == ({"active", "updated_at"}, False)


def test_a_contact_is_deleted_once_and_then_no_longer_saved() -> None:
    facts = ask(
        plan_of(ANA),
        ContactDelete(**of()),
        ContactDelete(**of("r2")),
        ContactSave(**of("r3", blocked=True)),
    )
    assert types(facts) == ["contact.deleted", "contact.unchanged", "contact.refused"]


def test_a_later_request_of_a_batch_sees_what_an_earlier_one_did() -> None:
    plan = plan_of(ANA)
    first, second = ask(
        plan, ContactSave(**of(name="Bia")), ContactSave(**of("r2", email="bia@example.com"))
    )
    assert isinstance(first, ContactSaved)
    assert isinstance(second, ContactSaved)
    assert (second.name, second.version) == ("Bia", first.version + 1)


def test_who_stands_for_a_merged_contact_is_saved_in_its_place() -> None:
    plan = plan_of(ANA, _77=100)
    fact = saved(ask(plan, ContactSave(**of(contact_id=77, blocked=True))))
    assert (fact.contact_id, plan.people[1, 100].blocked) == (100, True)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (ContactSave(**of(contact_id=1)), "no such contact"),
        (ContactDelete(**of(contact_id=1)), "no such contact"),
        (ContactSave(**of(tag_ids=(1, 9))), "no such tag"),
        (ContactSave(**of(wallet_ids=(5, 8))), "no such user"),
        (ContactSave(**of(name="  ")), "a contact has a name"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(request_: ContactRequest, reason: str) -> None:
    plan = plan_of(ANA)
    (fact,) = ask(plan, request_)
    assert isinstance(fact, ContactRefused)
    assert (fact.reason, fact.request_id, fact.contact_id) == (reason, "r1", request_.contact_id)
    assert plan.changed == []


def test_a_request_of_a_company_that_is_not_there_is_given_up() -> None:
    plan = plan_of(ANA)
    assert ask(plan, ContactDelete(**of() | {"company_id": 2})) == []
    (dead,) = plan.outcome
    assert isinstance(dead, Dead)
    assert dead.reason == "unknown-company"


def test_what_a_request_says_of_a_person_is_not_shown() -> None:
    request = ContactSave(**of(name="Ana", email="ana@example.com", custom_fields={"CPF": "123"}))
    assert not any(words in repr(request) for words in ("Ana", "ana@", "123"))
