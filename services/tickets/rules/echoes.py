"""Our own words that come back under a name that nobody has told us yet. No clock, no database.

What is said when a ticket is closed may come back before the gateway's answer: it would open the
ticket again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.tickets.rules.routing import ConversationKey, Situation, Ticket, Wid, key_of
from shared.contracts.message import MessageIdentified


@dataclass(frozen=True, slots=True)
class Suspect:
    """A message of ours, and the closed ticket in which we may have asked for it."""

    company_id: int
    whatsapp_id: int
    wid: str
    ticket_id: int
    body: str
    written_at: datetime


def suspects(
    situations: Mapping[ConversationKey, Situation],
    known: Iterable[Ticket],
    stored: Collection[Wid],
    batch: Sequence[MessageIdentified],
) -> list[Suspect]:
    """List messages of ours that are not stored and whose conversations are over."""
    tickets = list(known)
    live = {ticket.key for ticket in tickets if ticket.status != "closed"}
    over = {ticket.key: ticket.id for ticket in tickets if ticket.key not in live}
    found: dict[Wid, Suspect] = {}
    for message in batch:
        wid = (message.company_id, message.whatsapp_id, message.wid)
        situation = situations.get(key_of(message))
        if situation and message.from_me and wid not in stored and situation.key in over:
            ticket_id = over[situation.key]
            found[wid] = Suspect(*wid, ticket_id, message.body, message.timestamp)
    return list(found.values())
