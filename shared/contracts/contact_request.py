"""Requests of the back office about one contact."""

from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Id, Name, Request

MOST = 100  # tags, users or fields of one contact

Ids = Annotated[tuple[Id, ...], Field(max_length=MOST, fail_fast=True)]
Fields = Annotated[dict[Name, Name], Field(max_length=MOST)]


class ContactRequest(Request):
    """A request about a contact; requests about one contact take effect in partition order.

    The answer is a fact on contact.changed with the same `requestId`. For a merged contact the
    request applies to the canonical contact, which the answer names.
    """

    topic: ClassVar[str] = "contacts.requests"

    contact_id: Id

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:contact:{self.contact_id}"


class ContactSave(ContactRequest):
    """Change the given members; lists and custom fields are replaced as a whole.

    The order of `walletIds` is kept: the first user gets new tickets.
    """

    type: ClassVar[str] = "contact.save"

    name: Name | None = Field(None, repr=False)
    email: Name | None = Field(None, repr=False)
    disable_bot: bool | None = None
    accept_audio_message: bool | None = None
    blocked: bool | None = None
    tag_ids: Ids | None = None
    wallet_ids: Ids | None = None
    custom_fields: Fields | None = Field(None, repr=False)


class ContactDelete(ContactRequest):
    """Delete a contact: `active` becomes false, its rows stay."""

    type: ClassVar[str] = "contact.delete"
