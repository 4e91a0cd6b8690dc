"""Rules for the notes about changed numbers. No clock, no database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from services.tickets.domain.keys import ContactKey
from shared.contracts.contact import ContactMoved
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Emit, Outcome

RENAMED = "O número do contato mudou de {number} para {new_number}."
NOT_RENAMED = RENAMED + " O número novo já é de outro contato."


@dataclass(frozen=True, slots=True)
class LiveTicket:
    """A ticket that is not closed, and the address of its contact."""

    company_id: int
    ticket_id: int
    whatsapp_id: int
    chat: str


def list_contacts(batch: Iterable[ContactMoved]) -> set[ContactKey]:
    """Return the contacts whose numbers changed."""
    return {ContactKey(event.company_id, event.contact_id) for event in batch}


def build_notes(
    tickets: Mapping[ContactKey, Sequence[LiveTicket]], batch: Iterable[ContactMoved]
) -> Outcome:
    """Return a private note per ticket and change.

    A repetition of a change has the same request id; the same change at another time has its own.
    """
    return [
        Emit(event, _build_note(ticket, event))
        for event in batch
        for ticket in tickets.get(ContactKey(event.company_id, event.contact_id), ())
    ]


def _build_note(ticket: LiveTicket, event: ContactMoved) -> MessageCompose:
    text = RENAMED if event.is_renamed else NOT_RENAMED
    parts = ["ticket", str(ticket.ticket_id), "moved", event.number[:64], event.new_number[:64]]
    if event.timestamp is not None:
        parts.append(event.timestamp.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ"))
    return MessageCompose(
        company_id=ticket.company_id,
        whatsapp_id=ticket.whatsapp_id,
        chat=ticket.chat,
        ticket_id=ticket.ticket_id,
        body=text.format(number=event.number, new_number=event.new_number),
        is_private=True,
        request_id=":".join(parts),
    )
