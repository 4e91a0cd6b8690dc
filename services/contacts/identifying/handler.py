"""Find the contact of each received message."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.domain.keys import LineKey
from services.contacts.identifying import rules
from services.contacts.persistence import address_book
from services.contacts.persistence.aliases import load_aliases, save_aliases
from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Outcome


async def identify_messages(conn: AsyncConnection, batch: Sequence[MessageReceived]) -> Outcome:
    """Publish each message with its contact, existing or new.

    Messages of unknown lines are rejected; group messages are refused on lines without allowGroup.
    """
    keys = {LineKey(message.company_id, message.whatsapp_id) for message in batch}
    lines = await address_book.load_lines(conn, keys)
    observed = rules.list_observed(lines, batch)
    lids = await address_book.load_lid_numbers(conn, rules.list_lids(observed))
    people = rules.list_people(observed, lids)
    changing = {line.company_id for line in lines.values() if line.has_changes}
    aliases = await load_aliases(conn, people, changing)
    numbers = rules.follow_numbers(lids, aliases)
    resolved = rules.list_resolved(observed, numbers, aliases)
    known = await address_book.load_contacts(conn, resolved, aliases)
    plan = rules.plan_contacts(lines, known, numbers, observed, aliases)
    saved = await address_book.save_changes(conn, plan)
    await save_aliases(conn, aliases, saved)
    return rules.build_facts(plan, saved)
