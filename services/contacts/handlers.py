"""What the contacts worker does with each kind of record: load, decide, save, tell."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts import store
from services.contacts.rules import identifying, linking
from shared.contracts.contact import ContactLink
from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Outcome


async def identify_messages(conn: AsyncConnection, batch: Sequence[MessageReceived]) -> Outcome:
    """Give each message its contact, new or known; unknown lines and unwanted groups say so."""
    lines = await store.lines(conn, {(m.company_id, m.whatsapp_id) for m in batch})
    numbers = await store.numbers(conn, identifying.lids(batch))
    known = await store.known(conn, identifying.identities(batch, numbers))
    plan = identifying.identify(lines, known, numbers, batch)
    return identifying.identified(plan, await store.save(conn, plan))


async def link_contacts(conn: AsyncConnection, batch: Sequence[ContactLink]) -> Outcome:
    """Join contacts that a gateway has found to be one person, and remember it."""
    known = await store.known(conn, {linking.identity_of(link) for link in batch})
    plan = linking.link(known, batch)
    await store.remember(conn, list(plan.numbers.values()))
    return linking.linked(plan, await store.save(conn, plan))
