"""Messages that cannot be shown, their contents, and late messages, from the gateway to the bot."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.storing.handler import store_messages
from services.tickets.routing.handler import route_messages
from services.tickets.unread.handler import refresh_tickets
from shared.contracts.base import Event
from shared.contracts.message import MessageIdentified, MessageRouted
from shared.contracts.ticket import TicketChanged
from shared.contracts.ticket_request import TicketClose
from tests.support.build import at, identified, routed
from tests.support.ticket_rows import (
    TICKET,
    add_two_queues,
    ask_for_rating,
    list_facts,
    list_replies,
    list_types,
    load_ticket,
    of,
    request,
    run_sql,
    set_company_settings,
)

pytestmark = pytest.mark.integration

HIDDEN: dict[str, Any] = {"media_type": "undecryptable", "body": ""}
DAY = timedelta(hours=24)
SHOWN = "Mensagem que não pôde ser decifrada. Veja no celular ou peça que ela seja reenviada."


async def pass_on(conn: AsyncConnection, *messages: MessageIdentified) -> list[Event]:
    """Route messages, store them, and refresh their tickets; return the tickets' facts."""
    facts = list_facts(await route_messages(conn, messages, late_after=DAY))
    to_store = [fact for fact in facts if isinstance(fact, MessageRouted)]
    return [*facts, *await store(conn, *to_store)]


async def store(conn: AsyncConnection, *messages: MessageRouted) -> list[Event]:
    """Store routed messages and refresh their tickets; return the tickets' facts."""
    changes: Any = list_facts(await store_messages(conn, messages))
    return list_facts(await refresh_tickets(conn, changes, late_after=DAY))


def written(wid: str, seconds: float = 0, **members: object) -> MessageIdentified:
    """Build a message of contact 100, written so many seconds from now."""
    now = datetime.now(UTC)
    given = {"timestamp": now + timedelta(seconds=seconds), "received_at": now}
    return identified(wid, **(given | members))


def list_ticket_ids(facts: list[Event]) -> list[int]:
    return [fact.ticket_id for fact in facts if isinstance(fact, TicketChanged)]


async def test_a_placeholder_is_unread_and_is_what_its_ticket_shows(conn: AsyncConnection) -> None:
    await pass_on(conn, written("A1", **HIDDEN))
    ticket = await load_ticket(conn)
    assert (ticket["unreadMessages"], ticket["lastMessage"]) == (1, SHOWN)


async def test_a_ticket_shows_the_content_and_counts_it_once(conn: AsyncConnection) -> None:
    await pass_on(conn, written("A1", **HIDDEN))
    facts = await pass_on(conn, written("A1", body="Quero dois"))
    assert "ticket.updated" in list_types(facts)
    ticket = await load_ticket(conn)
    assert (ticket["unreadMessages"], ticket["lastMessage"]) == (1, "Quero dois")


async def test_a_ticket_shows_a_content_without_text_by_its_file(conn: AsyncConnection) -> None:
    await pass_on(conn, written("A1", **HIDDEN))
    url = "https://m.example/nota.pdf"
    await pass_on(conn, written("A1", body="", media_type="document", media_url=url))
    assert (await load_ticket(conn))["lastMessage"] == "nota.pdf"


async def test_a_content_that_is_not_the_last_message_is_not_shown(conn: AsyncConnection) -> None:
    await pass_on(conn, written("A1", **HIDDEN), written("A2", 5, body="Oi?"))
    await pass_on(conn, written("A1", body="Quero dois"))
    ticket = await load_ticket(conn)
    assert (ticket["unreadMessages"], ticket["lastMessage"]) == (2, "Oi?")


async def test_the_content_of_a_closed_tickets_placeholder_leaves_it_closed(
    conn: AsyncConnection,
) -> None:
    await pass_on(conn, written("A1", -5, **HIDDEN))
    await request(conn, TicketClose(**of(silent=True)))
    await pass_on(conn, written("A1", -5, body="Quero dois"))
    ticket = await load_ticket(conn)
    assert (ticket["status"], ticket["lastMessage"]) == ("closed", "Quero dois")
    query = 'SELECT count(*) AS n FROM "Tickets" WHERE "contactId" = 100'
    assert await run_sql(conn, query) == [{"n": 1}]


async def test_a_ticket_that_was_opened_for_the_content_is_discarded(
    conn: AsyncConnection,
) -> None:
    """The content was routed before the placeholder was stored, to the contact's other address."""
    (identified_content,) = [written("A1", body="2", contact_id=101, sender_id=101)]
    facts = list_facts(await route_messages(conn, [identified_content]))
    (content,) = [fact for fact in facts if isinstance(fact, MessageRouted)]
    assert content.ticket_effect == "opened"
    await pass_on(conn, written("A2", **HIDDEN))
    await store(conn, routed("A1", timestamp=content.timestamp, **HIDDEN))
    facts = await store(conn, content)
    assert "ticket.discarded" in list_types(facts)
    assert (await load_ticket(conn, content.ticket_id))["status"] == "closed"
    ticket = await load_ticket(conn)
    assert (ticket["status"], ticket["unreadMessages"]) == ("pending", 2)


async def test_a_menu_is_answered_by_a_content_that_was_written_after_it(
    conn: AsyncConnection,
) -> None:
    await add_two_queues(conn)
    assert list_replies(await pass_on(conn, written("A1", -5))) == ["1 - Vendas\n2 - Suporte"]
    await pass_on(conn, written("A2", 30, **HIDDEN))
    facts = await pass_on(conn, written("A2", 30, body="2"))
    assert "ticket.queued" in list_types(facts)
    assert (await load_ticket(conn))["queueId"] == 8


