"""What the messages worker does with each kind of record: load, decide, save, tell."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages import rules, store
from shared.contracts.gateway import EvolutionRecord
from shared.contracts.message import MessageRouted
from shared.contracts.outcome import Outcome


async def translate_evolution(conn: AsyncConnection, batch: Sequence[EvolutionRecord]) -> Outcome:
    """Turn Evolution API's raw events into ours, for the lines that are registered."""
    connections = {rules.connection_of(record) for record in batch}
    lines = await store.lines(conn, "evolution", connections)
    return rules.translate(lines, batch)


async def store_messages(conn: AsyncConnection, batch: Sequence[MessageRouted]) -> Outcome:
    """Store each message once; a copy of a stored one is refused, and told so."""
    plan = rules.place(batch)
    ids = await store.insert(conn, plan.rows)
    await store.quote(conn, rules.quotes(plan, ids))
    await store.answer_waiting(conn, ids)
    return rules.stored(plan, ids)
