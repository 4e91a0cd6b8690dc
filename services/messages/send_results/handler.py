"""Save send results, and update wid and ack of the sent messages."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.changes import awaited_changes
from services.messages.changes.apply import apply_changes
from services.messages.changes.rules import decode_saved
from services.messages.connections.store import find_lines
from services.messages.domain.keys import get_line_key, get_message_key
from services.messages.send_results import change_results, rules, store
from services.messages.storing.store import link_waiting_quotes
from shared.contracts.outcome import Outcome
from shared.contracts.send_result import SendResult


async def save_send_results(conn: AsyncConnection, batch: Sequence[SendResult]) -> Outcome:
    """Save send results in "Sends" and in "Messages"."""
    lines = await find_lines(conn, {get_line_key(event) for event in batch})
    return await save_plan(conn, rules.plan_results(lines, batch), may_be_new=True)


async def save_plan(conn: AsyncConnection, plan: rules.Plan, *, may_be_new: bool) -> Outcome:
    """Change messages' wids to the gateways' ones, and apply the changes stored for these wids."""
    if not plan.results:
        return plan.outcome
    sends = await store.save_results(conn, list(plan.results.values()), may_be_new=may_be_new)
    ids = rules.map_message_ids(sends)
    echoes = await store.absorb_echoes(conn, ids)
    await link_waiting_quotes(conn, ids)
    early = decode_saved(
        await awaited_changes.take_early(conn, {get_message_key(s) for s in sends})
    )
    due = change_results.list_due(plan, sends)
    targets = await store.load_targets(conn, due)
    changes = rules.build_changes(plan, sends, echoes, (event for _, event in early))
    changes += change_results.build_events(due, targets)
    facts, rejects = await apply_changes(conn, changes, early)
    states = await store.load_targets(conn, due)
    others = change_results.drop_answered(facts, due, states)
    return [
        *rules.build_facts(plan, sends, echoes, others),
        *change_results.build_answers(due, states, facts),
        *rejects,
    ]
