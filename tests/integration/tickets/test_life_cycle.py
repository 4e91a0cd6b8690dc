"""Tickets on a real Postgres: requests, answers, time, merged contacts (schema.md 5)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.tickets import handlers
from services.tickets.rules.routing import Ticket as RoutedTicket
from services.tickets.store import attendances
from shared.contracts.base import Event
from shared.contracts.contact import ContactMerged
from shared.contracts.message import MessageRouted, MessagesMoved
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Outcome, Told
from shared.contracts.ticket import (
    TicketChanged,
    TicketRefused,
    TicketTagged,
    TicketTransferred,
    TicketViewed,
)
from shared.contracts.ticket_request import (
    TicketAccept,
    TicketClose,
    TicketMove,
    TicketNote,
    TicketOpen,
    TicketQueue,
    TicketRequest,
    TicketReturn,
    TicketTag,
    TicketTransfer,
    TicketUntag,
    TicketView,
)
from shared.db.bulk import RacedError
from tests.support.build import identified, refused, stored, ticket
from tests.support.desk import SWITCHES

pytestmark = pytest.mark.integration

TICKET = 1000


def of(ticket_id: int = TICKET, request_id: str = "r1", **members: object) -> dict[str, Any]:
    return {"company_id": 1, "ticket_id": ticket_id, "request_id": request_id, **members}


async def sql(conn: AsyncConnection, query: str, **values: object) -> list[dict[str, Any]]:
    found = await conn.execute(text(query), values)
    return [dict(row) for row in found.mappings()] if found.returns_rows else []


async def company_settings(conn: AsyncConnection, **columns: object) -> None:
    given = {**dict.fromkeys(SWITCHES, "disabled"), **columns}
    names = ", ".join(f'"{name}"' for name in given)
    values = ", ".join(f":{name}" for name in given)
    await sql(
        conn,
        f'INSERT INTO "CompaniesSettings" ("companyId", {names}) VALUES (1, {values})',  # noqa: S608 - the test's own
        **given,
    )


async def one(conn: AsyncConnection, ticket_id: int = TICKET) -> dict[str, Any]:
    (row,) = await sql(conn, 'SELECT * FROM "Tickets" WHERE id = :id', id=ticket_id)
    return row


async def attended(conn: AsyncConnection, ticket_id: int = TICKET) -> list[dict[str, Any]]:
    query = 'SELECT * FROM "TicketTraking" WHERE "ticketId" = :id ORDER BY id'
    return await sql(conn, query, id=ticket_id)


async def logged(conn: AsyncConnection, ticket_id: int = TICKET) -> list[str]:
    query = 'SELECT type FROM "LogTickets" WHERE "ticketId" = :id ORDER BY id'
    return [row["type"] for row in await sql(conn, query, id=ticket_id)]


def facts(outcome: Outcome) -> list[Event]:
    return [item.fact for item in outcome if isinstance(item, Told)]


async def ask(conn: AsyncConnection, *batch: TicketRequest) -> list[Event]:
    return facts(await handlers.grant_requests(conn, batch))


async def say(
    conn: AsyncConnection,
    wid: str,
    body: str,
    *,
    ticket_id: int = TICKET,
    seconds: float = 60,
    from_me: bool = False,
) -> list[Event]:
    """Let the contact's words, or ours, be stored, as written so many seconds from now."""
    (row,) = await sql(
        conn,
        'INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "fromMe", '
        '"createdAt") VALUES (1, 10, :ticket, :wid, :body, :from_me, '
        "clock_timestamp() + :seconds * interval '1 second') RETURNING id",
        ticket=ticket_id, wid=wid, body=body, seconds=seconds, from_me=from_me,
    )  # fmt: skip
    return await heard(conn, wid, row["id"], ticket_id, from_me=from_me)


async def heard(
    conn: AsyncConnection,
    wid: str,
    message_id: int,
    ticket_id: int = TICKET,
    *,
    from_me: bool = False,
) -> list[Event]:
    event = stored(wid, ticket_id=ticket_id, message_id=message_id, from_me=from_me)
    return facts(await handlers.refresh_tickets(conn, [event]))


def types(told: list[Event]) -> list[str]:
    return [fact.type for fact in told]


def said(told: list[Event]) -> list[str]:
    return [fact.body for fact in told if isinstance(fact, MessageCompose)]


async def test_a_ticket_is_accepted_queued_returned_and_closed(conn: AsyncConnection) -> None:
    told = await ask(
        conn,
        TicketAccept(**of(user_id=5)),
        TicketQueue(**of(request_id="r2", queue_id=7)),
        TicketReturn(**of(request_id="r3")),
    )
    assert types(told) == ["ticket.accepted", "ticket.queued", "ticket.returned"]
    row, (attendance,) = await one(conn), await attended(conn)
    assert (row["status"], row["userId"], row["queueId"]) == ("pending", None, 7)
    assert (attendance["startedAt"], attendance["userId"]) == (None, None)
    assert attendance["queuedAt"] is not None
    versions = [fact.version for fact in told if isinstance(fact, TicketChanged)]
    assert versions == sorted(set(versions))
    assert versions[-1] == await version(conn)
    await ask(conn, TicketClose(**of(request_id="r4", actor_id=5)))
    row, (attendance,) = await one(conn), await attended(conn)
    assert (row["status"], row["closedAt"]) == ("closed", row["updatedAt"])
    assert attendance["finishedAt"] == attendance["closedAt"] == row["closedAt"]
    assert await logged(conn) == ["open", "queue", "pending", "closed"]