async def test_the_content_of_the_message_that_got_the_menu_does_not_answer_it(
    conn: AsyncConnection,
) -> None:
    await add_two_queues(conn)
    asked = await pass_on(conn, written("A1", -1, **HIDDEN))
    assert list_replies(asked) == ["1 - Vendas\n2 - Suporte"]
    assert list_replies(await pass_on(conn, written("A1", -1, body="2"))) == []
    assert (await load_ticket(conn))["queueId"] is None


async def test_a_content_asks_nothing_again(conn: AsyncConnection) -> None:
    await add_two_queues(conn)
    await pass_on(conn, written("A1", -5))
    asked_again = await pass_on(conn, written("A2", 30, **HIDDEN))
    assert list_replies(asked_again) == ["1 - Vendas\n2 - Suporte"]
    assert list_replies(await pass_on(conn, written("A2", 30, body="Bom dia"))) == []


async def test_a_content_is_a_rating(conn: AsyncConnection) -> None:
    await ask_for_rating(conn)
    await pass_on(conn, written("A1", 30, **HIDDEN))
    facts = await pass_on(conn, written("A1", 30, body="nota 9"))
    assert "ticket.rated" in list_types(facts)


async def test_a_placeholder_of_an_echo_leaves_the_closed_ticket_closed(
    conn: AsyncConnection,
) -> None:
    await run_sql(
        conn,
        'INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "fromMe") '
        "VALUES (1, 10, 1000, 'W1', 'Até logo', TRUE)",
    )
    await run_sql(
        conn,
        'INSERT INTO "Sends" ("companyId", "sendId", "whatsappId", chat, wid, "messageId", place) '
        "SELECT 1, 'farewell', 10, 'chat', wid, id, 0 FROM \"Messages\" WHERE wid = 'W1'",
    )
    await request(conn, TicketClose(**of(silent=True)))
    ours: dict[str, Any] = {"from_me": True, "sender_id": None}
    await pass_on(conn, written("A1", **HIDDEN, **ours))
    assert (await load_ticket(conn))["status"] == "closed"


LATE: dict[str, Any] = {"timestamp": at(0), "received_at": at(0) + timedelta(hours=25)}
BACKLOG: dict[str, Any] = {
    "timestamp": at(0),
    "received_at": at(1),
}  # long ago, and in Kafka since then


async def ask_everything(conn: AsyncConnection) -> None:
    """Set a menu, hours in which the company is closed, and consent."""
    await add_two_queues(conn)
    await set_company_settings(
        conn, enableLGPD="enabled", lgpdConsent="enabled", lgpdMessage="Aceita?", lgpdLink="x.y"
    )


async def test_the_contact_of_a_late_message_gets_no_text_and_its_ticket_waits_unread(
    conn: AsyncConnection,
) -> None:
    await ask_everything(conn)
    facts = await pass_on(conn, identified("A1", contact_id=101, sender_id=101, **LATE))
    assert list_replies(facts) == []
    ticket = await load_ticket(conn, list_ticket_ids(facts)[0])
    assert (ticket["status"], ticket["unreadMessages"], ticket["queueId"]) == ("pending", 1, None)


async def test_a_message_that_waited_in_kafka_is_answered_as_usual(conn: AsyncConnection) -> None:
    await ask_everything(conn)
    facts = await pass_on(conn, identified("A1", contact_id=101, sender_id=101, **BACKLOG))
    assert list_replies(facts) == ["Aceita?\nx.y\n\n1 - Sim\n2 - Não"]


async def test_a_late_message_gets_no_queue(conn: AsyncConnection) -> None:
    await run_sql(
        conn,
        'INSERT INTO "WhatsappQueues" ("companyId", "whatsappId", "queueId") VALUES (1, 10, 7)',
    )
    await pass_on(conn, identified("A1", **LATE))
    ticket = await load_ticket(conn)
    assert (ticket["status"], ticket["queueId"], ticket["unreadMessages"]) == ("pending", None, 1)


async def test_after_a_late_message_the_next_one_is_answered_as_usual(
    conn: AsyncConnection,
) -> None:
    await add_two_queues(conn)
    assert list_replies(await pass_on(conn, identified("A1", **LATE))) == []
    assert list_replies(await pass_on(conn, written("A2"))) == ["1 - Vendas\n2 - Suporte"]


async def test_a_late_message_is_neither_a_rating_nor_asked_for_one_again(
    conn: AsyncConnection,
) -> None:
    await ask_for_rating(conn)
    late = written("A1", 30, received_at=datetime.now(UTC) + timedelta(hours=25), body="9")
    facts = await pass_on(conn, late)
    assert (list_replies(facts), (await load_ticket(conn))["status"]) == ([], "nps")


async def test_a_late_message_that_reopens_its_ticket_gets_no_text(conn: AsyncConnection) -> None:
    await add_two_queues(conn)
    await run_sql(conn, 'UPDATE "Whatsapps" SET "timeCreateNewTicket" = 30')
    await request(conn, TicketClose(**of(silent=True)))
    facts = await pass_on(conn, identified("A1", **LATE))
    assert list_replies(facts) == []
    ticket = await load_ticket(conn, TICKET)
    assert (ticket["status"], ticket["unreadMessages"]) == ("pending", 1)


async def test_the_content_of_a_placeholder_that_comes_late_answers_nothing(
    conn: AsyncConnection,
) -> None:
    await add_two_queues(conn)
    await pass_on(conn, written("A1", -5))
    await pass_on(conn, written("A2", 30, **HIDDEN))
    late = datetime.now(UTC) + timedelta(hours=25)
    facts = await pass_on(conn, written("A2", 30, body="2", received_at=late))
    assert list_replies(facts) == []
    assert (await load_ticket(conn))["queueId"] is None
