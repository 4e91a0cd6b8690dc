"""Store messages that users and services ask for, and request their sends."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.composing import rules, store
from services.messages.connections.store import find_lines
from services.messages.domain.keys import get_chat_key, get_line_key
from services.messages.persistence.new_sends import insert_sends, read_now
from services.messages.persistence.routes import load_routes
from services.messages.storing.store import link_quotes
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Outcome


async def compose_messages(conn: AsyncConnection, batch: Sequence[MessageCompose]) -> Outcome:
    """Store the requested messages, and request a send for each that is not a private note."""
    lines = await find_lines(conn, {get_line_key(request) for request in batch})
    keys = {rules.get_conversation_key(request) for request in batch}
    situation = rules.Situation(
        lines=lines,
        conversations=await store.load_conversations(conn, keys),
        routes=await load_routes(conn, {get_chat_key(request) for request in batch}),
        templates=await store.load_templates(conn, rules.list_template_keys(batch)),
        now=await read_now(conn),
    )
    plan = rules.plan_messages(situation, batch)
    new_sends = await insert_sends(conn, rules.list_sends(plan))
    ids = await store.insert_messages(conn, rules.select_new(plan, new_sends))
    await link_quotes(conn, rules.build_quotes(plan, ids))
    return rules.build_facts(plan, ids)
