"""Apply changes of stored messages, including changes that arrived before their message."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.changes import rules, store
from services.messages.domain.keys import get_message_key
from shared.contracts.message import MessageUpdated
from shared.contracts.message_change import MessageChange
from shared.contracts.outcome import RejectWaiting


async def apply_changes(
    conn: AsyncConnection,
    events: Sequence[MessageChange],
    early: Sequence[tuple[rules.SavedChange, MessageChange]],
) -> tuple[Mapping[int, MessageUpdated], Sequence[RejectWaiting]]:
    """Apply changes of stored messages; return a fact per changed message, by its id.

    `early` are the events that were saved earlier; one of them is rejected if its sender
    is not the author of the message.
    """
    targets = await store.lock_targets(conn, {get_message_key(event) for event in events})
    plan = rules.plan_changes((), targets, events)
    return await store.save_changes(conn, plan), rules.find_rejected(plan, early)
