"""Update stored messages when tickets are transferred or viewed, or contacts are merged."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.reassigning import rules, store
from shared.contracts.contact import ContactMerged
from shared.contracts.outcome import Outcome
from shared.contracts.ticket import TicketTransferred, TicketViewed


async def move_messages(conn: AsyncConnection, batch: Sequence[TicketTransferred]) -> Outcome:
    """Move the messages of transferred tickets to their successors."""
    moved = await store.move_to_successors(conn, rules.list_transferred(batch))
    return rules.build_moved_facts(batch, moved)


async def mark_messages_read(conn: AsyncConnection, batch: Sequence[TicketViewed]) -> Outcome:
    """Mark the messages that users have seen as read."""
    return rules.build_read_facts(batch, await store.mark_read(conn, rules.list_seen(batch)))


async def reassign_messages(conn: AsyncConnection, batch: Sequence[ContactMerged]) -> Outcome:
    """Set the contact of merged contacts' messages to the canonical contact."""
    await store.reassign_contacts(conn, rules.list_merged(batch))
    return []
