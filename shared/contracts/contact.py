"""Facts about contacts, and requests that our services make about them."""

from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Event, Id, Moment, Name, Request, Token


class ContactChanged(Event):
    """A fact about a contact; of two, the one with the higher `version` is newer.

    `requestId` is set if a request was the cause.
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

    Its tags, wallets (users who look after it, the first one first) and fields are set if a
    request named them; null means unchanged.
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
    """A request changed nothing in the contact; the version stays."""

    type: ClassVar[str] = "contact.unchanged"


class ContactDeleted(ContactChanged):
    """A contact was deleted: its row and its number stay, with `active` false.

    A message from the contact makes it active again.
    """

    type: ClassVar[str] = "contact.deleted"


class ContactMerged(ContactChanged):
    """`contactId` is the canonical contact of `mergedContactId`, whose rows move to it."""

    type: ClassVar[str] = "contact.merged"

    merged_contact_id: Id


class ContactRefused(Event):
    """A request about a contact was refused; `reason` is a sentence for its sender."""

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
    """A number, a LID and a JID belong to one person; contacts with them are merged.

    No contact is created.
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
    """A contact consents to the use of its data (LGPD), in ticket `ticketId`.

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
