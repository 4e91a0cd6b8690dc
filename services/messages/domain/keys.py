"""Keys by which rules and statements identify rows."""

from typing import NamedTuple, Protocol


class LineKey(NamedTuple):
    """Key of a line, a row of "Whatsapps"."""

    company_id: int
    whatsapp_id: int


class ChatKey(NamedTuple):
    """Key of a chat on a line."""

    company_id: int
    whatsapp_id: int
    chat: str


class MessageKey(NamedTuple):
    """Key of a message: `wid` is WhatsApp's message id, unique per line."""

    company_id: int
    whatsapp_id: int
    wid: str


class MessageRef(NamedTuple):
    """A stored message by its key and by its id."""

    company_id: int
    whatsapp_id: int
    wid: str
    message_id: int


class SendKey(NamedTuple):
    """Key of a row of "Sends"."""

    company_id: int
    send_id: str


class TicketKey(NamedTuple):
    """Key of a row of "Tickets"."""

    company_id: int
    ticket_id: int


class ContactKey(NamedTuple):
    """Key of a row of "Contacts"."""

    company_id: int
    contact_id: int


class HasLineKey(Protocol):
    """Protocol of events and rows with the key of a line."""

    @property
    def company_id(self) -> int:
        """The company's id."""

    @property
    def whatsapp_id(self) -> int:
        """The line's id."""


class HasChatKey(HasLineKey, Protocol):
    """Protocol of events and rows with the key of a chat."""

    @property
    def chat(self) -> str:
        """The chat: a number, a group's id, a LID or a BSUID."""


class HasMessageKey(HasLineKey, Protocol):
    """Protocol of events and rows with the key of a message."""

    @property
    def wid(self) -> str:
        """WhatsApp's id of the message."""


def get_line_key(event: HasLineKey) -> LineKey:
    """Return the key of an event's line."""
    return LineKey(event.company_id, event.whatsapp_id)


def get_message_key(event: HasMessageKey) -> MessageKey:
    """Return the key of an event's message."""
    return MessageKey(event.company_id, event.whatsapp_id, event.wid)


def get_chat_key(event: HasChatKey) -> ChatKey:
    """Return the key of an event's chat."""
    return ChatKey(event.company_id, event.whatsapp_id, event.chat)
