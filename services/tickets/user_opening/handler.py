"""Handler of `ticket.open`: a user starts a conversation with a contact."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain import events
from services.tickets.domain.reference_data import get_ticket_key
from services.tickets.persistence import attendances
from services.tickets.persistence.attendances import AttendedTicket
from services.tickets.persistence.reference_data import load_reference_data
from services.tickets.persistence.save import save_plan
from services.tickets.persistence.tickets import load_conversation_tickets, load_plan
from services.tickets.requests.rules import apply_requests
from services.tickets.routing.store import load_conversations
from services.tickets.user_opening import rules
from shared.contracts.outcome import Outcome
from shared.contracts.ticket_request import TicketOpen


async def open_tickets(conn: AsyncConnection, batch: Sequence[TicketOpen]) -> Outcome:
    """Open tickets for users: the contact's existing ticket, or a new one."""
    keys = {rules.get_conversation_key(request) for request in batch}
    conversations = await load_conversations(conn, keys)
    new = await load_conversation_tickets(conn, {c.key for c in conversations.values()})
    reference_data = await load_reference_data(conn, [rules.build_accept(r) for r in batch])
    opening = rules.find_tickets(new, conversations, reference_data, batch)
    ids = await save_plan(conn, new)
    attended = [
        AttendedTicket(t.company_id, ids[t.id], t.whatsapp_id, t.user_id, t.queue_id)
        for t in (begun.ticket for begun in new.new.values())
    ]
    await attendances.find_or_begin(conn, attended)
    accepts = rules.build_accepts(opening, ids)
    requests = [accept for _, accept in accepts]
    plan = await load_plan(conn, {get_ticket_key(accept) for accept in requests})
    apply_requests(plan, reference_data, requests)
    answers = events.build_outcome(plan, await save_plan(conn, plan))
    opened = events.build_outcome(new, ids)
    return rules.build_outcome(opening, opened, accepts, answers, ids)