async def version(conn: AsyncConnection, ticket_id: int = TICKET) -> int:
    query = (
        'SELECT CAST(extract(epoch FROM "updatedAt") * 1000000 AS bigint) AS version '
        'FROM "Tickets" WHERE id = :id'
    )
    return int((await sql(conn, query, id=ticket_id))[0]["version"])


async def test_what_a_flow_left_ends_with_the_ticket_and_its_names_come_back_with_it(
    conn: AsyncConnection,
) -> None:
    await sql(conn, "UPDATE \"Contacts\" SET lid = '9@lid', jid = '1@s' WHERE id = 100")
    await sql(
        conn,
        "UPDATE \"Tickets\" SET lid = '9@lid', jid = '1@s', \"lastFlowId\" = 'f', "
        "\"dataWebhook\" = '{}', \"hashFlowId\" = 'h' WHERE id = 1000",
    )
    await ask(conn, TicketClose(**of()))
    row = await one(conn)
    names = ("lid", "jid", "lastFlowId", "dataWebhook", "hashFlowId")
    assert [row[name] for name in names] == [None] * 5
    await ask(conn, TicketAccept(**of(request_id="r2", user_id=5)))
    row, attendances_now = await one(conn), await attended(conn)
    assert (row["status"], row["lid"], row["jid"], row["closedAt"]) == (
        "open", "9@lid", "1@s", None,
    )  # fmt: skip
    assert [a["finishedAt"] is None for a in attendances_now] == [False, True]
    assert await logged(conn) == ["closed", "reopen"]


async def test_two_users_who_accept_at_once_are_not_both_granted(engine: AsyncEngine) -> None:
    async def accept(user_id: int) -> Event:
        async with engine.begin() as conn:
            (fact,) = await ask(conn, TicketAccept(**of(request_id=f"u{user_id}", user_id=user_id)))
            await asyncio.sleep(0.05)
            return fact

    told = await asyncio.gather(accept(5), accept(6))
    assert sorted(types(list(told))) == ["ticket.accepted", "ticket.refused"]


async def test_a_handed_over_ticket_goes_on_as_a_new_one_that_may_be_handed_over_too(
    conn: AsyncConnection,
) -> None:
    await company_settings(conn, closeTicketOnTransfer=True)
    opened, left = await ask(conn, TicketTransfer(**of(queue_id=7, user_id=5, actor_id=6)))
    assert isinstance(opened, TicketChanged)
    assert isinstance(left, TicketTransferred)
    second = opened.ticket_id
    assert (left.ticket_id, left.successor_ticket_id) == (TICKET, second)
    assert opened.version == await version(conn, second)
    old, new = await one(conn), await one(conn, second)
    assert (old["status"], new["status"], new["userId"], new["queueId"]) == ("closed", "open", 5, 7)
    assert len(await attended(conn, second)) == 1
    told = await ask(conn, TicketTransfer(**of(second, "r2", queue_id=8)))
    third = told[0].ticket_id if isinstance(told[0], TicketChanged) else 0
    query = 'SELECT "ticketId", "successorId" FROM "TicketSuccessors"'
    pointed = {row["ticketId"]: row["successorId"] for row in await sql(conn, query)}
    assert pointed == {TICKET: third, second: third}
    (refused,) = await ask(conn, TicketAccept(**of(request_id="r3", user_id=5)))
    assert isinstance(refused, TicketRefused)
    assert refused.other_ticket_id == third
    assert await logged(conn, second) == ["receivedTransfer", "transfered", "closed"]


async def test_users_queues_and_tickets_of_other_companies_are_none(conn: AsyncConnection) -> None:
    await sql(conn, "INSERT INTO \"Companies\" (id, name) VALUES (2, 'Outra')")
    await sql(
        conn,
        'INSERT INTO "Users" (id, "companyId", name, email, "passwordHash") '
        "VALUES (9, 2, 'Eva', 'eva@example.com', '')",
    )
    told = await ask(
        conn,
        TicketAccept(**of(user_id=9)),
        TicketClose(**of(request_id="r2") | {"company_id": 2}),
    )
    assert [fact.reason for fact in told if isinstance(fact, TicketRefused)] == [
        "no such user",
        "no such ticket",
    ]


async def test_a_user_has_seen_what_is_there_when_he_looks(conn: AsyncConnection) -> None:
    await sql(conn, "UPDATE \"Whatsapps\" SET status = 'CONNECTED'")
    await say(conn, "A1", "Oi")
    await say(conn, "A2", "Tem?", seconds=61)
    await ask(conn, TicketAccept(**of(user_id=5)))
    (newest,) = await sql(conn, 'SELECT max("createdAt") AS at FROM "Messages"')
    (viewed,) = await ask(conn, TicketView(**of(request_id="r2", actor_id=5)))
    assert isinstance(viewed, TicketViewed)
    assert (viewed.seen_until, viewed.unread_messages) == (newest["at"], 0)
    assert (await one(conn))["unreadMessages"] == 0


