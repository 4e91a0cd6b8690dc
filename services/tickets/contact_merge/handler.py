"""Handler of merged contacts: moves their tickets to the canonical contacts."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.contact_merge import rules, store
from services.tickets.domain.events import build_outcome
from services.tickets.persistence.save import save_plan
from services.tickets.persistence.tickets import load_plan
from shared.contracts.contact import ContactMerged
from shared.contracts.outcome import Outcome


async def follow_contacts(conn: AsyncConnection, batch: Sequence[ContactMerged]) -> Outcome:
    """Move the tickets of merged contacts to the canonical ones."""
    canonical = await store.load_canonical(conn, rules.list_merged(batch))
    if not canonical:
        return []
    contacts = canonical.keys() | rules.list_canonical(canonical)
    plan = await load_plan(conn, await store.find_live(conn, contacts))
    rules.merge_conversations(plan, canonical, batch)
    ids = await save_plan(conn, plan)
    await store.move_closed(conn, canonical)
    return build_outcome(plan, ids)
