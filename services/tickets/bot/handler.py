"""Handler of contacts' replies to questions of the system (rating, consent, queue)."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.bot import rules, store
from services.tickets.domain.events import TicketFact, build_facts
from services.tickets.persistence.save import save_plan
from services.tickets.persistence.tickets import load_plan


async def reply_to_contacts(conn: AsyncConnection, new: rules.NewReplies) -> Sequence[TicketFact]:
    """Apply contacts' replies to their tickets, and send the next questions."""
    if not new.tickets:
        return []
    plan = await load_plan(conn, new.tickets)
    replies = await store.load_replies(conn, plan.tickets.values(), new)
    rules.apply_replies(plan, replies, not_to_ask=new.tickets - set(new.messages.values()))
    return build_facts(plan, await save_plan(conn, plan))
