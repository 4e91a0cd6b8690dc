"""What is asked of the contacts service about one contact, by the back office (schema.md 7)."""

from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import override

from shared.contracts.base import Id, Name, Request

MOST = 100  # tags, users or fields of one contact

Ids = Annotated[tuple[Id, ...], Field(max_length=MOST, fail_fast=True)]
Fields = Annotated[dict[Name, Name], Field(max_length=MOST)]


class ContactRequest(Request):
    """A wish about a contact; those about one are granted in the order of their partition.

    The answer is a fact on contact.changed with the same `requestId`. A contact that was merged
    is stood for by the other one, which the answer then names.
    """

    topic: ClassVar[str] = "contacts.requests"

    contact_id: Id

    @property
    @override
    def key(self) -> str:
        return f"{self.company_id}:contact:{self.contact_id}"


class ContactSave(ContactRequest):
    """Members that are named change; a list, or the fields, are from now on what is named.

    Of several users who look after a contact (`walletIds`), the first one comes first.
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
    """The contact is to be in the address book no more; everything that it has stays."""

    type: ClassVar[str] = "contact.delete"
