"""Questions to contacts and their replies, on a real Postgres."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tickets.routing.handler import route_messages
from shared.contracts.ticket import TicketChanged
from shared.contracts.ticket_request import TicketClose
from tests.support.build import identified
from tests.support.ticket_rows import (
    TICKET,
    add_two_queues,
    ask_for_rating,
    list_attendances,
    list_facts,
    list_logs,
    list_replies,
    list_types,
    load_ticket,
    of,
    refresh,
    request,
    run_sql,
    set_company_settings,
    store_message,
)

pytestmark = pytest.mark.integration


async def test_a_mark_in_the_chat_is_kept_and_ends_the_conversation(conn: AsyncConnection) -> None:
    await ask_for_rating(conn)
    facts = await store_message(conn, "A1", "nota 9, obrigado")
    assert (list_types(facts)[-2:], list_replies(facts)) == (
        ["ticket.rated", "message.compose"],
        ["Obrigado!"],
    )
    (rating,) = await run_sql(conn, 'SELECT * FROM "UserRatings"')
    assert (rating["ticketId"], rating["userId"], rating["rate"]) == (TICKET, 5, 9)
    (attendance,) = await list_attendances(conn)
    assert attendance["rated"]
    assert attendance["ratingAt"] == attendance["finishedAt"]
    assert (await load_ticket(conn))["status"] == "closed"
    assert await list_logs(conn) == ["open", "nps", "closed"]


async def test_the_question_is_asked_again_once_however_often_the_reply_is_consumed(
    conn: AsyncConnection,
) -> None:
    await ask_for_rating(conn)
    assert list_replies(await store_message(conn, "A1", "oi")) == ["De 0 a 10?"]
    (row,) = await run_sql(conn, "SELECT id FROM \"Messages\" WHERE wid = 'A1'")
    assert list_replies(await refresh(conn, "A1", row["id"])) == []
    assert list_replies(await store_message(conn, "A2", "quê?", seconds=61)) == []
    assert (await load_ticket(conn))["amountUsedBotQueuesNPS"] == 2


async def test_a_message_long_before_the_question_is_no_mark(conn: AsyncConnection) -> None:
    await ask_for_rating(conn)
    assert "ticket.rated" not in list_types(
        await store_message(conn, "A1", "quero 10", seconds=-30)
    )


async def test_consent_is_asked_for_and_given(conn: AsyncConnection) -> None:
    await set_company_settings(
        conn, enableLGPD="enabled", lgpdConsent="enabled", lgpdMessage="Aceita?", lgpdLink="x.y"
    )
    facts = list_facts(await route_messages(conn, [identified("A1", contact_id=101)]))
    (opened,) = [fact for fact in facts if isinstance(fact, TicketChanged)]
    ticket_id = opened.ticket_id
    assert opened.status == "lgpd"
    question = list_replies(await store_message(conn, "A1", "Oi", ticket_id=ticket_id, seconds=-1))
    assert question == ["Aceita?\nx.y\n\n1 - Sim\n2 - Não"]
    facts = await store_message(conn, "A2", "1", ticket_id=ticket_id)
    row = await load_ticket(conn, ticket_id)
    assert (row["status"], row["lgpdAcceptedAt"] is None) == ("pending", False)
    assert await list_logs(conn, ticket_id) == ["lgpd", "pending"]
    await request(conn, TicketClose(**of(ticket_id)))
    facts = list_facts(await route_messages(conn, [identified("A3", contact_id=101)]))
    assert [fact.status for fact in facts if isinstance(fact, TicketChanged)] == ["pending"]


async def test_a_contact_who_consents_is_asked_for_a_queue_at_once(conn: AsyncConnection) -> None:
    await set_company_settings(conn, enableLGPD="enabled", lgpdConsent="enabled")
    await add_two_queues(conn)
    facts = list_facts(await route_messages(conn, [identified("A1", contact_id=101)]))
    (opened,) = [fact for fact in facts if isinstance(fact, TicketChanged)]
    await store_message(conn, "A1", "Oi", ticket_id=opened.ticket_id, seconds=-1)
    facts = await store_message(conn, "A2", "1", ticket_id=opened.ticket_id)
    assert list_replies(facts) == ["1 - Vendas\n2 - Suporte"]


async def test_a_contact_with_the_bot_disabled_is_not_asked_for_a_queue(
    conn: AsyncConnection,
) -> None:
    await add_two_queues(conn)
    await run_sql(conn, 'UPDATE "Contacts" SET "disableBot" = TRUE WHERE id = 100')
    assert list_replies(await store_message(conn, "A1", "Oi")) == []


async def test_a_contact_that_leaves_ends_the_conversation(conn: AsyncConnection) -> None:
    await add_two_queues(conn)
    await store_message(conn, "A1", "Oi", seconds=-1)
    assert list_types(await store_message(conn, "A2", "SAIR"))[-1] == "ticket.closed"
    assert (await load_ticket(conn))["status"] == "closed"


async def test_a_contact_chooses_a_queue_by_its_place(conn: AsyncConnection) -> None:
    await add_two_queues(conn)
    await run_sql(conn, 'UPDATE "Whatsapps" SET "greetingMessage" = \'Bem-vindo\'')
    assert list_replies(await store_message(conn, "A1", "Oi", seconds=-1)) == [
        "Bem-vindo\n\n1 - Vendas\n2 - Suporte"
    ]
    facts = await store_message(conn, "A2", "2")
    assert list_types(facts) == ["ticket.updated", "ticket.queued"]
    (attendance,) = await list_attendances(conn)
    assert (await load_ticket(conn))["queueId"] == attendance["queueId"] == 8
    assert attendance["chatbotAt"] < attendance["queuedAt"]
    assert await list_logs(conn) == ["chatBot", "queue"]


async def test_a_contact_chooses_a_queue_by_the_id_of_a_row(conn: AsyncConnection) -> None:
    await add_two_queues(conn)
    await store_message(conn, "A1", "Oi", seconds=-1)
    await store_message(conn, "A2", "Suporte técnico", choice_id="2")
    assert (await load_ticket(conn))["queueId"] == 8


async def test_a_line_with_one_queue_uses_it(conn: AsyncConnection) -> None:
    await run_sql(
        conn,
        'INSERT INTO "WhatsappQueues" ("companyId", "whatsappId", "queueId") VALUES (1, 10, 7)',
    )
    assert list_types(await store_message(conn, "A1", "Oi")) == ["ticket.updated", "ticket.queued"]
    assert (await load_ticket(conn))["queueId"] == 7


async def test_a_contact_who_writes_out_of_hours_gets_one_reply(
    conn: AsyncConnection,
) -> None:
    await set_company_settings(conn, scheduleType="company")
    await run_sql(
        conn,
        "UPDATE \"Companies\" SET timezone = 'UTC', schedules = CAST(:schedules AS jsonb)",
        schedules='[{"weekdayEn": "never", "startTimeA": "08:00", "endTimeA": "12:00"}]',
    )
    await run_sql(conn, 'UPDATE "Whatsapps" SET "outOfHoursMessage" = \'Fechado\'')
    assert list_replies(await store_message(conn, "A1", "Oi")) == ["Fechado"]
    assert list_replies(await store_message(conn, "A2", "Oi?")) == []
    assert (await load_ticket(conn))["isOutOfHour"]
