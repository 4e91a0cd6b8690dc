"""What may be asked about a contact, and what follows (schema.md 7). No clock, no database."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.contracts.base import BEGINNING
from shared.contracts.contact import (
    ContactChanged,
    ContactDeleted,
    ContactRefused,
    ContactSaved,
    ContactUnchanged,
)
from shared.contracts.contact_request import ContactDelete, ContactRequest, ContactSave
from shared.contracts.outcome import Dead, Outcome, Told

INSTANT = timedelta(microseconds=1)  # versions are microseconds

# What a request may say of a contact, and is the contact's own.
PLAIN = ("name", "email", "disable_bot", "accept_audio_message", "blocked")

Named = tuple[int, int]  # companyId, id


@dataclass(frozen=True, slots=True)
class Person:
    """A row of "Contacts" with its tags, the users who look after it, and its fields by name."""

    id: int
    company_id: int
    name: str
    updated_at: datetime
    number: str | None = None
    lid: str | None = None
    jid: str | None = None
    is_group: bool = False
    active: bool = True
    email: str = ""
    blocked: bool = False
    disable_bot: bool = False
    accept_audio_message: bool = True
    tag_ids: tuple[int, ...] = ()
    wallet_ids: tuple[int, ...] = ()
    custom_fields: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> Named:
        """Name the contact."""
        return self.company_id, self.id


@dataclass(frozen=True, slots=True)
class House:
    """What there is, of the companies, tags and users that a batch names."""

    companies: Collection[int]
    tags: Collection[Named]
    users: Collection[Named]


@dataclass(slots=True)
class Plan:
    """Contacts as they are and as they become, and what is told of it.

    `standing` leads from the contacts that are named to those that stand for them.
    """

    people: dict[Named, Person]
    standing: Mapping[Named, Named]
    now: datetime
    before: Mapping[Named, Person] = field(init=False)
    outcome: Outcome = field(default_factory=list)

    def __post_init__(self) -> None:
        self.before = dict(self.people)

    @property
    def changed(self) -> list[Person]:
        """The contacts whose rows differ now, in id order."""
        return [person for key, person in sorted(self.people.items()) if person != self.before[key]]

    def changed_in(self, member: str) -> list[Person]:
        """List those of them that differ in this member."""
        return [
            person
            for person in self.changed
            if getattr(person, member) != getattr(self.before[person.key], member)
        ]


def key_of(request: ContactRequest) -> Named:
    """Name the contact that a request is about."""
    return request.company_id, request.contact_id


def tags_of(batch: Iterable[ContactRequest]) -> set[Named]:
    """Name the tags that requests name."""
    return {(save.company_id, tag) for save in _saves(batch) for tag in save.tag_ids or ()}


def users_of(batch: Iterable[ContactRequest]) -> set[Named]:
    """Name the users that requests name."""
    return {(save.company_id, user) for save in _saves(batch) for user in save.wallet_ids or ()}


def grant(plan: Plan, house: House, batch: Sequence[ContactRequest]) -> None:
    """Grant or refuse each request; a later one sees what an earlier one did."""
    for request in batch:
        if request.company_id not in house.companies:
            detail = f"there is no company {request.company_id}"
            plan.outcome.append(Dead(request, "unknown-company", detail))
            continue
        reason = _why_not(plan, house, request)
        fact = _refused(request, reason) if reason else _granted(plan, request)
        plan.outcome.append(Told(request, fact))


def _saves(batch: Iterable[ContactRequest]) -> list[ContactSave]:
    return [request for request in batch if isinstance(request, ContactSave)]


def _why_not(plan: Plan, house: House, request: ContactRequest) -> str | None:
    key = plan.standing.get(key_of(request))
    if key is None:
        return "no such contact"
    if isinstance(request, ContactSave):
        return _why_not_saved(plan.people[key], house, request)
    return None


def _why_not_saved(person: Person, house: House, request: ContactSave) -> str | None:
    if not person.active:
        return "contact is deleted"
    if any(tag not in house.tags for tag in tags_of([request])):
        return "no such tag"
    if any(user not in house.users for user in users_of([request])):
        return "no such user"
    if request.name is not None and not request.name.strip():
        return "a contact has a name"
    return None


def _granted(plan: Plan, request: ContactRequest) -> ContactChanged:
    person = plan.people[plan.standing[key_of(request)]]
    wished = _as_wished(person, request)
    if wished == person:
        return ContactUnchanged(**_named(person, request))
    at = max(plan.now, person.updated_at + INSTANT)
    plan.people[person.key] = saved = replace(wished, updated_at=at)
    if isinstance(request, ContactDelete):
        return ContactDeleted(**_named(saved, request))
    return _saved(saved, request)


def _as_wished(person: Person, request: ContactRequest) -> Person:
    if not isinstance(request, ContactSave):
        return replace(person, active=False)
    given = {name: getattr(request, name) for name in PLAIN}
    wished = replace(person, **{name: value for name, value in given.items() if value is not None})
    if request.tag_ids is not None:
        wished = replace(wished, tag_ids=tuple(sorted(set(request.tag_ids))))
    if request.wallet_ids is not None:
        wished = replace(wished, wallet_ids=tuple(dict.fromkeys(request.wallet_ids)))
    if request.custom_fields is not None:
        wished = replace(wished, custom_fields=tuple(sorted(request.custom_fields.items())))
    return wished


def _named(person: Person, request: ContactRequest) -> dict[str, Any]:
    return {
        "company_id": person.company_id,
        "contact_id": person.id,
        "version": (person.updated_at - BEGINNING) // INSTANT,
        "request_id": request.request_id,
    }


def _saved(person: Person, request: ContactRequest) -> ContactSaved:
    return ContactSaved(
        **_named(person, request),
        name=person.name,
        number=person.number,
        lid=person.lid,
        jid=person.jid,
        is_group=person.is_group,
        active=person.active,
        email=person.email,
        blocked=person.blocked,
        disable_bot=person.disable_bot,
        accept_audio_message=person.accept_audio_message,
        tag_ids=person.tag_ids,
        wallet_ids=person.wallet_ids,
        custom_fields=dict(person.custom_fields),
    )


def _refused(request: ContactRequest, reason: str) -> ContactRefused:
    return ContactRefused(
        company_id=request.company_id,
        contact_id=request.contact_id,
        request_id=request.request_id,
        reason=reason,
    )
