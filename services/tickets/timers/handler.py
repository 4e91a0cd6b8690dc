"""Timer handler that runs the due actions of tickets."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.events import TicketFact, build_facts
from services.tickets.persistence.save import save_plan
from services.tickets.persistence.tickets import load_plan
from services.tickets.timers import rules, store


async def run_due_actions(conn: AsyncConnection) -> Sequence[TicketFact]:
    """Warn and close idle tickets, end unrated ones, redirect, assign users, move in lanes."""
    due = await store.find_due_actions(conn)
    if not due:
        return []
    plan = await load_plan(conn, {action.key for action in due})
    rules.run_due_actions(plan, due)
    return build_facts(plan, await save_plan(conn, plan))
