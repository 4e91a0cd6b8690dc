"""Requests of the back office about one contact."""

from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Id, Name, Request, Roles
from shared.contracts.members import ContactId

MOST = 100  # tags, users or fields of one contact

Ids = Annotated[tuple[Id, ...], Field(max_length=MOST, fail_fast=True)]
Fields = Annotated[dict[Name, Name], Field(max_length=MOST)]


class ContactRequest(Request):
    """A request about a contact; requests about one contact take effect in partition order.

    The answer is a fact on contact.changed with the same `requestId`. For a merged contact the
    request applies to the canonical contact, which the answer names.
    """

    topic: ClassVar[str] = "contacts.requests"
    readers: ClassVar[Roles] = ("contacts",)

    contact_id: ContactId

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:contact:{self.contact_id}"


class ContactSave(ContactRequest):
    """Change the given members; lists and custom fields are replaced as a whole."""

    type: ClassVar[str] = "contact.save"

    name: Name | None = Field(None, repr=False)
    """The name in the address book."""
    email: Name | None = Field(None, repr=False)
    """The e-mail address; empty for none."""
    disable_bot: bool | None = None
    """Whether the contact gets no auto-replies."""
    accept_audio_message: bool | None = None
    """Whether the contact may send audio messages."""
    blocked: bool | None = None
    """Whether the contact is blocked."""
    tag_ids: Ids | None = None
    """All its tags, `"Tags".id`."""
    wallet_ids: Ids | None = None
    """The users who look after it; the first one gets new tickets."""
    custom_fields: Fields | None = Field(None, repr=False)
    """All its custom fields: values by name."""


class ContactDelete(ContactRequest):
    """Delete a contact: `active` becomes false, its rows stay."""

    type: ClassVar[str] = "contact.delete"
