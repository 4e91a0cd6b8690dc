"""Apply requests to save or delete contacts."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.requests import rules, store
from shared.contracts.contact_request import ContactRequest
from shared.contracts.outcome import Outcome


async def apply_requests(conn: AsyncConnection, batch: Sequence[ContactRequest]) -> Outcome:
    """Apply or refuse each request, in their order."""
    plan = await store.load_plan(conn, batch)
    rules.apply_requests(plan, await store.load_reference_data(conn, batch), batch)
    await store.save_plan(conn, plan)
    return plan.outcome
