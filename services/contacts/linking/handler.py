"""Merge contacts that a gateway has reported to be one person."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.linking import rules
from services.contacts.persistence import address_book
from shared.contracts.contact import ContactLink
from shared.contracts.outcome import Outcome


async def link_contacts(conn: AsyncConnection, batch: Sequence[ContactLink]) -> Outcome:
    """Merge linked contacts, and save the numbers of LIDs for later messages."""
    identities = {rules.get_identity(link) for link in batch}
    known = await address_book.load_contacts(conn, identities)
    plan = rules.plan_links(known, batch)
    await address_book.save_lid_numbers(conn, list(plan.numbers.values()))
    return rules.build_facts(plan, await address_book.save_changes(conn, plan))
