"""Apply acks, edits, deletions, reactions and reads, or save them until their message arrives."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.changes import awaited_changes, rules, store
from services.messages.changes.apply import apply_changes
from services.messages.connections.store import find_lines
from services.messages.domain.keys import get_line_key, get_message_key
from services.messages.send_results.handler import save_plan
from services.messages.send_results.rules import plan_from_acks
from services.messages.send_results.store import find_sent
from shared.contracts.base import Event
from shared.contracts.message_change import MessageChange
from shared.contracts.outcome import Outcome, RejectWaiting


async def change_messages(conn: AsyncConnection, batch: Sequence[MessageChange]) -> Outcome:
    """Apply changes to their messages; save those whose message is not stored yet."""
    results = await save_plan(conn, plan_from_acks(batch), may_be_new=False)
    lines = await find_lines(conn, {get_line_key(event) for event in batch})
    targets = await store.lock_targets(conn, {get_message_key(event) for event in batch})
    plan = rules.plan_changes(lines, targets, batch)
    sent = await find_sent(conn, rules.list_missing(plan), without_row=True)
    await awaited_changes.save_early(conn, rules.select_early(plan, sent))
    return [*results, *rules.build_facts(plan, await store.save_changes(conn, plan))]


async def apply_waiting_changes(
    conn: AsyncConnection, kept: timedelta
) -> Sequence[Event | RejectWaiting]:
    """Apply saved changes whose message is stored now; reject those older than `kept`."""
    missed = rules.decode_saved(await awaited_changes.take_missed(conn, kept))
    facts, rejects = await apply_changes(conn, [event for _, event in missed], missed)
    detail = f"its message did not come within {kept.total_seconds() / 3600:g} hours"
    expired = [
        RejectWaiting(event, "unknown-message", detail, saved.number, saved.since)
        for saved, event in rules.decode_saved(await awaited_changes.take_expired(conn, kept))
    ]
    return [*facts.values(), *rejects, *expired]
