"""Routing of messages on a real Postgres."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.domain.keys import ConversationKey
from services.tickets.domain.transitions import end
from services.tickets.persistence import attendances
from services.tickets.persistence.attendances import AttendedTicket
from services.tickets.persistence.save import save_plan
from services.tickets.persistence.tickets import load_conversation_tickets
from services.tickets.routing.handler import route_messages
from shared.contracts.message import MessageRouted
from shared.contracts.ticket import TicketChanged
from shared.contracts.ticket_request import TicketAccept, TicketClose
from shared.db.bulk import ConcurrentUpdateError
from tests.support.build import identified
from tests.support.ticket_rows import (
    TICKET,
    ask_for_rating,
    list_facts,
    list_logs,
    load_ticket,
    make_idle,
    of,
    request,
    run_due,
    run_sql,
    set_company_settings,
    set_expiry,
    set_names,
    store_message,
)

pytestmark = pytest.mark.integration


async def test_the_user_of_a_contacts_first_wallet_has_its_ticket_from_the_beginning(
    conn: AsyncConnection,
) -> None:
    await set_company_settings(conn, DirectTicketsToWallets=True)
    wallets = 'INSERT INTO "ContactWallets" ("companyId", "contactId", "walletId") VALUES '
    await run_sql(conn, f"{wallets} (1, 101, 6)")
    await run_sql(conn, f"{wallets} (1, 101, 5)")
    facts = list_facts(await route_messages(conn, [identified("A1", contact_id=101)]))
    assert [(f.status, f.user_id) for f in facts if isinstance(f, TicketChanged)] == [("open", 6)]


OURS = """
WITH m AS (
  INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "fromMe", read)
  VALUES (1, 10, 1000, '3EB0', 'Até logo', TRUE, TRUE) RETURNING id
)
INSERT INTO "Sends" ("companyId", "sendId", "whatsappId", chat, wid, "messageId", status)
SELECT 1, '3EB0', 10, 'chat', '3EB0', id, :status FROM m
"""


@pytest.mark.parametrize(
    ("status", "body", "effect"),
    [
        ("queued", "Até logo", "none"),
        ("claimed", "Até logo", "none"),
        ("unknown", "Até logo", "none"),
        ("sent", "Até logo", "opened"),
        ("claimed", "Mais uma coisa", "opened"),
    ],
)
async def test_the_echo_of_a_farewell_before_its_send_result_leaves_the_ticket_closed(
    conn: AsyncConnection, status: str, body: str, effect: str
) -> None:
    await request(conn, TicketClose(**of()))
    await run_sql(conn, OURS, status=status)
    echo = identified("E1", from_me=True, sender_id=None, body=body)
    facts = list_facts(await route_messages(conn, [echo]))
    assert [f.ticket_effect for f in facts if isinstance(f, MessageRouted)] == [effect]
    assert (await load_ticket(conn))["status"] == "closed"


@pytest.mark.parametrize("how", ["within the window", "after it was closed meanwhile"])
async def test_lid_and_jid_come_back_when_the_contact_writes(
    conn: AsyncConnection, how: str
) -> None:
    await set_names(conn)
    await request(conn, TicketClose(**of()))
    if how == "within the window":
        await run_sql(conn, 'UPDATE "Whatsapps" SET "timeCreateNewTicket" = 30')
        await route_messages(conn, [identified("A1")])
    else:
        await store_message(conn, "A1", "e mais")
    row = await load_ticket(conn)
    assert (row["status"], row["lid"], row["jid"]) == ("pending", "9@lid", "1@s")
    assert await list_logs(conn) == ["closed", "create"]


@pytest.mark.parametrize("how", ["within the window", "after it was closed meanwhile"])
async def test_a_group_that_goes_on_has_its_own_status(conn: AsyncConnection, how: str) -> None:
    await run_sql(conn, 'UPDATE "Tickets" SET "isGroup" = TRUE, status = \'group\' WHERE id = 1000')
    await request(conn, TicketClose(**of()))
    if how == "within the window":
        await run_sql(conn, 'UPDATE "Whatsapps" SET "timeCreateNewTicket" = 30')
        await route_messages(conn, [identified("A1", is_group=True)])
    else:
        await store_message(conn, "A1", "e mais")
    assert (await load_ticket(conn))["status"] == "group"


async def test_no_attendance_begins_in_a_ticket_that_was_closed_meanwhile(
    conn: AsyncConnection,
) -> None:
    await request(conn, TicketClose(**of()))
    attended = AttendedTicket(1, TICKET, 10, None, None)
    with pytest.raises(ConcurrentUpdateError):
        await attendances.find_or_begin(conn, [attended])


async def test_a_ticket_that_changed_since_it_was_loaded_is_not_saved(
    conn: AsyncConnection,
) -> None:
    plan = await load_conversation_tickets(conn, [ConversationKey(1, 10, 100)])
    (ticket,) = plan.tickets.values()
    await request(conn, TicketAccept(**of(user_id=5)))
    plan.apply([end(ticket, plan.next_change_at(ticket.key))])
    with pytest.raises(ConcurrentUpdateError):
        await save_plan(conn, plan)


async def end_ticket(conn: AsyncConnection, how: str) -> None:
    if how == "idle":
        await set_expiry(conn)
        await make_idle(conn, 31)
        await run_due(conn)
        return
    await ask_for_rating(conn)
    if how == "rated":
        await store_message(conn, "A1", "9")
        return
    await run_sql(conn, 'UPDATE "Whatsapps" SET "expiresTicketNPS" = \'5\'')
    await make_idle(conn, 6)
    await run_due(conn)


@pytest.mark.parametrize("how", ["idle", "rated", "not rated"])
async def test_however_a_ticket_ended_the_next_message_begins_another_one(
    conn: AsyncConnection, how: str
) -> None:
    await set_names(conn)
    await end_ticket(conn, how)
    row = await load_ticket(conn)
    assert (row["status"], row["lid"], row["jid"]) == ("closed", None, None)
    message = identified("B1", lid="9@lid", jid="1@s")
    facts = list_facts(await route_messages(conn, [message]))
    (opened,) = [fact for fact in facts if isinstance(fact, TicketChanged)]
    assert opened.type == "ticket.opened"
    assert opened.ticket_id != TICKET
