"""Handler of stored and changed messages: unread counts, last messages, auto-replies, lanes."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.bot.handler import reply_to_contacts
from services.tickets.bot.rules import list_contact_messages
from services.tickets.domain import reopening
from services.tickets.domain.events import build_facts, build_ticket_fact
from services.tickets.kanban.handler import update_lane_timers
from services.tickets.persistence import attendances
from services.tickets.persistence.save import save_plan
from services.tickets.persistence.tickets import lock_tickets
from services.tickets.unread import rules, store
from services.tickets.unread.rules import MessageChange
from services.tickets.unread.store import RefreshedTicket
from shared.contracts.outcome import Outcome
from shared.contracts.ticket import TicketUpdated


async def refresh_tickets(
    conn: AsyncConnection,
    batch: Sequence[MessageChange],
    late_after: timedelta = timedelta.max,
) -> Outcome:
    """Update each ticket's unread count and last message from its messages.

    A ticket that was opened for a duplicate is discarded if it is empty; a message that is stored
    after its ticket was closed reopens it. Replies to questions and timers of lanes are applied;
    a message that was older than `late_after` when it entered Kafka is no reply and gets none.
    """
    doubtful, touched = (
        rules.list_discard_candidates(batch),
        rules.list_tickets_of_changed_messages(batch),
    )
    replies = list_contact_messages(batch, late_after)
    plan = await lock_tickets(conn, doubtful | touched)
    empty = await store.find_empty(conn, rules.list_discardable(plan, doubtful))
    messages = rules.list_contact_message_ids(batch)
    closed = await store.load_closed(conn, rules.list_closed(plan, touched), messages)
    rules.discard_empty(plan, empty)
    reopening.reopen_closed(plan, closed)
    facts = build_facts(plan, await save_plan(conn, plan))
    await attendances.finish(conn, empty)
    remaining = plan.tickets.keys() & touched - set(empty)
    refreshed = [RefreshedTicket(*key, plan.next_change_at(key)) for key in remaining]
    updated = await store.refresh(conn, refreshed)
    facts += [build_ticket_fact(ticket, TicketUpdated, {}) for ticket in updated]
    follow_ups = await store.load_follow_ups(conn, remaining)
    asking = rules.list_tickets_to_ask(plan, follow_ups)
    facts += await reply_to_contacts(conn, replies.select(asking))
    facts += await update_lane_timers(conn, [f.key for f in follow_ups if f.is_timed])
    return rules.build_outcome(batch, facts)
