"""What the contacts worker does with each kind of message: load, decide, save, tell."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts import rules, store
from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Outcome


async def identify_messages(conn: AsyncConnection, batch: Sequence[MessageReceived]) -> Outcome:
    """Give each message its contact, new or known; unknown lines and unwanted groups say so."""
    lines = await store.lines(conn, {(m.company_id, m.whatsapp_id) for m in batch})
    known = await store.known(conn, rules.identities(batch))
    plan = rules.identify(lines, known, batch)
    saved = await store.save(conn, plan.new, plan.changed)
    return rules.identified(plan, saved)
