"""Save the status of lines that gateways report."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.connections import rules, store
from services.messages.domain.keys import get_line_key
from shared.contracts.connection import ConnectionUpdated
from shared.contracts.outcome import Outcome


async def update_lines(conn: AsyncConnection, batch: Sequence[ConnectionUpdated]) -> Outcome:
    """Save the newest status of each line."""
    lines = await store.find_lines(conn, {get_line_key(event) for event in batch})
    plan = rules.plan_states(lines, batch)
    await store.save_states(conn, list(plan.states.values()))
    return plan.outcome
