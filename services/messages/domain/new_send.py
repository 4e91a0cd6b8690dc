"""A new row of "Sends", before its message.send is published."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NewSend:
    """A send of a message, or of a change of one, which `change` holds as JSON."""

    company_id: int
    send_id: str
    whatsapp_id: int
    chat: str
    change: str | None = None
