"""The contacts known so far, found by any of their keys. No clock, no database."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.contracts.contact import ContactChanged, ContactMerged, ContactSaved
from shared.gateways.numbers import other_spelling

LID_SERVER = "@lid"

Key = tuple[int, str, str]  # companyId, kind, value


@dataclass(frozen=True, slots=True)
class Contact:
    """A row of "Contacts" as it is, or as it will be; a new one has a negative id for now."""

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
    """By what a person or group can be found again: any of the three is enough."""

    company_id: int
    number: str | None = None
    lid: str | None = None
    jid: str | None = None

    @property
    def other_number(self) -> str | None:
        """The number as another gateway may write it."""
        return other_spelling(self.number) if self.number else None

    @property
    def keys(self) -> tuple[Key, ...]:
        """The ways to find it, the surest first (schema.md 7: number, then jid, then lid)."""
        named = (
            ("number", self.number),
            ("number", self.other_number),
            ("jid", self.jid),
            ("lid", self.lid),
        )
        return tuple((self.company_id, kind, value) for kind, value in named if value)


@dataclass(frozen=True, slots=True)
class Known:
    """A contact, and the keys that led to it: its own, or those of one merged into it."""

    by: Identity
    contact: Contact


@dataclass(frozen=True, slots=True)
class Merge:
    """One contact stands for another from now on, and takes its LID where `frees` says so."""

    company_id: int
    loser_id: int
    winner_id: int
    frees: bool


@dataclass(slots=True)
class Changes:
    """What must be saved: contacts to insert, to update, and to merge, by the loser's id."""

    new: dict[int, Contact] = field(default_factory=dict)
    changed: dict[int, Contact] = field(default_factory=dict)
    merged: dict[int, Merge] = field(default_factory=dict)

    @property
    def inheriting(self) -> dict[int, Contact]:
        """The new contacts whose LID is still another one's when they are inserted."""
        winners = {merge.winner_id for merge in self.merged.values() if merge.frees}
        return {planned: self.new[planned] for planned in sorted(winners & self.new.keys())}


@dataclass(slots=True)
class Saved:
    """What was saved, by the planned ids: negative for contacts that were new."""

    contacts: dict[int, ContactSaved] = field(default_factory=dict)
    merged_into: dict[int, list[ContactMerged]] = field(default_factory=dict)

    def final(self, contact_id: int) -> int:
        """Give the id that a planned one became."""
        found = self.contacts.get(contact_id)
        return found.contact_id if found else contact_id

    def facts(self, contact_id: int) -> list[ContactChanged]:
        """List what is to be told of a contact."""
        saved = self.contacts.get(contact_id)
        return [*([saved] if saved else []), *self.merged_into.get(contact_id, [])]


class AddressBook:
    """Finds contacts and plans what must be saved."""

    def __init__(self, known: Iterable[Known], changes: Changes) -> None:
        self._by_id: dict[int, Contact] = {}
        self._ids: dict[Key, int] = {}
        self._changes = changes
        for found in known:
            self._remember(found.contact)
            for key in found.by.keys:
                self._ids.setdefault(key, found.contact.id)

    def find(self, identity: Identity) -> int | None:
        """Give the id of the contact that an identity belongs to.

        Keys may lead to two contacts, as when a LID's number becomes known. One that has nothing
        but its LID is merged into the other; two that have numbers stay two.
        """
        found = list(dict.fromkeys(self._ids[key] for key in identity.keys if key in self._ids))
        if not found:
            return None
        winner, *others = found
        for other in others:
            if self._by_id[other].number is None:
                self._merge(other, winner)
        return winner

    def add(self, contact: Contact) -> int:
        """Plan to insert a contact; gives its id for now."""
        planned = replace(contact, id=-len(self._changes.new) - 1)
        self._changes.new[planned.id] = planned
        self._remember(planned)
        return planned.id

    def learn(
        self, contact_id: int, identity: Identity, name: str | None, *, revives: bool
    ) -> None:
        """Plan to fill in what was not known of a contact."""
        before = self._by_id[contact_id]
        after = self._learnt(before, identity, name)
        self._plan_change(contact_id, replace(after, active=True) if revives else after)

    def _merge(self, loser: int, winner: int) -> None:
        """Let the winner have the loser's LID and name where it has none of its own."""
        lost, won = self._by_id[loser], self._by_id[winner]
        has_lid, has_name = won.lid is not None, won.name not in {won.number, won.lid}
        self._changes.changed.pop(loser, None)
        for earlier in self._changes.merged.values():
            if earlier.winner_id == loser:
                self._changes.merged[earlier.loser_id] = replace(
                    earlier, winner_id=winner, frees=earlier.frees and not has_lid
                )
        self._changes.merged[loser] = Merge(won.company_id, loser, winner, frees=not has_lid)
        for key in [key for key, owner in self._ids.items() if owner == loser]:
            self._ids[key] = winner
        lid, name = won.lid if has_lid else lost.lid, won.name if has_name else lost.name
        # What is beside the loser goes to the winner, whose row is another version with that.
        self._put(replace(won, lid=lid, name=name))

    def _plan_change(self, contact_id: int, after: Contact) -> None:
        if after != self._by_id[contact_id]:
            self._put(after)

    def _put(self, after: Contact) -> None:
        planned = self._changes.new if after.id < 0 else self._changes.changed
        planned[after.id] = after
        self._remember(after)

    def _learnt(self, contact: Contact, identity: Identity, name: str | None) -> Contact:
        """Fill in what is missing; a key that belongs to another contact is left to it."""
        after = contact
        for kind in ("number", "lid", "jid"):
            value = getattr(identity, kind)
            taken = (contact.company_id, kind, value) in self._ids
            if value and not taken and not getattr(after, kind):
                after = replace(after, **{kind: value})
        if after.jid and (after.remote_jid or "").endswith(LID_SERVER):
            after = replace(after, remote_jid=after.jid)
        unnamed = after.name in {after.number, after.lid}
        return replace(after, name=name) if name and unnamed else after

    def _remember(self, contact: Contact) -> None:
        self._by_id[contact.id] = contact
        identity = Identity(contact.company_id, contact.number, contact.lid, contact.jid)
        for key in identity.keys:
            self._ids.setdefault(key, contact.id)