async def wish(conn: AsyncConnection, request_id: str = "w1", **members: Any) -> list[Event]:
    given = {"company_id": 1, "whatsapp_id": 10, "contact_id": 101, "user_id": 5}
    request = TicketOpen.model_validate({**given, "request_id": request_id, **members})
    outcome = await handlers.open_tickets(conn, [request])
    assert all(item.cause is request for item in outcome)
    return facts(outcome)


async def test_a_user_begins_a_conversation_and_has_it(conn: AsyncConnection) -> None:
    await sql(conn, "UPDATE \"Contacts\" SET lid = '9@lid' WHERE id = 101")
    opened, accepted = await wish(conn, queue_id=7)
    assert isinstance(opened, TicketChanged)
    assert isinstance(accepted, TicketChanged)
    assert types([opened, accepted]) == ["ticket.opened", "ticket.accepted"]
    row = await one(conn, opened.ticket_id)
    assert (row["status"], row["userId"], row["queueId"], row["lid"]) == ("open", 5, 7, "9@lid")
    assert (row["isActiveDemand"], row["isBot"]) == (True, False)
    (attendance,) = await attended(conn, opened.ticket_id)
    assert (attendance["userId"], attendance["startedAt"] is None) == (5, False)
    assert await logged(conn, opened.ticket_id) == ["create", "open"]


async def test_what_another_user_has_is_refused_and_named(conn: AsyncConnection) -> None:
    opened, _ = await wish(conn)
    assert isinstance(opened, TicketChanged)
    (refused,) = await wish(conn, "w2", user_id=6)
    assert isinstance(refused, TicketRefused)
    assert (refused.reason, refused.other_ticket_id) == (
        "ticket in another attendance", opened.ticket_id,
    )  # fmt: skip


async def test_a_user_who_is_none_begins_no_conversation(conn: AsyncConnection) -> None:
    before = await sql(conn, 'SELECT count(*) FROM "Tickets"')
    assert types(await wish(conn, user_id=77)) == ["ticket.refused"]
    assert await sql(conn, 'SELECT count(*) FROM "Tickets"') == before


async def test_a_note_is_kept(conn: AsyncConnection) -> None:
    await ask(conn, TicketNote(**of(note="Liga amanhã", actor_id=6)))
    (note,) = await sql(conn, 'SELECT * FROM "TicketNotes"')
    assert (note["note"], note["userId"], note["contactId"], note["ticketId"]) == (
        "Liga amanhã", 6, 100, TICKET,
    )  # fmt: skip


async def worn(conn: AsyncConnection, ticket_id: int = TICKET) -> list[int]:
    query = 'SELECT "tagId" FROM "TicketTags" WHERE "ticketId" = :id ORDER BY "tagId"'
    return [row["tagId"] for row in await sql(conn, query, id=ticket_id)]


async def test_tags_are_put_on_and_taken_off_and_a_lane_left_for_another(
    conn: AsyncConnection,
) -> None:
    await ask(
        conn,
        TicketTag(**of(tag_ids=(1, 2))),
        TicketMove(**of(request_id="r2", lane_id=21)),
        TicketTag(**of(1001, "r3", tag_ids=(2,))),
    )
    assert (await worn(conn), await worn(conn, 1001)) == ([1, 2, 21], [2])
    told = await ask(
        conn,
        TicketUntag(**of(request_id="r4", tag_ids=(2,))),
        TicketMove(**of(request_id="r5", lane_id=22)),
    )
    assert (await worn(conn), await worn(conn, 1001)) == ([1, 22], [2])
    fact = told[-1]
    assert isinstance(fact, TicketTagged)
    assert (fact.tag_ids, fact.lane_id) == ((1, 22), 22)
    assert fact.version == await version(conn)


async def test_tags_that_are_worn_already_leave_the_ticket_as_it_is(conn: AsyncConnection) -> None:
    await ask(conn, TicketTag(**of(tag_ids=(1,))))
    before = await version(conn)
    assert types(await ask(conn, TicketTag(**of(request_id="r2", tag_ids=(1,))))) == [
        "ticket.tagged"
    ]
    assert (await version(conn), await worn(conn)) == (before, [1])


async def test_a_tag_of_another_company_is_none(conn: AsyncConnection) -> None:
    await sql(conn, "INSERT INTO \"Companies\" (id, name) VALUES (2, 'Outra')")
    await sql(conn, 'INSERT INTO "Tags" (id, "companyId", name) VALUES (9, 2, \'VIP\')')
    (refused,) = await ask(conn, TicketTag(**of(tag_ids=(1, 9))))
    assert isinstance(refused, TicketRefused)
    assert (refused.reason, await worn(conn)) == ("no such tag", [])


async def timer(conn: AsyncConnection, ticket_id: int = TICKET) -> list[dict[str, Any]]:
    query = (
        'SELECT l."laneId", l."nextMoveAt" - now() AS waits FROM "LaneTimers" l '
        'WHERE l."ticketId" = :id'
    )
    return await sql(conn, query, id=ticket_id)


