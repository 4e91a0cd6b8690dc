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


class UserIdKey(NamedTuple):
    """A BSUID, Meta's id of a person within one business portfolio, in one company."""

    company_id: int
    portfolio: str
    user_id: str


class NumberKey(NamedTuple):
    """A telephone number in one company."""

    company_id: int
    number: str


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
