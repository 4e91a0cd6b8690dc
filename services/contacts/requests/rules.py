"""Rules that apply or refuse requests about contacts. No clock, no database."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from services.contacts.domain.keys import ContactKey, TagKey, UserKey
from shared.contracts.base import BEGINNING
from shared.contracts.contact import (
    ContactChanged,
    ContactDeleted,
    ContactRefused,
    ContactSaved,
    ContactUnchanged,
)
from shared.contracts.contact_request import ContactDelete, ContactRequest, ContactSave
from shared.contracts.outcome import Emit, Outcome, Reject

INSTANT = timedelta(microseconds=1)  # versions are microseconds

# The members of a request that are columns of "Contacts" under the same names.
COLUMNS = ("name", "email", "disable_bot", "accept_audio_message", "blocked")


@dataclass(frozen=True, slots=True)
class Profile:
    """A contact with its tags, its users ("ContactWallets", in order) and its custom fields."""

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
    def key(self) -> ContactKey:
        """The contact's key."""
        return ContactKey(self.company_id, self.id)


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """The companies, tags and users that a batch names and that exist."""

    companies: Collection[int]
    tags: Collection[TagKey]
    users: Collection[UserKey]


@dataclass(slots=True)
class Plan:
    """Contacts before and after the requests of a batch, and the outcome of the requests.

    `canonical` maps each contact that requests name to its canonical contact.
    """

    profiles: dict[ContactKey, Profile]
    canonical: Mapping[ContactKey, ContactKey]
    now: datetime
    before: Mapping[ContactKey, Profile] = field(init=False)
    outcome: Outcome = field(default_factory=list)

    def __post_init__(self) -> None:
        self.before = dict(self.profiles)

    @property
    def changed(self) -> list[Profile]:
        """The contacts that the plan changes, in key order."""
        return [
            profile for key, profile in sorted(self.profiles.items()) if profile != self.before[key]
        ]

    def list_changed_in(self, member: str) -> list[Profile]:
        """Return the contacts in which the plan changes this member."""
        return [
            profile
            for profile in self.changed
            if getattr(profile, member) != getattr(self.before[profile.key], member)
        ]


def get_contact_key(request: ContactRequest) -> ContactKey:
    """Return the key of the contact that a request names."""
    return ContactKey(request.company_id, request.contact_id)


def list_tags(batch: Iterable[ContactRequest]) -> set[TagKey]:
    """Return the tags that requests name."""
    return {
        TagKey(save.company_id, tag) for save in _select_saves(batch) for tag in save.tag_ids or ()
    }


def list_users(batch: Iterable[ContactRequest]) -> set[UserKey]:
    """Return the users that requests name."""
    return {
        UserKey(save.company_id, user)
        for save in _select_saves(batch)
        for user in save.wallet_ids or ()
    }


def apply_requests(plan: Plan, reference: ReferenceData, batch: Sequence[ContactRequest]) -> None:
    """Apply or refuse each request; a later one sees the changes of earlier ones."""
    for request in batch:
        if request.company_id not in reference.companies:
            detail = f"there is no company {request.company_id}"
            plan.outcome.append(Reject(request, "unknown-company", detail))
            continue
        reason = _find_refusal(plan, reference, request)
        fact = _build_refused(request, reason) if reason else _apply(plan, request)
        plan.outcome.append(Emit(request, fact))


def _select_saves(batch: Iterable[ContactRequest]) -> list[ContactSave]:
    return [request for request in batch if isinstance(request, ContactSave)]


def _find_refusal(plan: Plan, reference: ReferenceData, request: ContactRequest) -> str | None:
    key = plan.canonical.get(get_contact_key(request))
    if key is None:
        return "no such contact"
    if isinstance(request, ContactSave):
        return _find_save_refusal(plan.profiles[key], reference, request)
    return None


def _find_save_refusal(
    profile: Profile, reference: ReferenceData, request: ContactSave
) -> str | None:
    if not profile.active:
        return "contact is deleted"
    if any(tag not in reference.tags for tag in list_tags([request])):
        return "no such tag"
    if any(user not in reference.users for user in list_users([request])):
        return "no such user"
    if request.name is not None and not request.name.strip():
        return "a contact has a name"
    return None


def _apply(plan: Plan, request: ContactRequest) -> ContactChanged:
    before = plan.profiles[plan.canonical[get_contact_key(request)]]
    after = _change(before, request)
    if after == before:
        return ContactUnchanged(**_build_members(before, request))
    at = max(plan.now, before.updated_at + INSTANT)
    plan.profiles[before.key] = saved = replace(after, updated_at=at)
    if isinstance(request, ContactDelete):
        return ContactDeleted(**_build_members(saved, request))
    return _build_saved(saved, request)


def _change(profile: Profile, request: ContactRequest) -> Profile:
    """Return the contact with the members of a request; None leaves a member unchanged."""
    if not isinstance(request, ContactSave):
        return replace(profile, active=False)
    columns = {name: getattr(request, name) for name in COLUMNS}
    given = {name: value for name, value in columns.items() if value is not None}
    changed = replace(profile, **given)
    if request.tag_ids is not None:
        changed = replace(changed, tag_ids=tuple(sorted(set(request.tag_ids))))
    if request.wallet_ids is not None:
        changed = replace(changed, wallet_ids=tuple(dict.fromkeys(request.wallet_ids)))
    if request.custom_fields is not None:
        changed = replace(changed, custom_fields=tuple(sorted(request.custom_fields.items())))
    return changed


def _build_members(profile: Profile, request: ContactRequest) -> dict[str, Any]:
    """Return the members that all facts about a contact share; Any because they are of any type."""
    return {
        "company_id": profile.company_id,
        "contact_id": profile.id,
        "version": (profile.updated_at - BEGINNING) // INSTANT,
        "request_id": request.request_id,
    }


def _build_saved(profile: Profile, request: ContactRequest) -> ContactSaved:
    return ContactSaved(
        **_build_members(profile, request),
        name=profile.name,
        number=profile.number,
        lid=profile.lid,
        jid=profile.jid,
        is_group=profile.is_group,
        active=profile.active,
        email=profile.email,
        blocked=profile.blocked,
        disable_bot=profile.disable_bot,
        accept_audio_message=profile.accept_audio_message,
        tag_ids=profile.tag_ids,
        wallet_ids=profile.wallet_ids,
        custom_fields=dict(profile.custom_fields),
    )


def _build_refused(request: ContactRequest, reason: str) -> ContactRefused:
    return ContactRefused(
        company_id=request.company_id,
        contact_id=request.contact_id,
        request_id=request.request_id,
        reason=reason,
    )