async def test_after_our_word_a_ticket_leaves_its_lane_when_the_time_has_come(
    conn: AsyncConnection,
) -> None:
    await ask(conn, TicketTag(**of(tag_ids=(1,))), TicketMove(**of(request_id="r2", lane_id=23)))
    await say(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    (running,) = await timer(conn)
    assert running["laneId"] == 23
    assert timedelta(minutes=29) < running["waits"] < timedelta(minutes=31)
    assert await pass_time(conn) == []
    await let_the_lane_fall_due(conn)
    told = await pass_time(conn)
    assert (types(told), said(told)) == (["ticket.tagged", "message.compose"], ["Ainda quer?"])
    assert (await worn(conn), await timer(conn)) == ([1, 22], [])
    assert await pass_time(conn) == []


async def let_the_lane_fall_due(conn: AsyncConnection) -> None:
    for earlier in (
        'UPDATE "LaneTimers" SET "nextMoveAt" = now() - interval \'1 s\'',
        'UPDATE "Messages" SET "createdAt" = "createdAt" - interval \'31 minutes\'',
    ):
        await sql(conn, earlier)
    await sql(conn, 'DELETE FROM "LaneTimers" WHERE "ticketId" <> :id', id=TICKET)


async def test_an_answer_that_tickets_have_not_heard_of_keeps_a_ticket_in_its_lane(
    conn: AsyncConnection,
) -> None:
    await ask(conn, TicketMove(**of(lane_id=23)))
    await say(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    await let_the_lane_fall_due(conn)
    await sql(
        conn,
        'INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "fromMe", '
        "\"createdAt\") VALUES (1, 10, :id, 'A2', 'Sim!', FALSE, now())",
        id=TICKET,
    )
    assert await pass_time(conn) == []
    assert await worn(conn) == [23]


async def test_a_timer_of_a_lane_ends_with_its_ticket(conn: AsyncConnection) -> None:
    await ask(conn, TicketMove(**of(lane_id=23)))
    await say(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    await ask(conn, TicketClose(**of(request_id="r2")))
    assert await timer(conn) == []


async def test_a_lane_that_is_its_own_next_one_is_not_timed(conn: AsyncConnection) -> None:
    await sql(conn, 'UPDATE "Tags" SET "nextLaneId" = 23 WHERE id = 23')
    await ask(conn, TicketMove(**of(lane_id=23)))
    await say(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    assert await timer(conn) == []


async def test_an_answer_sends_a_ticket_back_and_it_stays_until_a_person_moves_it(
    conn: AsyncConnection,
) -> None:
    await sql(conn, 'UPDATE "Tags" SET "timeLane" = 30, "nextLaneId" = 22 WHERE id = 21')
    await ask(conn, TicketMove(**of(lane_id=23)))
    await say(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    assert types(await say(conn, "A2", "Obrigada!", seconds=1)) == [
        "ticket.updated",
        "ticket.tagged",
    ]
    blocked = {"laneId": 21, "waits": None}
    assert (await worn(conn), await timer(conn)) == ([21], [blocked])
    await say(conn, "A3", "De nada", seconds=2, from_me=True)
    assert await timer(conn) == [blocked]
    await ask(conn, TicketMove(**of(request_id="r2", lane_id=23)))
    assert await timer(conn) == []
    await say(conn, "A4", "Mais uma", seconds=3, from_me=True)
    assert [row["laneId"] for row in await timer(conn)] == [23]


async def test_out_of_a_lane_and_back_is_another_stay_also_within_a_batch(
    conn: AsyncConnection,
) -> None:
    await ask(conn, TicketMove(**of(lane_id=23)))
    await say(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    await sql(conn, 'UPDATE "TicketTags" SET "createdAt" = now() - interval \'1 day\'')
    await ask(
        conn,
        TicketMove(**of(request_id="r2", lane_id=22)),
        TicketMove(**of(request_id="r3", lane_id=23)),
    )
    assert (await worn(conn), await timer(conn)) == ([23], [])
    query = 'SELECT "tagId" FROM "TicketTags" WHERE "createdAt" > now() - interval \'1 hour\''
    assert len(await sql(conn, query)) == 1


async def test_an_answer_in_a_lane_without_a_way_back_cancels_its_timer(
    conn: AsyncConnection,
) -> None:
    await sql(conn, 'UPDATE "Tags" SET "rollbackLaneId" = NULL WHERE id = 23')
    await ask(conn, TicketMove(**of(lane_id=23)))
    await say(conn, "A1", "Segue a proposta", seconds=0, from_me=True)
    assert types(await say(conn, "A2", "Obrigada!", seconds=1)) == ["ticket.updated"]
    assert (await worn(conn), await timer(conn)) == ([23], [])


async def test_what_we_said_before_the_lane_starts_no_timer(conn: AsyncConnection) -> None:
    await ask(conn, TicketMove(**of(lane_id=23)))
    await say(conn, "A1", "Segue a proposta", seconds=-60, from_me=True)
    assert await timer(conn) == []


async def ask_for_a_mark(conn: AsyncConnection) -> None:
    await company_settings(conn, userRating="enabled")
    await sql(
        conn,
        'UPDATE "Whatsapps" SET "ratingMessage" = \'De 0 a 10?\', "complationMessage" = '
        "'Obrigado!', \"maxUseBotQueuesNPS\" = 2",
    )
    told = await ask(
        conn, TicketAccept(**of(user_id=5)), TicketClose(**of(request_id="r2", actor_id=5))
    )
    assert types(told)[:2] == ["ticket.accepted", "ticket.updated"]
    assert said(told) == ["De 0 a 10?"]


async def test_a_mark_in_the_chat_is_kept_and_ends_the_conversation(conn: AsyncConnection) -> None:
    await ask_for_a_mark(conn)
    told = await say(conn, "A1", "nota 9, obrigado")
    assert (types(told)[-2:], said(told)) == (["ticket.rated", "message.compose"], ["Obrigado!"])
    (rating,) = await sql(conn, 'SELECT * FROM "UserRatings"')
    assert (rating["ticketId"], rating["userId"], rating["rate"]) == (TICKET, 5, 9)
    (attendance,) = await attended(conn)
    assert attendance["rated"]
    assert attendance["ratingAt"] == attendance["finishedAt"]
    assert (await one(conn))["status"] == "closed"
    assert await logged(conn) == ["open", "nps", "closed"]


async def test_the_question_is_put_again_once_however_often_the_answer_is_heard(
    conn: AsyncConnection,
) -> None:
    await ask_for_a_mark(conn)
    assert said(await say(conn, "A1", "oi")) == ["De 0 a 10?"]
    (row,) = await sql(conn, "SELECT id FROM \"Messages\" WHERE wid = 'A1'")
    assert said(await heard(conn, "A1", row["id"])) == []
    assert said(await say(conn, "A2", "quê?", seconds=61)) == []
    assert (await one(conn))["amountUsedBotQueuesNPS"] == 2


async def test_what_was_said_long_before_the_question_is_no_mark(conn: AsyncConnection) -> None:
    await ask_for_a_mark(conn)
    assert "ticket.rated" not in types(await say(conn, "A1", "quero 10", seconds=-30))


async def test_consent_is_asked_for_and_given(conn: AsyncConnection) -> None:
    await company_settings(
        conn, enableLGPD="enabled", lgpdConsent="enabled", lgpdMessage="Aceita?", lgpdLink="x.y"
    )
    told = facts(await handlers.route_messages(conn, [identified("A1", contact_id=101)]))
    (opened,) = [fact for fact in told if isinstance(fact, TicketChanged)]
    ticket_id = opened.ticket_id
    assert opened.status == "lgpd"
    question = said(await say(conn, "A1", "Oi", ticket_id=ticket_id, seconds=-1))
    assert question == ["Aceita?\nx.y\n\n1 - Sim\n2 - Não"]
    told = await say(conn, "A2", "1", ticket_id=ticket_id)
    row = await one(conn, ticket_id)
    assert (row["status"], row["lgpdAcceptedAt"] is None) == ("pending", False)
    assert await logged(conn, ticket_id) == ["lgpd", "pending"]
    await ask(conn, TicketClose(**of(ticket_id)))
    told = facts(await handlers.route_messages(conn, [identified("A3", contact_id=101)]))
    assert [fact.status for fact in told if isinstance(fact, TicketChanged)] == ["pending"]


async def test_a_contact_who_consents_is_asked_for_a_queue_at_once(conn: AsyncConnection) -> None:
    await company_settings(conn, enableLGPD="enabled", lgpdConsent="enabled")
    await two_queues(conn)
    told = facts(await handlers.route_messages(conn, [identified("A1", contact_id=101)]))
    (opened,) = [fact for fact in told if isinstance(fact, TicketChanged)]
    await say(conn, "A1", "Oi", ticket_id=opened.ticket_id, seconds=-1)
    told = await say(conn, "A2", "1", ticket_id=opened.ticket_id)
    assert said(told) == ["1 - Vendas\n2 - Suporte"]


async def test_the_user_of_a_contacts_first_wallet_has_its_ticket_from_the_beginning(
    conn: AsyncConnection,
) -> None:
    await company_settings(conn, DirectTicketsToWallets=True)
    wallets = 'INSERT INTO "ContactWallets" ("companyId", "contactId", "walletId") VALUES '
    await sql(conn, f"{wallets} (1, 101, 6)")
    await sql(conn, f"{wallets} (1, 101, 5)")
    told = facts(await handlers.route_messages(conn, [identified("A1", contact_id=101)]))
    assert [(f.status, f.user_id) for f in told if isinstance(f, TicketChanged)] == [("open", 6)]


async def two_queues(conn: AsyncConnection) -> None:
    await sql(
        conn,
        'INSERT INTO "WhatsappQueues" ("companyId", "whatsappId", "queueId") '
        "VALUES (1, 10, 7), (1, 10, 8)",
    )


async def test_a_contact_that_wants_no_bot_is_not_asked_for_a_queue(conn: AsyncConnection) -> None:
    await two_queues(conn)
    await sql(conn, 'UPDATE "Contacts" SET "disableBot" = TRUE WHERE id = 100')
    assert said(await say(conn, "A1", "Oi")) == []


async def test_a_contact_that_leaves_ends_the_conversation(conn: AsyncConnection) -> None:
    await two_queues(conn)
    await say(conn, "A1", "Oi", seconds=-1)
    assert types(await say(conn, "A2", "SAIR"))[-1] == "ticket.closed"
    assert (await one(conn))["status"] == "closed"


async def test_a_contact_chooses_a_queue_by_its_place(conn: AsyncConnection) -> None:
    await two_queues(conn)
    await sql(conn, 'UPDATE "Whatsapps" SET "greetingMessage" = \'Bem-vindo\'')
    assert said(await say(conn, "A1", "Oi", seconds=-1)) == ["Bem-vindo\n\n1 - Vendas\n2 - Suporte"]
    told = await say(conn, "A2", "2")
    assert types(told) == ["ticket.updated", "ticket.queued"]
    (attendance,) = await attended(conn)
    assert (await one(conn))["queueId"] == attendance["queueId"] == 8
    assert attendance["chatbotAt"] < attendance["queuedAt"]
    assert await logged(conn) == ["chatBot", "queue"]


async def test_a_line_with_one_queue_uses_it(conn: AsyncConnection) -> None:
    await sql(
        conn,
        'INSERT INTO "WhatsappQueues" ("companyId", "whatsappId", "queueId") VALUES (1, 10, 7)',
    )
    assert types(await say(conn, "A1", "Oi")) == ["ticket.updated", "ticket.queued"]
    assert (await one(conn))["queueId"] == 7


async def test_a_contact_who_writes_when_nobody_is_there_is_told_so_once(
    conn: AsyncConnection,
) -> None:
    await company_settings(conn, scheduleType="company")
    await sql(
        conn,
        "UPDATE \"Companies\" SET timezone = 'UTC', schedules = CAST(:schedules AS jsonb)",
        schedules='[{"weekdayEn": "never", "startTimeA": "08:00", "endTimeA": "12:00"}]',
    )
    await sql(conn, 'UPDATE "Whatsapps" SET "outOfHoursMessage" = \'Fechado\'')
    assert said(await say(conn, "A1", "Oi")) == ["Fechado"]
    assert said(await say(conn, "A2", "Oi?")) == []
    assert (await one(conn))["isOutOfHour"]


async def test_a_message_written_after_its_ticket_was_closed_brings_that_back(
    conn: AsyncConnection,
) -> None:
    await ask(conn, TicketClose(**of()))
    assert types(await say(conn, "A1", "de antes", seconds=-30)) == ["ticket.updated"]
    assert types(await say(conn, "A2", "e mais")) == ["ticket.reopened", "ticket.updated"]
    assert (await one(conn))["status"] == "pending"


OURS = """
WITH m AS (
  INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "fromMe", read)
  VALUES (1, 10, 1000, '3EB0', 'Até logo', TRUE, TRUE) RETURNING id
)
INSERT INTO "Sends" ("companyId", "sendId", "whatsappId", chat, wid, "messageId", status)
SELECT 1, '3EB0', 10, 'chat', '3EB0', id, :status FROM m
"""


@pytest.mark.parametrize(
    ("status", "words", "effect"),
    [
        ("queued", "Até logo", "none"),
        ("claimed", "Até logo", "none"),
        ("unknown", "Até logo", "none"),
        ("sent", "Até logo", "opened"),
        ("claimed", "Mais uma coisa", "opened"),
    ],
)
async def test_a_good_bye_that_comes_back_before_its_answer_leaves_its_ticket_closed(
    conn: AsyncConnection, status: str, words: str, effect: str
) -> None:
    await ask(conn, TicketClose(**of()))
    await sql(conn, OURS, status=status)
    echo = identified("E1", from_me=True, sender_id=None, body=words)
    told = facts(await handlers.route_messages(conn, [echo]))
    assert [f.ticket_effect for f in told if isinstance(f, MessageRouted)] == [effect]
    assert (await one(conn))["status"] == "closed"


async def named(conn: AsyncConnection) -> None:
    """Let contact 100 and its ticket have a LID and an address."""
    for table, id_ in (("Contacts", 100), ("Tickets", TICKET)):
        query = f"UPDATE \"{table}\" SET lid = '9@lid', jid = '1@s' WHERE id = :id"  # noqa: S608 - the test's own
        await sql(conn, query, id=id_)


@pytest.mark.parametrize("how", ["within the window", "after it was closed meanwhile"])
async def test_what_a_conversation_is_found_by_comes_back_when_the_contact_writes(
    conn: AsyncConnection, how: str
) -> None:
    await named(conn)
    await ask(conn, TicketClose(**of()))
    if how == "within the window":
        await sql(conn, 'UPDATE "Whatsapps" SET "timeCreateNewTicket" = 30')
        await handlers.route_messages(conn, [identified("A1")])
    else:
        await say(conn, "A1", "e mais")
    row = await one(conn)
    assert (row["status"], row["lid"], row["jid"]) == ("pending", "9@lid", "1@s")
    assert await logged(conn) == ["closed", "create"]


@pytest.mark.parametrize("how", ["within the window", "after it was closed meanwhile"])
async def test_a_group_that_goes_on_is_no_ticket_that_waits(
    conn: AsyncConnection, how: str
) -> None:
    await sql(conn, 'UPDATE "Tickets" SET "isGroup" = TRUE, status = \'group\' WHERE id = 1000')
    await ask(conn, TicketClose(**of()))
    if how == "within the window":
        await sql(conn, 'UPDATE "Whatsapps" SET "timeCreateNewTicket" = 30')
        await handlers.route_messages(conn, [identified("A1", is_group=True)])
    else:
        await say(conn, "A1", "e mais")
    assert (await one(conn))["status"] == "group"


async def test_a_ticket_that_was_closed_meanwhile_is_not_attended_to(conn: AsyncConnection) -> None:
    await ask(conn, TicketClose(**of()))
    routed: RoutedTicket = ticket(TICKET)
    with pytest.raises(RacedError):
        await attendances.find_or_begin(conn, [routed])


async def test_a_ticket_shows_the_name_of_a_file_that_comes_without_words(
    conn: AsyncConnection,
) -> None:
    await say(conn, "A1", "Oi")
    await sql(
        conn,
        "UPDATE \"Messages\" SET body = '', \"mediaUrl\" = 'https://m.example/1/foto.jpg?sig=2'",
    )
    (row,) = await sql(conn, 'SELECT id FROM "Messages"')
    await heard(conn, "A1", row["id"])
    assert (await one(conn))["lastMessage"] == "foto.jpg"


async def test_moved_messages_are_counted_where_they_are(conn: AsyncConnection) -> None:
    await say(conn, "A1", "Oi")
    await sql(conn, 'UPDATE "Messages" SET "ticketId" = 1001')
    moved = MessagesMoved(company_id=1, ticket_id=1001, from_ticket_id=TICKET)
    (fact,) = facts(await handlers.refresh_tickets(conn, [moved]))
    assert isinstance(fact, TicketChanged)
    assert (fact.ticket_id, fact.unread_messages) == (1001, 1)


async def test_a_ticket_shows_what_is_left_once_the_row_of_an_echo_is_gone(
    conn: AsyncConnection,
) -> None:
    await say(conn, "A1", "Oi")
    await say(conn, "W1", "Eco", seconds=90)
    await sql(conn, "DELETE FROM \"Messages\" WHERE wid = 'W1'")
    gone = refused("W1", reason="absorbed", ticket_id=TICKET)
    await handlers.refresh_tickets(conn, [gone])
    assert (await one(conn))["lastMessage"] == "Oi"


async def test_what_is_on_its_way_to_a_successor_is_not_counted_in_the_ticket_it_leaves(
    conn: AsyncConnection,
) -> None:
    await company_settings(conn, closeTicketOnTransfer=True)
    await ask(conn, TicketTransfer(**of(queue_id=7)))
    assert await say(conn, "A1", "Oi", seconds=-60) == []
    assert (await one(conn))["unreadMessages"] == 0


async def make_idle(conn: AsyncConnection, minutes: int, ticket_id: int = TICKET) -> None:
    query = (
        'UPDATE "Tickets" SET "updatedAt" = clock_timestamp() - :minutes * interval \'1 minute\' '
        "WHERE id = :id"
    )
    await sql(conn, query, minutes=minutes, id=ticket_id)


async def pass_time(conn: AsyncConnection) -> list[Event]:
    return list(await handlers.pass_time(conn))


async def expiring(conn: AsyncConnection, **columns: object) -> None:
    given = {"status": "CONNECTED", "expiresTicket": 30, "expiresInactiveMessage": "Encerrado"}
    named = {**given, **columns}
    names = ", ".join(f'"{name}" = :{name}' for name in named)
    await sql(conn, f'UPDATE "Whatsapps" SET {names}', **named)  # noqa: S608 - the test's own
    await ask(conn, TicketAccept(**of(user_id=5)))


async def test_an_idle_ticket_is_closed_after_its_time(conn: AsyncConnection) -> None:
    await expiring(conn)
    await make_idle(conn, 29)
    assert await pass_time(conn) == []
    await make_idle(conn, 31)
    told = await pass_time(conn)
    assert (types(told), said(told)) == (["ticket.closed", "message.compose"], ["Encerrado"])
    assert (await one(conn))["status"] == "closed"
    assert (await logged(conn))[-1] == "autoClose"
    assert await pass_time(conn) == []


async def test_an_idle_ticket_is_warned_first_and_closed_after_both_periods(
    conn: AsyncConnection,
) -> None:
    await expiring(conn, timeInactiveMessage="10", inactiveMessage="Ainda aí?")
    await make_idle(conn, 11)
    assert said(await pass_time(conn)) == ["Ainda aí?"]
    assert await pass_time(conn) == []
    await make_idle(conn, 31)
    assert types(await pass_time(conn))[0] == "ticket.closed"


async def test_a_warned_contact_who_writes_is_warned_anew(conn: AsyncConnection) -> None:
    await expiring(conn, timeInactiveMessage="10", inactiveMessage="Ainda aí?")
    await make_idle(conn, 11)
    await pass_time(conn)
    await say(conn, "A1", "Sim")
    await make_idle(conn, 31)
    assert said(await pass_time(conn)) == ["Ainda aí?"]
    assert (await one(conn))["status"] == "open"


@pytest.mark.parametrize(
    "columns", [{"status": "DISCONNECTED"}, {"whenExpiresTicket": "1"}, {"expiresTicket": 0}]
)
async def test_a_ticket_is_left_open(conn: AsyncConnection, columns: dict[str, object]) -> None:
    await expiring(conn, **columns)
    await make_idle(conn, 3000)
    assert await pass_time(conn) == []


async def test_an_imported_ticket_is_left_open(conn: AsyncConnection) -> None:
    await expiring(conn)
    await sql(conn, 'UPDATE "Tickets" SET imported = now()')
    await make_idle(conn, 3000)
    assert await pass_time(conn) == []


async def test_what_fell_due_long_ago_is_done_as_well(conn: AsyncConnection) -> None:
    await expiring(conn)
    await make_idle(conn, 100_000)
    assert types(await pass_time(conn))[0] == "ticket.closed"


async def test_minutes_that_are_no_number_are_none(conn: AsyncConnection) -> None:
    await expiring(conn, timeInactiveMessage="dez", inactiveMessage="Ainda aí?")
    await make_idle(conn, 31)
    assert said(await pass_time(conn)) == ["Encerrado"]


async def end_by(conn: AsyncConnection, how: str) -> None:
    if how == "idle":
        await expiring(conn)
        await make_idle(conn, 31)
        await pass_time(conn)
        return
    await ask_for_a_mark(conn)
    if how == "rated":
        await say(conn, "A1", "9")
        return
    await sql(conn, 'UPDATE "Whatsapps" SET "expiresTicketNPS" = \'5\'')
    await make_idle(conn, 6)
    await pass_time(conn)


@pytest.mark.parametrize("how", ["idle", "rated", "not rated"])
async def test_however_a_ticket_ended_the_next_message_begins_another_one(
    conn: AsyncConnection, how: str
) -> None:
    await named(conn)
    await end_by(conn, how)
    row = await one(conn)
    assert (row["status"], row["lid"], row["jid"]) == ("closed", None, None)
    message = identified("B1", lid="9@lid", jid="1@s")
    told = facts(await handlers.route_messages(conn, [message]))
    (opened,) = [fact for fact in told if isinstance(fact, TicketChanged)]
    assert opened.type == "ticket.opened"
    assert opened.ticket_id != TICKET


async def test_a_mark_is_not_waited_for_longer_than_the_line_wants(conn: AsyncConnection) -> None:
    await ask_for_a_mark(conn)
    await sql(conn, 'UPDATE "Whatsapps" SET "expiresTicketNPS" = \'5\'')
    assert await pass_time(conn) == []
    await make_idle(conn, 6)
    assert said(await pass_time(conn)) == ["Obrigado!"]
    assert (await one(conn))["status"] == "closed"
    assert (await sql(conn, 'SELECT * FROM "UserRatings"')) == []


async def test_tickets_that_nobody_queues_go_to_the_lines_queue_after_its_time(
    conn: AsyncConnection,
) -> None:
    await sql(conn, 'UPDATE "Whatsapps" SET "timeSendQueue" = 15, "sendIdQueue" = 8')
    await ask(conn, TicketQueue(**of(queue_id=7)))
    await sql(
        conn, 'UPDATE "TicketTraking" SET "createdAt" = now() - interval \'16 min\' '
        'WHERE "ticketId" < 1010',
    )  # fmt: skip
    told = await pass_time(conn)
    assert types(told) == ["ticket.queued"] * 9
    assert (await one(conn, 1001))["queueId"] == 8
    assert await logged(conn, 1001) == ["redirect"]
    assert await pass_time(conn) == []


async def test_a_queue_with_a_router_gives_its_tickets_to_somebody_who_is_there(
    conn: AsyncConnection,
) -> None:
    await sql(conn, 'UPDATE "Queues" SET "ativarRoteador" = TRUE, "tempoRoteador" = 5')
    await sql(conn, "UPDATE \"Users\" SET profile = 'user', online = id = 6")
    await sql(
        conn,
        'INSERT INTO "UserQueues" ("companyId", "userId", "queueId") VALUES (1, 5, 7), (1, 6, 7)',
    )
    await ask(conn, TicketQueue(**of(queue_id=7)))
    assert types(await pass_time(conn)) == ["ticket.updated"]
    row = await one(conn)
    assert (row["status"], row["userId"]) == ("pending", 6)
    await make_idle(conn, 6)
    assert await pass_time(conn) == []
    await sql(conn, 'UPDATE "Users" SET online = TRUE')
    await pass_time(conn)
    assert (await one(conn))["userId"] == 5


async def test_tickets_of_merged_contacts_become_one(conn: AsyncConnection) -> None:
    await say(conn, "A1", "Oi", ticket_id=1001)
    await sql(
        conn, 'UPDATE "Contacts" SET "mergedIntoContactId" = 100, active = FALSE WHERE id = 102'
    )
    event = ContactMerged(company_id=1, contact_id=100, merged_contact_id=102, version=1)
    told = facts(await handlers.follow_contacts(conn, [event]))
    (left,) = told
    assert isinstance(left, TicketTransferred)
    assert (left.ticket_id, left.successor_ticket_id) == (1001, TICKET)
    assert {(await one(conn, t))["contactId"] for t in (TICKET, 1001)} == {100}
    assert await handlers.follow_contacts(conn, [event]) == []


async def test_a_message_of_a_contact_that_was_merged_meanwhile_is_of_the_one_that_stands_for_it(
    conn: AsyncConnection,
) -> None:
    await sql(conn, 'UPDATE "Contacts" SET "mergedIntoContactId" = 100 WHERE id = 101')
    (routed,) = facts(
        await handlers.route_messages(conn, [identified("A1", contact_id=101, sender_id=101)])
    )
    told = routed.model_dump()
    assert (told["contact_id"], told["sender_id"], told["ticket_id"]) == (100, 100, TICKET)
