"""Queue sends for our sender, and publish its send results."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.domain.keys import get_line_key
from services.messages.sending import rules, store
from shared.contracts.base import Event
from shared.contracts.message import MessageSend
from shared.contracts.outcome import Outcome


async def queue_sends(conn: AsyncConnection, batch: Sequence[MessageSend]) -> Outcome:
    """Save the sends of the lines whose gateway our sender posts to."""
    lines = await store.find_lines(conn, {get_line_key(send) for send in batch})
    await store.queue_sends(conn, rules.plan_waiting(lines, batch))
    return []


async def publish_send_results(conn: AsyncConnection) -> Sequence[Event]:
    """Return the facts of our sender's results that were not published yet."""
    return rules.build_facts(await store.take_results(conn))
