"""An in-memory index of contacts by number, JID and LID. No clock, no database."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from shared.contracts.contact import ContactChanged, ContactMerged, ContactSaved
from shared.gateways.normalize.numbers import find_other_spelling

LID_SERVER = "@lid"


class IdentityKey(NamedTuple):
    """One way to find a contact: `kind` is number, jid or lid."""

    company_id: int
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A row of "Contacts", stored or planned; a new one has a negative id until it is saved."""

    id: int
    company_id: int
    number: str | None
    lid: str | None
    jid: str | None
    remote_jid: str | None
    name: str
    is_group: bool
    active: bool
    channel: str
    whatsapp_id: int | None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """The number, LID and JID of a person or group; at least one of them is set."""

    company_id: int
    number: str | None = None
    lid: str | None = None
    jid: str | None = None

    @property
    def other_number(self) -> str | None:
        """The number's other spelling (with or without the ninth digit), or None."""
        return find_other_spelling(self.number) if self.number else None

    @property
    def keys(self) -> tuple[IdentityKey, ...]:
        """The keys of this identity, the most reliable first: number, JID, LID."""
        values = (
            ("number", self.number),
            ("number", self.other_number),
            ("jid", self.jid),
            ("lid", self.lid),
        )
        return tuple(IdentityKey(self.company_id, kind, value) for kind, value in values if value)


@dataclass(frozen=True, slots=True)
class KnownContact:
    """A loaded contact, and the identity it was found by: its own or a merged contact's."""

    found_by: Identity
    contact: Contact


@dataclass(frozen=True, slots=True)
class LidNumber:
    """The number that belongs to a LID, as a gateway has reported it."""

    company_id: int
    lid: str
    number: str


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge of two contacts; with `frees_lid` the LID moves to the canonical contact."""

    company_id: int
    merged_id: int
    canonical_id: int
    frees_lid: bool


@dataclass(slots=True)
class Changes:
    """The contacts to insert, to update, and to merge (by the id of the merged one)."""

    new: dict[int, Contact] = field(default_factory=dict)
    changed: dict[int, Contact] = field(default_factory=dict)
    merged: dict[int, Merge] = field(default_factory=dict)

    @property
    def taking_lid(self) -> dict[int, Contact]:
        """The new contacts whose LID still belongs to a contact that is being merged."""
        canonical = {merge.canonical_id for merge in self.merged.values() if merge.frees_lid}
        return {planned: self.new[planned] for planned in sorted(canonical & self.new.keys())}


@dataclass(slots=True)
class Saved:
    """The facts of saved contacts and merges, by planned id: negative for new contacts."""

    contacts: dict[int, ContactSaved] = field(default_factory=dict)
    merged_into: dict[int, list[ContactMerged]] = field(default_factory=dict)

    def get_final_id(self, contact_id: int) -> int:
        """Return the id that a contact with this planned id has in the database."""
        fact = self.contacts.get(contact_id)
        return fact.contact_id if fact else contact_id

    def list_facts(self, contact_id: int) -> list[ContactChanged]:
        """Return the facts of the contact with this planned id."""
        saved = self.contacts.get(contact_id)
        return [*([saved] if saved else []), *self.merged_into.get(contact_id, [])]


class AddressBook:
    """An index of contacts that plans changes of them."""

    def __init__(self, known: Iterable[KnownContact], changes: Changes) -> None:
        self._by_id: dict[int, Contact] = {}
        self._ids: dict[IdentityKey, int] = {}
        self._changes = changes
        for item in known:
            self._index(item.contact)
            for key in item.found_by.keys:
                self._ids.setdefault(key, item.contact.id)

    def find_or_merge(self, identity: Identity) -> int | None:
        """Return the id of the contact that an identity belongs to, or None.

        The keys may find two contacts, for example when a LID's number becomes known. A contact
        without a number is then merged into the other; two contacts with numbers are not merged.
        """
        ids = list(dict.fromkeys(self._ids[key] for key in identity.keys if key in self._ids))
        if not ids:
            return None
        canonical, *others = ids
        for other in others:
            if self._by_id[other].number is None:
                self._merge(other, canonical)
        return canonical

    def add(self, contact: Contact) -> int:
        """Plan to insert a contact; return its planned id."""
        planned = replace(contact, id=-len(self._changes.new) - 1)
        self._changes.new[planned.id] = planned
        self._index(planned)
        return planned.id

    def complete(
        self, contact_id: int, identity: Identity, name: str | None, *, reactivate: bool
    ) -> None:
        """Plan to fill empty columns of a contact; `reactivate` undoes its deletion."""
        before = self._by_id[contact_id]
        after = self._fill_in(before, identity, name)
        if reactivate:
            after = replace(after, active=True)
        if after != before:
            self._put(after)

    def _merge(self, merged_id: int, canonical_id: int) -> None:
        """Plan a merge; the canonical contact gets the LID and the name if it has none."""
        merged, canonical = self._by_id[merged_id], self._by_id[canonical_id]
        has_lid = canonical.lid is not None
        has_name = canonical.name not in {canonical.number, canonical.lid}
        self._changes.changed.pop(merged_id, None)
        for earlier in self._changes.merged.values():
            if earlier.canonical_id == merged_id:
                self._changes.merged[earlier.merged_id] = replace(
                    earlier,
                    canonical_id=canonical_id,
                    frees_lid=earlier.frees_lid and not has_lid,
                )
        self._changes.merged[merged_id] = Merge(
            canonical.company_id, merged_id, canonical_id, frees_lid=not has_lid
        )
        for key in [key for key, owner in self._ids.items() if owner == merged_id]:
            self._ids[key] = canonical_id
        lid = canonical.lid if has_lid else merged.lid
        name = canonical.name if has_name else merged.name
        # Saved even if unchanged: it also gets the merged contact's tags, users and fields, so its
        # version must increase.
        self._put(replace(canonical, lid=lid, name=name))

    def _put(self, after: Contact) -> None:
        planned = self._changes.new if after.id < 0 else self._changes.changed
        planned[after.id] = after
        self._index(after)

    def _fill_in(self, contact: Contact, identity: Identity, name: str | None) -> Contact:
        """Return the contact with empty columns filled in, except keys that other contacts have."""
        after = contact
        for kind in ("number", "lid", "jid"):
            value = getattr(identity, kind)
            is_taken = IdentityKey(contact.company_id, kind, value) in self._ids
            if value and not is_taken and not getattr(after, kind):
                after = replace(after, **{kind: value})
        if after.jid and (after.remote_jid or "").endswith(LID_SERVER):
            after = replace(after, remote_jid=after.jid)
        is_unnamed = after.name in {after.number, after.lid}
        return replace(after, name=name) if name and is_unnamed else after

    def _index(self, contact: Contact) -> None:
        self._by_id[contact.id] = contact
        identity = Identity(contact.company_id, contact.number, contact.lid, contact.jid)
        for key in identity.keys:
            self._ids.setdefault(key, contact.id)
