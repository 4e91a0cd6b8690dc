"""Handler of contacts' replies to questions of the system (rating, consent, queue)."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.bot import rules, store
from services.tickets.domain.events import TicketFact, build_facts
from services.tickets.domain.keys import TicketKey
from services.tickets.persistence.save import save_plan
from services.tickets.persistence.tickets import load_plan


async def reply_to_contacts(
    conn: AsyncConnection, messages: Mapping[int, TicketKey]
) -> Sequence[TicketFact]:
    """Apply contacts' replies to their tickets, and send the next questions."""
    if not messages:
        return []
    plan = await load_plan(conn, set(messages.values()))
    rules.apply_replies(plan, await store.load_replies(conn, plan.tickets.values(), messages))
    return build_facts(plan, await save_plan(conn, plan))
