"""Timers of kanban lanes on a real Postgres."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.ticket_request import TicketClose, TicketMove, TicketTag
from tests.support.ticket_rows import (
    TICKET,
    list_replies,
    list_tags,
    list_types,
    of,
    request,
    run_due,
    run_sql,
    store_message,
)

pytestmark = pytest.mark.integration


async def list_timers(conn: AsyncConnection, ticket_id: int = TICKET) -> list[dict[str, Any]]:
    query = (
        'SELECT l."laneId", l."nextMoveAt" - now() AS waits FROM "LaneTimers" l '
        'WHERE l."ticketId" = :id'
    )
    return await run_sql(conn, query, id=ticket_id)


async def test_after_our_message_a_ticket_leaves_its_lane_when_its_time_has_come(
    conn: AsyncConnection,
) -> None:
    await request(
        conn, TicketTag(**of(tag_ids=(1,))), TicketMove(**of(request_id="r2", lane_id=23))
    )
    await store_message(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    (running,) = await list_timers(conn)
    assert running["laneId"] == 23
    assert timedelta(minutes=29) < running["waits"] < timedelta(minutes=31)
    assert await run_due(conn) == []
    await make_lane_due(conn)
    facts = await run_due(conn)
    assert (list_types(facts), list_replies(facts)) == (
        ["ticket.tagged", "message.compose"],
        ["Ainda quer?"],
    )
    assert (await list_tags(conn), await list_timers(conn)) == ([1, 22], [])
    assert await run_due(conn) == []


async def test_a_lane_may_take_half_a_minute(conn: AsyncConnection) -> None:
    await run_sql(conn, 'UPDATE "Tags" SET "timeLane" = 0.5 WHERE id = 23')
    await request(conn, TicketMove(**of(lane_id=23)))
    await store_message(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    (running,) = await list_timers(conn)
    assert timedelta(seconds=25) < running["waits"] < timedelta(seconds=35)


async def make_lane_due(conn: AsyncConnection) -> None:
    for earlier in (
        'UPDATE "LaneTimers" SET "nextMoveAt" = now() - interval \'1 s\'',
        'UPDATE "Messages" SET "createdAt" = "createdAt" - interval \'31 minutes\'',
    ):
        await run_sql(conn, earlier)
    await run_sql(conn, 'DELETE FROM "LaneTimers" WHERE "ticketId" <> :id', id=TICKET)


async def test_an_answer_that_was_not_consumed_keeps_a_ticket_in_its_lane(
    conn: AsyncConnection,
) -> None:
    await request(conn, TicketMove(**of(lane_id=23)))
    await store_message(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    await make_lane_due(conn)
    await run_sql(
        conn,
        'INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "fromMe", '
        "\"createdAt\") VALUES (1, 10, :id, 'A2', 'Sim!', FALSE, now())",
        id=TICKET,
    )
    assert await run_due(conn) == []
    assert await list_tags(conn) == [23]


async def test_a_timer_of_a_lane_ends_with_its_ticket(conn: AsyncConnection) -> None:
    await request(conn, TicketMove(**of(lane_id=23)))
    await store_message(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    await request(conn, TicketClose(**of(request_id="r2")))
    assert await list_timers(conn) == []


async def test_a_lane_that_is_its_own_next_one_is_not_timed(conn: AsyncConnection) -> None:
    await run_sql(conn, 'UPDATE "Tags" SET "nextLaneId" = 23 WHERE id = 23')
    await request(conn, TicketMove(**of(lane_id=23)))
    await store_message(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    assert await list_timers(conn) == []


async def test_an_answer_sends_a_ticket_back_and_it_stays_until_a_person_moves_it(
    conn: AsyncConnection,
) -> None:
    await run_sql(conn, 'UPDATE "Tags" SET "timeLane" = 30, "nextLaneId" = 22 WHERE id = 21')
    await request(conn, TicketMove(**of(lane_id=23)))
    await store_message(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    assert list_types(await store_message(conn, "A2", "Obrigada!", seconds=1)) == [
        "ticket.updated",
        "ticket.tagged",
    ]
    blocked = {"laneId": 21, "waits": None}
    assert (await list_tags(conn), await list_timers(conn)) == ([21], [blocked])
    await store_message(conn, "A3", "De nada", seconds=2, from_me=True)
    assert await list_timers(conn) == [blocked]
    await request(conn, TicketMove(**of(request_id="r2", lane_id=23)))
    assert await list_timers(conn) == []
    await store_message(conn, "A4", "Mais uma", seconds=3, from_me=True)
    assert [row["laneId"] for row in await list_timers(conn)] == [23]


async def test_out_of_a_lane_and_back_is_another_stay_also_within_a_batch(
    conn: AsyncConnection,
) -> None:
    await request(conn, TicketMove(**of(lane_id=23)))
    await store_message(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    await run_sql(conn, 'UPDATE "TicketTags" SET "createdAt" = now() - interval \'1 day\'')
    await request(
        conn,
        TicketMove(**of(request_id="r2", lane_id=22)),
        TicketMove(**of(request_id="r3", lane_id=23)),
    )
    assert (await list_tags(conn), await list_timers(conn)) == ([23], [])
    query = 'SELECT "tagId" FROM "TicketTags" WHERE "createdAt" > now() - interval \'1 hour\''
    assert len(await run_sql(conn, query)) == 1


async def test_an_answer_in_a_lane_without_a_way_back_cancels_its_timer(
    conn: AsyncConnection,
) -> None:
    await run_sql(conn, 'UPDATE "Tags" SET "rollbackLaneId" = NULL WHERE id = 23')
    await request(conn, TicketMove(**of(lane_id=23)))
    await store_message(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    assert list_types(await store_message(conn, "A2", "Obrigada!", seconds=1)) == ["ticket.updated"]
    assert (await list_tags(conn), await list_timers(conn)) == ([23], [])


async def test_a_message_of_ours_before_the_stay_starts_no_timer(conn: AsyncConnection) -> None:
    await request(conn, TicketMove(**of(lane_id=23)))
    await store_message(conn, "A1", "Segue a proposta", seconds=-60, from_me=True)
    assert await list_timers(conn) == []
