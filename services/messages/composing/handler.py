"""Store messages that users and services ask for, and request their sends."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.composing import rules, store
from services.messages.connections.store import find_lines
from services.messages.domain.keys import get_line_key
from services.messages.storing.store import link_quotes
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Outcome


async def compose_messages(conn: AsyncConnection, batch: Sequence[MessageCompose]) -> Outcome:
    """Store the requested messages, and request a send for each that is not a private note."""
    lines = await find_lines(conn, {get_line_key(request) for request in batch})
    keys = {rules.get_conversation_key(request) for request in batch}
    conversations = await store.load_conversations(conn, keys)
    plan = rules.plan_messages(lines, conversations, await store.read_now(conn), batch)
    new_sends = await store.insert_sends(conn, plan.rows)
    ids = await store.insert_messages(conn, rules.select_new(plan, new_sends))
    await link_quotes(conn, rules.build_quotes(plan, ids))
    return rules.build_facts(plan, ids)
