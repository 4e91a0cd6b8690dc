"""Handler that starts and ends the timers of kanban lanes after messages."""

from collections.abc import Collection, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.events import TicketFact, build_facts
from services.tickets.domain.keys import TicketKey
from services.tickets.kanban import rules, store
from services.tickets.persistence.save import save_plan
from services.tickets.persistence.tickets import load_plan


async def update_lane_timers(
    conn: AsyncConnection, tickets: Collection[TicketKey]
) -> Sequence[TicketFact]:
    """Start and end timers of lanes; move tickets to rollback lanes."""
    if not tickets:
        return []
    changes = rules.plan_lane_timers(await store.load_stays(conn, tickets))
    plan = await load_plan(conn, changes.rollbacks.keys())
    rules.roll_back(plan, changes)
    ids = await save_plan(conn, plan)
    await store.save_timers(conn, changes)
    return build_facts(plan, ids)
