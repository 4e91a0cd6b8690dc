"""Tickets of merged contacts on a real Postgres."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.contact_merge.handler import follow_contacts
from services.tickets.routing.handler import route_messages
from shared.contracts.contact import ContactMerged
from shared.contracts.ticket import TicketTransferred
from tests.support.build import identified
from tests.support.ticket_rows import (
    TICKET,
    list_facts,
    load_ticket,
    run_sql,
    store_message,
)

pytestmark = pytest.mark.integration


async def test_tickets_of_merged_contacts_become_one(conn: AsyncConnection) -> None:
    await store_message(conn, "A1", "Oi", ticket_id=1001)
    await run_sql(
        conn, 'UPDATE "Contacts" SET "mergedIntoContactId" = 100, active = FALSE WHERE id = 102'
    )
    event = ContactMerged(company_id=1, contact_id=100, merged_contact_id=102, version=1)
    facts = list_facts(await follow_contacts(conn, [event]))
    (left,) = facts
    assert isinstance(left, TicketTransferred)
    assert (left.ticket_id, left.successor_ticket_id) == (1001, TICKET)
    assert {(await load_ticket(conn, t))["contactId"] for t in (TICKET, 1001)} == {100}
    assert await follow_contacts(conn, [event]) == []


async def test_a_message_of_a_contact_that_was_merged_meanwhile_goes_to_the_canonical_one(
    conn: AsyncConnection,
) -> None:
    await run_sql(conn, 'UPDATE "Contacts" SET "mergedIntoContactId" = 100 WHERE id = 101')
    (routed,) = list_facts(
        await route_messages(conn, [identified("A1", contact_id=101, sender_id=101)])
    )
    facts = routed.model_dump()
    assert (facts["contact_id"], facts["sender_id"], facts["ticket_id"]) == (100, 100, TICKET)
