"""Request the reactions, edits, deletions and read receipts that users ask for."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.change_requests import rules, store
from services.messages.connections.store import find_lines
from services.messages.domain.keys import get_chat_key, get_line_key
from services.messages.persistence.new_sends import insert_sends, read_now
from services.messages.persistence.routes import load_routes
from shared.contracts.message_request import MessageChangeRequest
from shared.contracts.outcome import Outcome


async def request_changes(conn: AsyncConnection, batch: Sequence[MessageChangeRequest]) -> Outcome:
    """Request a send for each change; the row changes when the gateway has done it."""
    situation = rules.Situation(
        lines=await find_lines(conn, {get_line_key(request) for request in batch}),
        routes=await load_routes(conn, {get_chat_key(request) for request in batch}),
        messages=await store.load_messages(conn, {rules.get_named_key(one) for one in batch}),
        now=await read_now(conn),
    )
    plan = rules.plan_changes(situation, batch)
    new_sends = await insert_sends(conn, plan.rows)
    return rules.build_facts(plan, new_sends)
