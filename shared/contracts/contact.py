"""What the contacts service tells about the address book."""

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Event, Id, Moment, Name, Request, Token


class ContactChanged(Event):
    """What happened to a contact; of two facts, the one with the higher `version` is newer.

    `requestId` is that of the request which this answers, if it does.
    """

    topic: ClassVar[str] = "contact.changed"
    ours_alone: ClassVar[bool] = True

    contact_id: Id
    version: int
    request_id: Token | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.contact_id}"


class ContactSaved(ContactChanged):
    """A contact is new or changed.

    Its tags, the users who look after it (the first one first) and its fields are said where they
    were asked for; null: as they were.
    """

    type: ClassVar[str] = "contact.saved"

    name: str
    number: str | None = None
    lid: str | None = None
    jid: str | None = None
    is_group: bool = False
    active: bool = True
    email: str = ""
    blocked: bool = False
    disable_bot: bool = False
    accept_audio_message: bool = True
    tag_ids: tuple[Id, ...] | None = None
    wallet_ids: tuple[Id, ...] | None = None
    custom_fields: dict[str, str] | None = Field(None, repr=False)


class ContactUnchanged(ContactChanged):
    """A request found the contact as it wished it to be; the version is that of before."""

    type: ClassVar[str] = "contact.unchanged"


class ContactDeleted(ContactChanged):
    """A contact is in the address book no more; all that it has stays, and so does its number.

    A message of it brings it back.
    """

    type: ClassVar[str] = "contact.deleted"


class ContactMerged(ContactChanged):
    """`contactId` stands for `mergedContactId` from now on, and what belonged to it moves."""

    type: ClassVar[str] = "contact.merged"

    merged_contact_id: Id


class ContactRefused(Event):
    """A request about a contact was not granted: `reason` is a sentence for the one who asked."""

    topic: ClassVar[str] = "contact.changed"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "contact.refused"

    contact_id: Id
    request_id: Token
    reason: Name

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.contact_id}"


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


class ContactConsent(Request):
    """The contact has consented to the use of their data (LGPD), in ticket `ticketId`.

    The first consent counts.
    """

    topic: ClassVar[str] = "contacts.requests"
    type: ClassVar[str] = "contact.consent"

    contact_id: Id
    consented_at: Moment
    ticket_id: Id | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:contact:{self.contact_id}"
