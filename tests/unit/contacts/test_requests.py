"""Requests about contacts are applied, found unnecessary, or refused."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from services.contacts.domain.keys import ContactKey, TagKey, UserKey
from services.contacts.requests.rules import Plan, Profile, ReferenceData, apply_requests
from shared.contracts.base import Event
from shared.contracts.contact import ContactChanged, ContactRefused, ContactSaved
from shared.contracts.contact_request import ContactDelete, ContactRequest, ContactSave
from shared.contracts.outcome import Emit, Reject
from tests.support.build import CUSTOMER, NOON

REFERENCE = ReferenceData(
    companies={1},
    tags={TagKey(1, 1), TagKey(1, 2), TagKey(2, 9)},
    users={UserKey(1, 5), UserKey(1, 6), UserKey(2, 8)},
)
KEY = ContactKey(1, 100)
ANA = Profile(
    id=100, company_id=1, name="Ana", updated_at=NOON, number=CUSTOMER, email="ana@example.com",
    tag_ids=(1,), wallet_ids=(5, 6), custom_fields=(("CPF", "1"),),
)  # fmt: skip


def of(request_id: str = "r1", **members: object) -> dict[str, Any]:
    return {"company_id": 1, "contact_id": 100, "request_id": request_id, **members}


def plan_of(*profiles: Profile, merged: Mapping[int, int] | None = None) -> Plan:
    canonical = {ContactKey(1, old): ContactKey(1, new) for old, new in (merged or {}).items()}
    return Plan(
        profiles={profile.key: profile for profile in profiles},
        canonical={profile.key: profile.key for profile in profiles} | canonical,
        now=NOON + timedelta(hours=1),
    )


def ask(plan: Plan, *batch: ContactRequest) -> list[Event]:
    apply_requests(plan, REFERENCE, batch)
    return [item.fact for item in plan.outcome if isinstance(item, Emit)]


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
def test_only_named_members_change(member: str, value: Any) -> None:
    plan = plan_of(ANA)
    fact = saved(ask(plan, ContactSave(**of() | {member: value})))
    assert (getattr(fact, member), fact.request_id) == (value, "r1")
    after = plan.profiles[KEY]
    differing = {name for name in ANA.__slots__ if getattr(ANA, name) != getattr(after, name)}
    assert differing == {member, "updated_at"}
    assert plan.list_changed_in(member) == [after]


def test_the_fact_has_the_whole_contact_and_its_version() -> None:
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
def test_a_request_that_changes_nothing_is_not_saved(members: dict[str, Any]) -> None:
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
    after = plan.profiles[KEY]
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


def test_the_canonical_contact_is_saved_in_place_of_a_merged_one() -> None:
    plan = plan_of(ANA, merged={77: 100})
    fact = saved(ask(plan, ContactSave(**of(contact_id=77, blocked=True))))
    assert (fact.contact_id, plan.profiles[KEY].blocked) == (100, True)


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
def test_a_request_that_cannot_be_applied_is_refused_with_a_reason(
    request_: ContactRequest, reason: str
) -> None:
    plan = plan_of(ANA)
    (fact,) = ask(plan, request_)
    assert isinstance(fact, ContactRefused)
    assert (fact.reason, fact.request_id, fact.contact_id) == (reason, "r1", request_.contact_id)
    assert plan.changed == []


def test_a_request_of_an_unknown_company_is_rejected() -> None:
    plan = plan_of(ANA)
    assert ask(plan, ContactDelete(**of() | {"company_id": 2})) == []
    (reject,) = plan.outcome
    assert isinstance(reject, Reject)
    assert reject.reason == "unknown-company"


def test_personal_data_is_not_in_the_repr_of_a_request() -> None:
    request = ContactSave(**of(name="Ana", email="ana@example.com", custom_fields={"CPF": "123"}))
    assert not any(text in repr(request) for text in ("Ana", "ana@", "123"))
