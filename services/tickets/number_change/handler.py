"""Leave a note in the open tickets of a contact whose number changed."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.number_change import rules, store
from shared.contracts.contact import ContactMoved
from shared.contracts.outcome import Outcome


async def note_number_changes(conn: AsyncConnection, batch: Sequence[ContactMoved]) -> Outcome:
    """Request a private note in each ticket of these contacts that is not closed."""
    return rules.build_notes(await store.load_live(conn, rules.list_contacts(batch)), batch)
