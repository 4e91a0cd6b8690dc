"""Retention: what is deleted and counted, what stays, once a day, and from where it was stopped."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.record import RecordDeleted
from shared.db import roles
from shared.records import retention_store
from shared.records.retention_runner import build_retention, delete_portions
from shared.records.retention_store import MESSAGES, PORTION, TICKETS
from shared.retention import Retention, find_cutoffs, may_message_go, may_ticket_go
from tests.support.retention_rows import (
    DAY,
    HALF_YEAR_AGO,
    LATELY_CLOSED,
    LONG_CLOSED,
    NOW,
    OLD,
    RECENT,
    YEAR_AGO,
    Kept,
    insert_company,
)

pytestmark = pytest.mark.integration

MANY = """
INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "createdAt")
SELECT $1, $2, $3, 'old-' || n, 'Oi', $4::timestamptz + n * interval '1 second'
FROM generate_series(1, $5::int) AS n
"""


async def test_messages_older_than_the_limit_go_with_all_that_depends_on_them(flow: Kept) -> None:
    ticket = await flow.ticket(status="open", closedAt=None)
    old = await flow.message(ticket, OLD)
    stays = await flow.message(ticket, RECENT, quotedMsgId=old)
    for table in ("Reactions", "MessageMarks", "AwaitedQuotes"):
        await flow.rows.insert(table, flow.company, {"messageId": old})
    await flow.rows.insert("Sends", flow.company, {"messageId": old})
    facts = await flow.purge()
    assert await flow.ids("Messages") == {stays}
    assert await flow.conn.fetchval('SELECT "quotedMsgId" FROM "Messages"') is None
    assert await flow.conn.fetchval('SELECT count("messageId") FROM "Sends"') == 0
    counted = {
        "Messages": 1, "Reactions": 1, "MessageMarks": 1, "AwaitedQuotes": 1, "Sends.messageId": 1,
    }  # fmt: skip
    assert (await flow.reports())[0] == ("Messages", flow.company, counted)
    (fact,) = facts
    assert isinstance(fact, RecordDeleted)
    assert (fact.table, fact.removed, fact.deleted) == ("Messages", counted, {})


async def test_a_ticket_that_is_not_closed_stays_with_its_preview(flow: Kept) -> None:
    ticket = await flow.ticket(status="pending", closedAt=None, lastMessage="Até logo")
    await flow.message(ticket, OLD)
    await flow.purge()
    assert await flow.ids("Messages") == set()
    (row,) = await flow.conn.fetch('SELECT status, "lastMessage" FROM "Tickets"')
    assert tuple(row) == ("pending", "Até logo")


async def test_a_closed_ticket_goes_only_when_all_its_messages_have_gone(flow: Kept) -> None:
    goes, stays = await flow.ticket(), await flow.ticket()
    await flow.message(goes, OLD)
    await flow.message(stays, OLD)
    kept = await flow.message(stays, RECENT)
    await flow.purge()
    assert await flow.ids("Tickets") == {stays["id"]}
    assert await flow.ids("Messages") == {kept}


@pytest.mark.parametrize(
    "given",
    [
        {"closedAt": LATELY_CLOSED},
        {"closedAt": None, "updatedAt": LATELY_CLOSED},
        {"closedAt": LONG_CLOSED, "updatedAt": LATELY_CLOSED},
        {"status": "open", "closedAt": LONG_CLOSED, "updatedAt": LONG_CLOSED},
    ],
    ids=["closed lately", "changed lately, without a time of closing", "changed lately", "open"],
)
async def test_a_ticket_stays_that_is_within_the_limit(
    flow: Kept, given: dict[str, object]
) -> None:
    ticket = await flow.ticket(**given)
    await flow.purge()
    assert await flow.ids("Tickets") == {ticket["id"]}


async def test_the_services_delete_what_the_rules_say(flow: Kept) -> None:
    random = Random(15)
    cutoffs = find_cutoffs(Retention(365, 182), NOW)
    kept: dict[str, set[int]] = {"Messages": set(), "Tickets": set()}
    for _ in range(40):
        closed_at = random.choice([None, NOW - timedelta(days=random.randrange(100, 250))])
        status = "open" if closed_at is None else "closed"
        ticket = await flow.ticket(status=status, closedAt=closed_at)
        times = [
            NOW - timedelta(days=random.randrange(300, 430))
            for _ in range(random.choice([0, 1, 3]))
        ]
        for at in times:
            message = await flow.message(ticket, at)
            if not may_message_go(cutoffs, at):
                kept["Messages"].add(message)
        if not may_ticket_go(cutoffs, closed_at, max(times, default=None)):
            kept["Tickets"].add(ticket["id"])
    await flow.purge()
    assert {table: await flow.ids(table) for table in kept} == kept


async def test_what_depends_on_a_ticket_goes_with_it_and_ratings_and_schedules_stay(
    flow: Kept,
) -> None:
    ticket = await flow.ticket()
    of_ticket = {"ticketId": ticket["id"]}
    deleted = ("TicketNotes", "TicketTags", "TicketTraking", "LogTickets", "LaneTimers")
    for table in (*deleted, "UserRatings", "Schedules"):
        await flow.rows.insert(table, flow.company, of_ticket)
    await flow.purge()
    counts = dict(next(removed for table, _, removed in await flow.reports() if table == TICKETS))
    assert counts == dict.fromkeys(deleted, 1) | {"Tickets": 1, "UserRatings.ticketId": 1}
    for table in ("UserRatings", "Schedules"):
        left = await flow.conn.fetch(f'SELECT "ticketId" FROM "{table}"')  # noqa: S608 - our own
        assert [row["ticketId"] for row in left] == [None]


async def test_companies_without_a_limit_or_with_another_one_are_not_touched(flow: Kept) -> None:
    other = await insert_company(flow.rows, None, None)
    longer = await insert_company(flow.rows, 730, None)
    for company in (other, longer):
        ticket = await flow.rows.insert(
            "Tickets", company, {"status": "closed", "closedAt": OLD, "updatedAt": OLD}
        )
        await flow.message(ticket, OLD)
    await flow.message(await flow.ticket(), OLD)
    await flow.purge()
    left = await flow.conn.fetch('SELECT "companyId" FROM "Messages" ORDER BY 1')
    assert [row["companyId"] for row in left] == [other, longer]
    assert len(await flow.ids("Tickets")) == 2


@pytest.mark.parametrize(("at", "left"), [(YEAR_AGO, 1), (YEAR_AGO - timedelta(microseconds=1), 0)])
async def test_the_limit_is_exact(flow: Kept, at: datetime, left: int) -> None:
    await flow.message(await flow.ticket(status="open"), at)
    await flow.purge()
    assert len(await flow.ids("Messages")) == left


async def test_a_company_is_purged_once_a_day_by_any_number_of_workers(flow: Kept) -> None:
    await flow.begin()
    await flow.begin(NOW + timedelta(hours=17))
    assert len(await flow.ids("Purges")) == 1  # tickets wait for the messages
    await flow.delete(MESSAGES)
    await flow.begin()
    await flow.begin()
    assert len(await flow.ids("Purges")) == 2
    await flow.delete(TICKETS)
    await flow.begin(NOW + timedelta(hours=18))  # six in the morning
    assert len(await flow.ids("Purges")) == 3


async def test_the_report_of_a_purge_is_kept_for_ninety_days(flow: Kept) -> None:
    await flow.purge()
    await flow.conn.execute(
        """UPDATE "Purges" SET "finishedAt" = CASE "tableName" WHEN 'Messages' THEN
             $1::timestamptz ELSE $1::timestamptz - interval '1 second' END""",
        NOW + DAY - 90 * DAY,
    )
    await flow.begin(NOW + DAY)
    await flow.delete(MESSAGES)
    await flow.begin(NOW + DAY)
    assert [table for table, *_ in await flow.reports()] == ["Messages", "Messages"]


async def test_every_portion_is_counted_and_a_stopped_purge_goes_on(flow: Kept) -> None:
    ticket = await flow.ticket()
    many = 2 * PORTION[MESSAGES] + 7
    await flow.conn.execute(MANY, flow.company, ticket["whatsappId"], ticket["id"], OLD - DAY, many)
    await flow.begin()
    async with flow.engine.connect() as conn:  # the process dies before the commit
        await delete_portions(conn, MESSAGES)
    assert len(await flow.ids("Messages")) == many
    async with flow.engine.begin() as conn:
        await delete_portions(conn, MESSAGES)
    assert len(await flow.ids("Messages")) == many - PORTION[MESSAGES]
    await flow.delete(MESSAGES)
    assert await flow.reports() == [("Messages", flow.company, {"Messages": many})]


async def test_messages_of_the_same_time_are_all_found(flow: Kept) -> None:
    ticket = await flow.ticket()
    many = PORTION[MESSAGES] + 3
    await flow.conn.execute(
        MANY.replace("n * interval '1 second'", "interval '0'"),
        flow.company, ticket["whatsappId"], ticket["id"], OLD, many,
    )  # fmt: skip
    await flow.message(ticket, OLD + timedelta(microseconds=1))
    await flow.purge()
    assert (await flow.reports())[0][2] == {"Messages": many + 1}


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_a_portion_is_read_in_the_order_of_an_index_whatever_is_planned_for(
    flow: Kept, mode: str
) -> None:
    ticket = await flow.ticket()
    many = 20 * PORTION[MESSAGES]
    await flow.conn.execute(MANY, flow.company, ticket["whatsappId"], ticket["id"], OLD - DAY, many)
    await flow.conn.execute('ANALYZE "Messages"')
    query = str(retention_store.NEXT_MESSAGES)
    for number, name in enumerate((":unchanged", ":company", ":at", ":before"), 1):
        query = query.replace(name, f"${number}")
    await flow.conn.execute(f"SET plan_cache_mode = {mode}")
    await flow.conn.execute(
        f"PREPARE portion(timestamptz, int, timestamptz, timestamptz) AS {query}"
    )
    values = f"NULL, {flow.company}, '{OLD - 2 * DAY}', '{YEAR_AGO}'"
    plan = await flow.conn.fetch(f"EXPLAIN (ANALYZE) EXECUTE portion({values})")
    text = "\n".join(row[0] for row in plan)
    assert 'Index Scan using "ix_Messages_newest"' in text
    assert f"rows={PORTION[MESSAGES] + 1}" in text  # so many are read, not all
    assert f"rows={many}" not in text


async def test_a_row_that_somebody_has_locked_goes_later(flow: Kept) -> None:
    first = await flow.message(await flow.ticket(), OLD - DAY)
    await flow.message(await flow.ticket(), OLD)
    await flow.begin()
    async with flow.engine.begin() as other:
        await other.exec_driver_sql(f'SELECT FROM "Messages" WHERE id = {first} FOR UPDATE')
        async with flow.engine.begin() as conn:
            assert await delete_portions(conn, MESSAGES) == []
        assert await flow.ids("Messages") == {first}
        assert await flow.reports() == []
    await flow.delete(MESSAGES)
    assert (await flow.reports())[0][2] == {"Messages": 2}


async def test_a_ticket_that_gets_a_message_while_it_is_chosen_stays(flow: Kept) -> None:
    ticket = await flow.ticket()
    await flow.purge(NOW - timedelta(days=3))  # nothing yet
    purge = await flow.begin_one(TICKETS, HALF_YEAR_AGO)
    assert purge is not None
    async with flow.engine.begin() as conn:
        await flow.message(ticket, NOW)  # after the portion was found
        assert await retention_store.lock(conn, TICKETS, purge, [ticket["id"]]) == []


async def test_rows_that_changed_after_they_were_archived_stay(flow: Kept) -> None:
    archived_at = datetime.now(UTC) - timedelta(hours=1)
    before, after = archived_at - DAY, archived_at + timedelta(seconds=1)
    ticket = await flow.ticket()
    await flow.message(ticket, OLD, updatedAt=before)
    edited = await flow.message(ticket, OLD - DAY, updatedAt=after)
    noted, forgotten = await flow.ticket(), await flow.ticket()
    for other, at in ((noted, after), (forgotten, before)):
        note = {"ticketId": other["id"], "updatedAt": at}
        await flow.rows.insert("TicketNotes", flow.company, note)
    await flow.begin_one(MESSAGES, YEAR_AGO, archived_at)
    await flow.begin_one(TICKETS, HALF_YEAR_AGO, archived_at)
    await flow.delete(MESSAGES)
    await flow.delete(TICKETS)
    assert await flow.ids("Messages") == {edited}
    assert await flow.ids("Tickets") == {ticket["id"], noted["id"]}


async def test_nothing_is_deleted_while_a_worker_is_behind(flow: Kept) -> None:
    await flow.message(await flow.ticket(), OLD)
    await flow.begin()
    await flow.conn.execute(
        """INSERT INTO "Checkpoints" (service, topic, partition, "nextOffset", "lastTimestamp")
        VALUES ('contacts', 't', 0, 9, extract(epoch FROM now()) * 1000 - 6000)"""
    )
    assert await flow.delete(MESSAGES) == []
    assert len(await flow.ids("Messages")) == 1
    await flow.conn.execute("""UPDATE "Checkpoints" SET "lastTimestamp" = "lastTimestamp" + 6000""")
    await flow.delete(MESSAGES)
    assert await flow.ids("Messages") == set()


async def test_each_service_deletes_under_its_own_login(flow: Kept) -> None:
    ticket = await flow.ticket()
    await flow.message(ticket, OLD)
    await flow.rows.insert("LogTickets", flow.company, {"ticketId": ticket["id"]})
    async with flow.engine.begin() as conn:
        await roles.apply(conn, {})
    database = str(await flow.conn.fetchval("SELECT current_database()"))
    for service in ("messages", "tickets"):
        await run_as(flow, roles.name_role(database, service), service)
    assert await flow.ids("Tickets") == set()


async def test_the_login_of_tickets_deletes_no_other_tickets(flow: Kept) -> None:
    old = {"status": "closed", "closedAt": OLD, "updatedAt": OLD}
    other = await flow.rows.insert("Tickets", await flow.rows.company(), old)
    stay = [
        await flow.ticket(status="open"),
        await flow.ticket(closedAt=LATELY_CLOSED),
        (with_message := await flow.ticket()),
        other,
    ]
    await flow.message(with_message, NOW)
    purge = await flow.begin_one(TICKETS, HALF_YEAR_AGO)
    assert purge is not None
    async with flow.engine.begin() as conn:
        ids = [ticket["id"] for ticket in stay]
        assert await retention_store.delete_tickets(conn, purge, ids) == 0
        goes = await flow.ticket()
        assert await retention_store.delete_tickets(conn, purge, [goes["id"]]) == 1
        await conn.exec_driver_sql('UPDATE "Purges" SET "finishedAt" = now()')
        late = await flow.ticket()
        assert await retention_store.delete_tickets(conn, purge, [late["id"]]) == 0


async def run_as(flow: Kept, role: str, service: str) -> None:
    """Run a service's timer under its role until it has nothing to do twice."""

    async def act(conn: AsyncConnection) -> bool:
        await conn.exec_driver_sql(f'SET LOCAL ROLE "{role}"')
        return await build_retention(service)(conn) is None

    idle = 0
    while idle < 2:
        async with flow.engine.begin() as conn:
            idle += await act(conn)
