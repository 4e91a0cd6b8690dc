"""Keys by which rules and statements identify rows."""

from typing import NamedTuple


class LineKey(NamedTuple):
    """Key of a line, a row of "Whatsapps"."""

    company_id: int
    whatsapp_id: int


class LidKey(NamedTuple):
    """A LID, WhatsApp's hidden id of a person, in one company."""

    company_id: int
    lid: str


class ContactKey(NamedTuple):
    """Key of a row of "Contacts"."""

    company_id: int
    contact_id: int


class TagKey(NamedTuple):
    """Key of a row of "Tags"."""

    company_id: int
    tag_id: int


class UserKey(NamedTuple):
    """Key of a row of "Users"."""

    company_id: int
    user_id: int
