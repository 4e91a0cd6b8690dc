"""Tags of tickets on a real Postgres."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.ticket import TicketRefused, TicketTagged
from shared.contracts.ticket_request import TicketMove, TicketTag, TicketUntag
from tests.support.ticket_rows import list_tags, list_types, load_version, of, request, run_sql

pytestmark = pytest.mark.integration


async def test_tags_are_added_and_removed_and_a_lane_left_for_another(
    conn: AsyncConnection,
) -> None:
    await request(
        conn,
        TicketTag(**of(tag_ids=(1, 2))),
        TicketMove(**of(request_id="r2", lane_id=21)),
        TicketTag(**of(1001, "r3", tag_ids=(2,))),
    )
    assert (await list_tags(conn), await list_tags(conn, 1001)) == ([1, 2, 21], [2])
    facts = await request(
        conn,
        TicketUntag(**of(request_id="r4", tag_ids=(2,))),
        TicketMove(**of(request_id="r5", lane_id=22)),
    )
    assert (await list_tags(conn), await list_tags(conn, 1001)) == ([1, 22], [2])
    fact = facts[-1]
    assert isinstance(fact, TicketTagged)
    assert (fact.tag_ids, fact.lane_id) == ((1, 22), 22)
    assert fact.version == await load_version(conn)


async def test_tags_that_a_ticket_has_already_leave_it_as_it_is(conn: AsyncConnection) -> None:
    await request(conn, TicketTag(**of(tag_ids=(1,))))
    before = await load_version(conn)
    assert list_types(await request(conn, TicketTag(**of(request_id="r2", tag_ids=(1,))))) == [
        "ticket.tagged"
    ]
    assert (await load_version(conn), await list_tags(conn)) == (before, [1])


async def test_a_tag_of_another_company_is_none(conn: AsyncConnection) -> None:
    await run_sql(conn, "INSERT INTO \"Companies\" (id, name) VALUES (2, 'Outra')")
    await run_sql(conn, 'INSERT INTO "Tags" (id, "companyId", name) VALUES (9, 2, \'VIP\')')
    (refused,) = await request(conn, TicketTag(**of(tag_ids=(1, 9))))
    assert isinstance(refused, TicketRefused)
    assert (refused.reason, await list_tags(conn)) == ("no such tag", [])
