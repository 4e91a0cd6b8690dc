"""Requests about tickets on a real Postgres."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.base import Event
from shared.contracts.ticket import TicketChanged, TicketRefused, TicketTransferred, TicketViewed
from shared.contracts.ticket_request import (
    TicketAccept,
    TicketClose,
    TicketNote,
    TicketQueue,
    TicketReturn,
    TicketTransfer,
    TicketView,
)
from tests.support.ticket_rows import (
    TICKET,
    list_attendances,
    list_logs,
    list_types,
    load_ticket,
    load_version,
    of,
    request,
    run_sql,
    set_company_settings,
    store_message,
)

pytestmark = pytest.mark.integration


async def test_a_ticket_is_accepted_queued_returned_and_closed(conn: AsyncConnection) -> None:
    facts = await request(
        conn,
        TicketAccept(**of(user_id=5)),
        TicketQueue(**of(request_id="r2", queue_id=7)),
        TicketReturn(**of(request_id="r3")),
    )
    assert list_types(facts) == ["ticket.accepted", "ticket.queued", "ticket.returned"]
    row, (attendance,) = await load_ticket(conn), await list_attendances(conn)
    assert (row["status"], row["userId"], row["queueId"]) == ("pending", None, 7)
    assert (attendance["startedAt"], attendance["userId"]) == (None, None)
    assert attendance["queuedAt"] is not None
    versions = [fact.version for fact in facts if isinstance(fact, TicketChanged)]
    assert versions == sorted(set(versions))
    assert versions[-1] == await load_version(conn)
    await request(conn, TicketClose(**of(request_id="r4", actor_id=5)))
    row, (attendance,) = await load_ticket(conn), await list_attendances(conn)
    assert (row["status"], row["closedAt"]) == ("closed", row["updatedAt"])
    assert attendance["finishedAt"] == attendance["closedAt"] == row["closedAt"]
    assert await list_logs(conn) == ["open", "queue", "pending", "closed"]


async def test_flow_columns_end_with_the_ticket_and_lid_and_jid_come_back_with_it(
    conn: AsyncConnection,
) -> None:
    await run_sql(conn, "UPDATE \"Contacts\" SET lid = '9@lid', jid = '1@s' WHERE id = 100")
    await run_sql(
        conn,
        "UPDATE \"Tickets\" SET lid = '9@lid', jid = '1@s', \"lastFlowId\" = 'f', "
        "\"dataWebhook\" = '{}', \"hashFlowId\" = 'h' WHERE id = 1000",
    )
    await request(conn, TicketClose(**of()))
    row = await load_ticket(conn)
    names = ("lid", "jid", "lastFlowId", "dataWebhook", "hashFlowId")
    assert [row[name] for name in names] == [None] * 5
    await request(conn, TicketAccept(**of(request_id="r2", user_id=5)))
    row, attendances_now = await load_ticket(conn), await list_attendances(conn)
    assert (row["status"], row["lid"], row["jid"], row["closedAt"]) == (
        "open", "9@lid", "1@s", None,
    )  # fmt: skip
    assert [a["finishedAt"] is None for a in attendances_now] == [False, True]
    assert await list_logs(conn) == ["closed", "reopen"]


async def test_of_two_users_who_accept_at_once_one_is_refused(engine: AsyncEngine) -> None:
    async def accept(user_id: int) -> Event:
        async with engine.begin() as conn:
            (fact,) = await request(
                conn, TicketAccept(**of(request_id=f"u{user_id}", user_id=user_id))
            )
            await asyncio.sleep(0.05)
            return fact

    facts = await asyncio.gather(accept(5), accept(6))
    assert sorted(list_types(list(facts))) == ["ticket.accepted", "ticket.refused"]


async def test_a_handed_over_ticket_goes_on_as_a_new_one_that_may_be_handed_over_too(
    conn: AsyncConnection,
) -> None:
    await set_company_settings(conn, closeTicketOnTransfer=True)
    opened, left = await request(conn, TicketTransfer(**of(queue_id=7, user_id=5, actor_id=6)))
    assert isinstance(opened, TicketChanged)
    assert isinstance(left, TicketTransferred)
    second = opened.ticket_id
    assert (left.ticket_id, left.successor_ticket_id) == (TICKET, second)
    assert opened.version == await load_version(conn, second)
    old, new = await load_ticket(conn), await load_ticket(conn, second)
    assert (old["status"], new["status"], new["userId"], new["queueId"]) == ("closed", "open", 5, 7)
    assert len(await list_attendances(conn, second)) == 1
    facts = await request(conn, TicketTransfer(**of(second, "r2", queue_id=8)))
    third = facts[0].ticket_id if isinstance(facts[0], TicketChanged) else 0
    query = 'SELECT "ticketId", "successorId" FROM "TicketSuccessors"'
    pointed = {row["ticketId"]: row["successorId"] for row in await run_sql(conn, query)}
    assert pointed == {TICKET: third, second: third}
    (refused,) = await request(conn, TicketAccept(**of(request_id="r3", user_id=5)))
    assert isinstance(refused, TicketRefused)
    assert refused.other_ticket_id == third
    assert await list_logs(conn, second) == ["receivedTransfer", "transfered", "closed"]


async def test_users_queues_and_tickets_of_other_companies_are_none(conn: AsyncConnection) -> None:
    await run_sql(conn, "INSERT INTO \"Companies\" (id, name) VALUES (2, 'Outra')")
    await run_sql(
        conn,
        'INSERT INTO "Users" (id, "companyId", name, email, "passwordHash") '
        "VALUES (9, 2, 'Eva', 'eva@example.com', '')",
    )
    facts = await request(
        conn,
        TicketAccept(**of(user_id=9)),
        TicketClose(**of(request_id="r2") | {"company_id": 2}),
    )
    assert [fact.reason for fact in facts if isinstance(fact, TicketRefused)] == [
        "no such user",
        "no such ticket",
    ]


async def test_a_view_reads_what_was_written_until_then(conn: AsyncConnection) -> None:
    await run_sql(conn, "UPDATE \"Whatsapps\" SET status = 'CONNECTED'")
    await store_message(conn, "A1", "Oi")
    await store_message(conn, "A2", "Tem?", seconds=61)
    await request(conn, TicketAccept(**of(user_id=5)))
    (newest,) = await run_sql(conn, 'SELECT max("createdAt") AS at FROM "Messages"')
    (viewed,) = await request(conn, TicketView(**of(request_id="r2", actor_id=5)))
    assert isinstance(viewed, TicketViewed)
    assert (viewed.seen_until, viewed.unread_messages) == (newest["at"], 0)
    assert (await load_ticket(conn))["unreadMessages"] == 0


async def test_a_note_is_kept(conn: AsyncConnection) -> None:
    await request(conn, TicketNote(**of(note="Liga amanhã", actor_id=6)))
    (note,) = await run_sql(conn, 'SELECT * FROM "TicketNotes"')
    assert (note["note"], note["userId"], note["contactId"], note["ticketId"]) == (
        "Liga amanhã", 6, 100, TICKET,
    )  # fmt: skip
