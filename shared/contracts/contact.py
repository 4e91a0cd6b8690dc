"""Facts about contacts, and requests that our services make about them."""

from typing import ClassVar, Self

from pydantic import Field, model_validator
from typing_extensions import override

from shared.contracts.base import BACK_OFFICE, GATEWAY, Event, Id, Moment, Request, Roles, Token
from shared.contracts.members import (
    Bsuid,
    ContactId,
    Ignored,
    IsGroup,
    Jid,
    Lid,
    NewNumber,
    Number,
    Portfolio,
    PushName,
    Reason,
    RequestId,
    RowVersion,
    WhatsappId,
)


class ContactChanged(Event):
    """A fact about a contact; of two, the one with the higher `version` is newer."""

    topic: ClassVar[str] = "contact.changed"
    ours_alone: ClassVar[bool] = True
    writers: ClassVar[Roles] = ("contacts",)
    readers: ClassVar[Roles] = (BACK_OFFICE,)

    contact_id: ContactId
    version: RowVersion
    request_id: RequestId | None = None
    ignored: Ignored | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.contact_id}"


class ContactSaved(ContactChanged):
    """A contact is new or changed.

    Tags, wallets and custom fields are present if a request named them, otherwise unchanged.
    """

    type: ClassVar[str] = "contact.saved"

    name: str
    """The name in the address book."""
    number: str | None = None
    """Telephone number with country code, digits only, or a group id."""
    lid: str | None = None
    """WhatsApp's address without the number, `…@lid`."""
    jid: str | None = None
    """The address that replies go to."""
    is_group: IsGroup = False
    active: bool = True
    """False after the contact was deleted."""
    email: str = ""
    """The e-mail address, empty if none is known."""
    blocked: bool = False
    """Whether a user has blocked the contact."""
    disable_bot: bool = False
    """Whether the contact gets no auto-replies."""
    accept_audio_message: bool = True
    """Whether the contact may send audio messages."""
    tag_ids: tuple[Id, ...] | None = None
    """All its tags, `"Tags".id`."""
    wallet_ids: tuple[Id, ...] | None = None
    """The users who look after it, the first one first."""
    custom_fields: dict[str, str] | None = Field(None, repr=False)
    """All its custom fields: values by name."""


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
    readers: ClassVar[Roles] = ("tickets", "messages", BACK_OFFICE)

    merged_contact_id: Id
    """The contact that no longer has rows of its own."""


class ContactMoved(Event):
    """The person of a contact changed from `number` to `newNumber`; published once per change.

    If another contact has the new number, the contact keeps the old one (`isRenamed` is false).
    """

    topic: ClassVar[str] = "contact.changed"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "contact.moved"
    writers: ClassVar[Roles] = ("contacts",)
    readers: ClassVar[Roles] = ("tickets", BACK_OFFICE)

    contact_id: ContactId
    number: Number
    new_number: NewNumber
    is_renamed: bool
    """Whether the contact has the new number now."""
    timestamp: Moment | None = None
    """When the number changed, as it was reported first."""

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.contact_id}"


class ContactRefused(Event):
    """A request about a contact was refused; nothing changed."""

    topic: ClassVar[str] = "contact.changed"
    ours_alone: ClassVar[bool] = True
    type: ClassVar[str] = "contact.refused"
    writers: ClassVar[Roles] = ("contacts",)
    readers: ClassVar[Roles] = (BACK_OFFICE,)

    contact_id: ContactId
    request_id: Token
    """`requestId` of the request that this answers."""
    reason: Reason
    ignored: Ignored | None = None

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:{self.contact_id}"


class ContactLink(Request):
    """A number, a LID, a JID and a BSUID belong to one person; contacts with them are merged.

    No contact is created. The BSUID is valid in the portfolio of the line `whatsappId`, by default
    in `portfolio`. `timestamp` is when they belonged together.
    """

    topic: ClassVar[str] = "contacts.requests"
    type: ClassVar[str] = "contact.link"
    writers: ClassVar[Roles] = ("messages", GATEWAY, BACK_OFFICE)
    readers: ClassVar[Roles] = ("contacts",)

    number: Number | None = None
    lid: Lid | None = None
    jid: Jid | None = None
    push_name: PushName = None
    bsuid: Bsuid | None = None
    portfolio: Portfolio | None = None
    whatsapp_id: WhatsappId | None = None
    timestamp: Moment | None = None
    """When they belonged together."""

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:contact:{self.number or self.lid or self.jid}"


class ContactMove(Request):
    """A person has another number, another BSUID or both since `timestamp`.

    The contact gets the new number, unless another contact has it; a BSUID without a successor
    stays. No contact is created. The BSUIDs are valid in the portfolio of the line `whatsappId`, by
    default in `portfolio`.
    """

    topic: ClassVar[str] = "contacts.requests"
    type: ClassVar[str] = "contact.move"
    writers: ClassVar[Roles] = ("messages", GATEWAY, BACK_OFFICE)
    readers: ClassVar[Roles] = ("contacts",)

    timestamp: Moment
    """When the addresses changed."""
    number: Number | None = None
    new_number: NewNumber | None = None
    bsuid: Bsuid | None = None
    new_bsuid: Bsuid | None = None
    portfolio: Portfolio | None = None
    whatsapp_id: WhatsappId | None = None

    @model_validator(mode="after")
    def _require_address(self) -> Self:
        if not (self.number or self.bsuid):
            msg = "the number or the BSUID until now is wanted"
            raise ValueError(msg)
        return self

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:contact:{self.number or self.bsuid}"


class ContactConsent(Request):
    """A contact consents to the use of its data (LGPD), in ticket `ticketId`.

    The first consent counts.
    """

    topic: ClassVar[str] = "contacts.requests"
    type: ClassVar[str] = "contact.consent"
    writers: ClassVar[Roles] = ("tickets", BACK_OFFICE)
    readers: ClassVar[Roles] = ("contacts",)

    contact_id: ContactId
    consented_at: Moment
    """When the contact consented: ISO 8601 with zone, or seconds or milliseconds since 1970."""
    ticket_id: Id | None = None
    """The ticket in which the contact was asked."""

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:contact:{self.contact_id}"
