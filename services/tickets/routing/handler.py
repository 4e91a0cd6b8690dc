"""Handler of identified messages: each gets its ticket."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.persistence import attendances
from services.tickets.persistence.attendances import AttendedTicket
from services.tickets.persistence.save import save_plan
from services.tickets.persistence.tickets import load_conversation_tickets
from services.tickets.routing import echoes, rules, store
from shared.contracts.message import MessageIdentified
from shared.contracts.outcome import Outcome


async def route_messages(
    conn: AsyncConnection,
    batch: Sequence[MessageIdentified],
    late_after: timedelta = timedelta.max,
) -> Outcome:
    """Route each message to its ticket: the not-closed one, a reopened one, or a new one.

    The contact of a message that was older than `late_after` when it entered Kafka is not asked
    for consent.
    """
    keys = {rules.get_conversation_key(message) for message in batch}
    conversations = await store.load_conversations(conn, keys)
    plan = await load_conversation_tickets(conn, {c.key for c in conversations.values()})
    stored = await store.find_stored(conn, {rules.get_message_key(message) for message in batch})
    candidates = echoes.find_candidates(plan, conversations, stored, batch)
    echoed = await store.find_echoes(conn, candidates)
    routing = rules.route_messages(plan, conversations, stored, batch, echoed, late_after)
    await attendances.finish(conn, rules.list_changed(plan))
    ids = await save_plan(conn, plan)
    attended = [
        AttendedTicket(t.company_id, ids.get(t.id, t.id), t.whatsapp_id, t.user_id, t.queue_id)
        for t in rules.list_attended(routing)
    ]
    attendance_ids = await attendances.find_or_begin(conn, attended)
    return rules.build_outcome(routing, ids, attendance_ids)
