"""Keys by which rules and statements name rows."""

from typing import NamedTuple


class RowKey(NamedTuple):
    """A user, a queue or a tag of a company."""

    company_id: int
    id: int


class TicketKey(NamedTuple):
    """A ticket; `ticket_id` of a new one is negative until it is saved."""

    company_id: int
    ticket_id: int


class ContactKey(NamedTuple):
    """A contact of a company."""

    company_id: int
    contact_id: int


class ConversationKey(NamedTuple):
    """A contact on a line; it has at most one ticket that is not closed."""

    company_id: int
    whatsapp_id: int
    contact_id: int


class MessageKey(NamedTuple):
    """A message by its line and WhatsApp id (wid)."""

    company_id: int
    whatsapp_id: int
    wid: str
