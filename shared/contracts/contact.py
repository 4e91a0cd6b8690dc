"""What the contacts service tells about the address book."""

from typing import ClassVar

from typing_extensions import override

from shared.contracts.base import Event, Id, Name, Request, Token


class ContactChanged(Event):
    """What happened to a contact; of two facts, the one with the higher `version` is newer."""

    topic: ClassVar[str] = "contact.changed"
    ours_alone: ClassVar[bool] = True

    contact_id: Id
    version: int

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.contact_id}"


class ContactSaved(ContactChanged):
    """A contact is new or changed."""

    type: ClassVar[str] = "contact.saved"

    name: str
    number: str | None = None
    lid: str | None = None
    jid: str | None = None
    is_group: bool = False
    active: bool = True


class ContactMerged(ContactChanged):
    """`contactId` stands for `mergedContactId` from now on: its tickets and messages move."""

    type: ClassVar[str] = "contact.merged"

    merged_contact_id: Id


class ContactLink(Request):
    """These are names of one person: a number, a LID, a JID. Contacts that have them become one.

    Nobody is added to the address book by it.
    """

    topic: ClassVar[str] = "contacts.requests"
    type: ClassVar[str] = "contact.link"

    number: Token | None = None
    lid: Token | None = None
    jid: Token | None = None
    push_name: Name | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:contact:{self.number or self.lid or self.jid}"
