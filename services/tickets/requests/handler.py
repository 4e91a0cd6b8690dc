"""Handler of requests about tickets."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.events import build_outcome
from services.tickets.domain.reference_data import get_ticket_key
from services.tickets.persistence.reference_data import load_reference_data
from services.tickets.persistence.save import save_plan
from services.tickets.persistence.tickets import load_plan
from services.tickets.requests import rules
from shared.contracts.outcome import Outcome
from shared.contracts.ticket_request import TicketRequest


async def apply_requests(conn: AsyncConnection, batch: Sequence[TicketRequest]) -> Outcome:
    """Apply or refuse requests about tickets, in the order of the batch."""
    plan = await load_plan(conn, {get_ticket_key(request) for request in batch})
    reference_data = await load_reference_data(conn, batch)
    rules.apply_requests(plan, reference_data, batch)
    return build_outcome(plan, await save_plan(conn, plan))
