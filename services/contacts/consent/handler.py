"""Save which contacts have consented to the use of their data."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.consent import rules, store
from shared.contracts.contact import ContactConsent
from shared.contracts.outcome import Outcome


async def save_consents(conn: AsyncConnection, batch: Sequence[ContactConsent]) -> Outcome:
    """Save the first consent of each contact."""
    return rules.build_facts(batch, await store.save_consents(conn, rules.find_first(batch)))
