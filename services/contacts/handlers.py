"""What the contacts worker does with each kind of record: load, decide, save, tell."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.rules import consenting, identifying, linking
from services.contacts.rules import wishes as wishing
from services.contacts.store import address_book, consents, wishes
from shared.contracts.contact import ContactConsent, ContactLink
from shared.contracts.contact_request import ContactRequest
from shared.contracts.message import MessageReceived
from shared.contracts.outcome import Outcome


async def identify_messages(conn: AsyncConnection, batch: Sequence[MessageReceived]) -> Outcome:
    """Give each message its contact, new or known; unknown lines and unwanted groups say so."""
    lines = await address_book.lines(conn, {(m.company_id, m.whatsapp_id) for m in batch})
    numbers = await address_book.numbers(conn, identifying.lids(batch))
    known = await address_book.known(conn, identifying.identities(batch, numbers))
    plan = identifying.identify(lines, known, numbers, batch)
    return identifying.identified(plan, await address_book.save(conn, plan))


async def link_contacts(conn: AsyncConnection, batch: Sequence[ContactLink]) -> Outcome:
    """Join contacts that a gateway has found to be one person, and remember it."""
    known = await address_book.known(conn, {linking.identity_of(link) for link in batch})
    plan = linking.link(known, batch)
    await address_book.remember(conn, list(plan.numbers.values()))
    return linking.linked(plan, await address_book.save(conn, plan))


async def grant_requests(conn: AsyncConnection, batch: Sequence[ContactRequest]) -> Outcome:
    """Grant what is asked about contacts, or refuse it, in the order in which it came."""
    plan = await wishes.plan(conn, batch)
    wishing.grant(plan, await wishes.house(conn, batch), batch)
    await wishes.save(conn, plan)
    return plan.outcome


async def note_consents(conn: AsyncConnection, batch: Sequence[ContactConsent]) -> Outcome:
    """Note which contacts have consented to the use of their data, and since when."""
    return consenting.consented(batch, await consents.note(conn, consenting.consents(batch)))
