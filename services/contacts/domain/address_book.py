"""An in-memory index of contacts by number, JID, LID and BSUID. No clock, no database."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from services.contacts.domain.keys import UserIdKey
from shared.contracts.contact import ContactChanged, ContactMerged, ContactSaved
from shared.gateways.normalize.addresses import is_bsuid
from shared.gateways.normalize.numbers import find_other_spelling

LID_SERVER = "@lid"


class IdentityKey(NamedTuple):
    """One way to find a contact: `kind` is number, jid, lid or BSUID (`user_id`)."""

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
    """The number, LID, JID and BSUID of a person or group; at least one of them is set.

    The BSUID `user_id` is valid in `portfolio`.
    """

    company_id: int
    number: str | None = None
    lid: str | None = None
    jid: str | None = None
    portfolio: str | None = None
    user_id: str | None = None

    @property
    def user_id_key(self) -> UserIdKey | None:
        """The key of the BSUID, or None."""
        if self.portfolio is None or self.user_id is None:
            return None
        return UserIdKey(self.company_id, self.portfolio, self.user_id)

    @property
    def only_user_id(self) -> "Identity":
        """The BSUID alone: an old number may have another owner now."""
        return Identity(self.company_id, portfolio=self.portfolio, user_id=self.user_id)

    @property
    def other_number(self) -> str | None:
        """The number's other spelling (with or without the ninth digit), or None."""
        return find_other_spelling(self.number) if self.number else None

    @property
    def keys(self) -> tuple[IdentityKey, ...]:
        """The keys of this identity, the most reliable first: number, JID, LID, BSUID."""
        values = (
            ("number", self.number),
            ("number", self.other_number),
            ("jid", self.jid),
            ("lid", self.lid),
            ("user_id", self.user_id and f"{self.portfolio} {self.user_id}"),
        )
        return tuple(IdentityKey(self.company_id, kind, value) for kind, value in values if value)


@dataclass(frozen=True, slots=True)
class KnownContact:
    """A loaded contact, and the identity it was found by: its own or a merged contact's."""

    found_by: Identity
    contact: Contact


@dataclass(frozen=True, slots=True)
class LidNumber:
    """The number that belongs to a LID, as a gateway reported it at a time, if that is known."""

    company_id: int
    lid: str
    number: str
    number_at: datetime | None = None

    def is_newer_than(self, known: "LidNumber") -> bool:
        """Return whether this number replaces a known one; a time that is not known is the oldest.

        Of two numbers at the same time the greater one counts, in whatever order they come.
        """
        if self.number_at is None or known.number_at is None:
            return known.number_at is None and self != known
        return (self.number_at, self.number) > (known.number_at, known.number)


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
    renamed: dict[int, Contact] = field(default_factory=dict)  # as stored, before the change

    @property
    def giving_number(self) -> list[Contact]:
        """The contacts, as stored, whose number or JID another contact takes."""
        owners = {
            (contact.company_id, address): contact.id
            for contact in self.changed.values()
            for address in (contact.number, contact.jid)
            if address
        }
        return [
            stored
            for _, stored in sorted(self.renamed.items())
            if {
                owners.get((stored.company_id, address or ""), stored.id)
                for address in (stored.number, stored.jid)
            }
            != {stored.id}
        ]

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

    def find_or_merge(self, *identities: Identity) -> int | None:
        """Return the id of the contact that the identities of one person belong to, or None.

        The keys may find two contacts, for example when a LID's number becomes known. A contact
        without a number is then merged into the other; two contacts with numbers are not merged.
        """
        keys = [key for identity in identities for key in identity.keys]
        ids = list(dict.fromkeys(self._ids[key] for key in keys if key in self._ids))
        if not ids:
            return None
        canonical = next((i for i in ids if self._by_id[i].number is not None), ids[0])
        for other in (i for i in ids if i != canonical):
            if self._by_id[other].number is None:
                self._merge(other, canonical)
        return canonical

    def add(self, contact: Contact) -> int:
        """Plan to insert a contact; return its planned id."""
        planned = replace(contact, id=-len(self._changes.new) - 1)
        self._changes.new[planned.id] = planned
        self._index(planned)
        return planned.id

    def find(self, identity: Identity) -> Contact | None:
        """Return the contact of the most reliable key of an identity that finds one."""
        found = next((self._ids[key] for key in identity.keys if key in self._ids), None)
        return None if found is None else self._by_id[found]

    def add_user_id(self, key: UserIdKey, contact_id: int) -> None:
        """Let a BSUID find a contact, in place of another one that it found."""
        for found_by in Identity(key.company_id, portfolio=key.portfolio, user_id=key.user_id).keys:
            self._ids[found_by] = contact_id

    def rename(self, contact: Contact, number: str, jid: str) -> bool:
        """Plan to replace a contact's number and its addresses; False if another one has it."""
        new = Identity(contact.company_id, number, jid=jid)
        if any(self._ids.get(key, contact.id) != contact.id for key in new.keys):
            return False
        old = Identity(contact.company_id, contact.number, jid=contact.jid)
        for key in old.keys:
            if self._ids.get(key) == contact.id:
                del self._ids[key]
        self._changes.renamed.setdefault(contact.id, contact)
        name = number if contact.name == contact.number else contact.name
        self._put(replace(contact, number=number, jid=jid, remote_jid=jid, name=name))
        return True

    def replace_address(self, contact_id: int, address: str, new: str) -> None:
        """Plan that replies go to a new address, if they go to this one now."""
        contact = self._by_id[contact_id]
        if contact.remote_jid == address:
            name = new if contact.name == address else contact.name
            self._put(replace(contact, remote_jid=new, name=name))

    def complete(
        self, contact_id: int, identity: Identity, name: str | None, *, reactivate: bool
    ) -> None:
        """Plan to fill empty columns of a contact; `reactivate` undoes its deletion."""
        before = self._by_id[contact_id]
        after = self._fill_in(before, identity, name)
        if reactivate and not after.active:
            after = replace(after, active=True)
        if after != before:
            self._put(after)

    def _merge(self, merged_id: int, canonical_id: int) -> None:
        """Plan a merge; the canonical contact gets the LID and the name if it has none."""
        merged, canonical = self._by_id[merged_id], self._by_id[canonical_id]
        has_lid = canonical.lid is not None
        has_name = not _is_unnamed(canonical)
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
        if name and _is_unnamed(contact):
            after = replace(after, name=name)
        if after.jid and after.remote_jid and _hides_number(after.remote_jid):
            after = replace(after, remote_jid=after.jid)
        return after

    def _index(self, contact: Contact) -> None:
        self._by_id[contact.id] = contact
        identity = Identity(contact.company_id, contact.number, contact.lid, contact.jid)
        for key in identity.keys:
            self._ids.setdefault(key, contact.id)


def _is_unnamed(contact: Contact) -> bool:
    """Return whether the name of a contact is only one of its addresses."""
    return contact.name in {contact.number, contact.lid, contact.remote_jid}


def _hides_number(jid: str) -> bool:
    """Return whether an address is a LID or a BSUID."""
    return jid.endswith(LID_SERVER) or is_bsuid(jid)
