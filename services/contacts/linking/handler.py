"""Merge contacts that a gateway has reported to be one person, and give them new numbers."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.linking import rules
from services.contacts.persistence import address_book
from services.contacts.persistence.aliases import load_aliases, save_aliases
from shared.contracts.contact import ContactLink, ContactMove
from shared.contracts.outcome import Outcome


async def link_contacts(
    conn: AsyncConnection, batch: Sequence[ContactLink | ContactMove]
) -> Outcome:
    """Merge linked contacts, rename moved ones, and save LIDs and BSUIDs for later messages."""
    lines = await address_book.load_lines(conn, rules.list_lines(batch))
    lids = await address_book.load_lid_numbers(conn, rules.list_linked_lids(batch))
    observed = rules.list_observed(lines, lids, batch)
    companies = {event.company_id for event in batch}
    aliases = await load_aliases(conn, {identity for identity, _ in observed}, companies)
    resolved = rules.list_resolved(observed, aliases)
    known = await address_book.load_contacts(conn, resolved, aliases)
    plan = rules.plan_links(known, batch, lines, lids, aliases)
    await address_book.save_lid_numbers(conn, list(plan.numbers.values()))
    saved = await address_book.save_changes(conn, plan)
    await save_aliases(conn, aliases, saved)
    return rules.build_facts(plan, saved)
