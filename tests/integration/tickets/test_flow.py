"""Requests about tickets through Kafka, Postgres and the workers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.tickets import consumer
from shared.contracts.contact_request import ContactSave
from shared.contracts.ticket_request import (
    TicketAccept,
    TicketClose,
    TicketTag,
    TicketTransfer,
    TicketView,
)
from tests.support import world
from tests.support.build import at, received
from tests.support.deployment import Deployment
from tests.support.ticket_harness import SWITCHES

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module", autouse=True)
def short_timer() -> Iterator[None]:
    """Run due actions often enough for a test."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(consumer, "DUE_EVERY_MS", 200)
        yield


@pytest_asyncio.fixture(loop_scope="module")
async def flow(standing: Deployment) -> Deployment:
    await standing.empty()
    await world.company(standing, 1)
    await world.line(standing, 10, 1)
    await standing.sql(
        'INSERT INTO "Users" (id, "companyId", name, email, "passwordHash") VALUES '
        "(5, 1, 'Ana', 'ana@example.com', ''), (6, 1, 'Rui', 'rui@example.com', '')"
    )
    await standing.sql(
        "INSERT INTO \"Queues\" (id, \"companyId\", name, color) VALUES (7, 1, 'Vendas', '#aaa')"
    )
    await standing.publish(standing.record(received("A1")))
    await standing.settled()
    return standing


def settings_of_company(**columns: str) -> str:
    """Write a company's settings: every switch off, but for these."""
    given = {**dict.fromkeys(SWITCHES, "'disabled'"), **columns}
    names = ", ".join(f'"{name}"' for name in given)
    return (
        f'INSERT INTO "CompaniesSettings" ("companyId", {names}) '  # noqa: S608 - the test's own
        f"VALUES (1, {', '.join(given.values())})"
    )


async def ticket(flow: Deployment) -> dict[str, Any]:
    (row,) = await flow.sql('SELECT * FROM "Tickets"')
    return row


async def test_requests_are_applied_in_their_order_and_answered_once_and_again(
    flow: Deployment,
) -> None:
    of = {"company_id": 1, "ticket_id": (await ticket(flow))["id"]}
    asked = [
        TicketAccept(**of, request_id="a", user_id=5),
        TicketAccept(**of, request_id="b", user_id=6),
        TicketTransfer(**of, request_id="c", user_id=6, note="Cliente antigo"),
        TicketClose(**of, request_id="d"),
    ]
    records = [flow.request(event) for event in asked]
    await flow.publish(*records, records[0], records[3])
    await flow.settled()
    row = await ticket(flow)
    assert (row["status"], row["userId"]) == ("closed", 6)
    answers = [
        (fact["requestId"], fact["type"].removeprefix("chatia.").removesuffix(".v1"))
        for fact in await flow.facts("ticket.changed")
        if fact.get("requestId")
    ]
    applied = [("c", "ticket.transferred"), ("d", "ticket.closed")]
    assert answers == [
        ("a", "ticket.accepted"), ("b", "ticket.refused"), *applied, ("a", "ticket.accepted"),
        ("d", "ticket.closed"),
    ]  # fmt: skip
    (note,) = await flow.facts("messages.requests")
    assert (note["body"], note["isPrivate"], note["ticketId"]) == (
        "Cliente antigo", True, row["id"],
    )  # fmt: skip


async def test_the_messages_of_a_handed_over_ticket_follow_it(flow: Deployment) -> None:
    await flow.sql(settings_of_company(closeTicketOnTransfer="TRUE"))
    old = (await ticket(flow))["id"]
    handing_over = TicketTransfer(company_id=1, ticket_id=old, request_id="a", queue_id=7)
    await flow.publish(flow.request(handing_over), flow.record(received("A2", timestamp=at(1))))
    await flow.settled()
    rows = await flow.sql('SELECT * FROM "Tickets" ORDER BY id')
    (new,) = [row for row in rows if row["id"] != old]
    assert [(row["status"], row["unreadMessages"]) for row in rows] == [
        ("closed", 0),
        ("pending", 2),
    ]
    messages = await flow.sql('SELECT wid, "ticketId" FROM "Messages" ORDER BY wid')
    assert [(m["wid"], m["ticketId"]) for m in messages] == [("A1", new["id"]), ("A2", new["id"])]


async def test_an_idle_ticket_is_closed_by_the_worker_and_published(flow: Deployment) -> None:
    of = {"company_id": 1, "ticket_id": (await ticket(flow))["id"]}
    await flow.publish(flow.request(TicketAccept(**of, request_id="a", user_id=5)))
    await flow.settled()
    await flow.sql('UPDATE "Tickets" SET "updatedAt" = now() - interval \'31 min\'')
    await flow.sql('UPDATE "Whatsapps" SET status = \'CONNECTED\', "expiresTicket" = 30')
    await flow.until_none("SELECT FROM \"Tickets\" WHERE status <> 'closed'")
    await flow.settled()
    assert [fact["type"] for fact in await flow.facts("ticket.changed")][-1] == (
        "chatia.ticket.closed.v1"
    )


async def test_a_contact_is_asked_for_a_mark_in_the_chat_and_gives_it_there(
    flow: Deployment,
) -> None:
    await flow.sql(settings_of_company(userRating="'enabled'"))
    await flow.sql(
        'UPDATE "Whatsapps" SET "ratingMessage" = \'De 0 a 10?\', "complationMessage" = \'Grato\''
    )
    of = {"company_id": 1, "ticket_id": (await ticket(flow))["id"]}
    accept, close = TicketAccept(**of, request_id="a", user_id=5), TicketClose(**of, request_id="b")
    await flow.publish(flow.request(accept), flow.request(close))
    await flow.settled()
    assert (await ticket(flow))["status"] == "nps"
    later = datetime.now(UTC) + timedelta(seconds=5)
    await flow.publish(flow.record(received("A2", body="Nota 9", timestamp=later)))
    await flow.settled()
    assert (await ticket(flow))["status"] == "closed"
    (rating,) = await flow.sql('SELECT * FROM "UserRatings"')
    assert (rating["rate"], rating["userId"]) == (9, 5)
    ours = await flow.sql('SELECT body FROM "Messages" WHERE "fromMe" ORDER BY id')
    assert [message["body"] for message in ours] == ["De 0 a 10?", "Grato"]


async def test_a_ticket_and_its_contact_get_a_tag_and_the_requests_are_answered(
    flow: Deployment,
) -> None:
    await flow.sql('INSERT INTO "Tags" (id, "companyId", name) VALUES (1, 1, \'VIP\')')
    row = await ticket(flow)
    save = ContactSave(company_id=1, contact_id=row["contactId"], request_id="a", tag_ids=(1,))
    tag = TicketTag(company_id=1, ticket_id=row["id"], request_id="b", tag_ids=(1,))
    await flow.publish(flow.request(save), flow.request(save), flow.request(tag))
    await flow.settled()
    answers = {
        topic: [
            (fact["requestId"], fact["type"].removeprefix("chatia."), fact["tagIds"])
            for fact in await flow.facts(topic)
            if fact.get("requestId")
        ]
        for topic in ("contact.changed", "ticket.changed")
    }
    assert answers == {
        "contact.changed": [("a", "contact.saved.v1", [1])] * 2,
        "ticket.changed": [("b", "ticket.tagged.v1", [1])],
    }
    for table in ("ContactTags", "TicketTags"):
        assert [row["tagId"] for row in await flow.sql(f'SELECT * FROM "{table}"')] == [1]  # noqa: S608


async def test_what_a_user_views_is_read_and_what_comes_later_is_not(
    flow: Deployment,
) -> None:
    await flow.sql("UPDATE \"Whatsapps\" SET status = 'CONNECTED'")
    await flow.publish(flow.record(received("A2", timestamp=at(1))))
    await flow.settled()
    of = {"company_id": 1, "ticket_id": (await ticket(flow))["id"]}
    accept, view = TicketAccept(**of, request_id="a", user_id=5), TicketView(**of, request_id="b")
    await flow.publish(flow.request(accept), flow.request(view))
    await flow.settled()
    assert (await ticket(flow))["unreadMessages"] == 0
    await flow.publish(flow.record(received("A3", timestamp=at(2))))
    await flow.settled()
    assert (await ticket(flow))["unreadMessages"] == 1
    messages = await flow.sql('SELECT read FROM "Messages" ORDER BY wid')
    assert [message["read"] for message in messages] == [True, True, False]


async def test_a_contact_consents_in_the_chat_and_the_consent_is_saved(
    flow: Deployment,
) -> None:
    await flow.sql(
        settings_of_company(
            enableLGPD="'enabled'", lgpdConsent="'enabled'", lgpdMessage="'Aceita?'"
        )
    )
    her = {"chat": "5511900000002", "jid": "5511900000002@s.whatsapp.net"}
    await flow.publish(flow.record(received("B1", timestamp=datetime.now(UTC), **her)))
    await flow.settled()
    later = datetime.now(UTC) + timedelta(seconds=5)
    await flow.publish(flow.record(received("B2", body="1", timestamp=later, **her)))
    await flow.settled()
    (row,) = await flow.sql(
        'SELECT t.status, t."lgpdAcceptedAt" AS ticket, c."lgpdAcceptedAt" AS contact '
        'FROM "Tickets" t JOIN "Contacts" c ON c.id = t."contactId" WHERE c.number = :number',
        number=her["chat"],
    )
    assert row["status"] == "pending"
    assert row["contact"] == row["ticket"] is not None


async def test_a_message_that_was_old_when_it_entered_kafka_is_not_asked_for_consent(
    flow: Deployment,
) -> None:
    await flow.sql(settings_of_company(enableLGPD="'enabled'", lgpdConsent="'enabled'"))
    old = datetime.now(UTC) - timedelta(hours=25)
    late = received("B1", chat="5511900000002", jid=None, timestamp=old)
    backlog = received("B2", chat="5511900000003", jid=None, timestamp=old, received_at=old)
    await flow.publish(flow.record(late), flow.record(backlog))
    await flow.settled()
    rows = await flow.sql(
        'SELECT c.number, t.status, t."unreadMessages" AS unread FROM "Tickets" t '
        'JOIN "Contacts" c ON c.id = t."contactId" WHERE c.number > \'5511900000001\' '
        "ORDER BY c.number"
    )
    assert [(row["number"], row["status"], row["unread"]) for row in rows] == [
        ("5511900000002", "pending", 1),
        ("5511900000003", "lgpd", 0),  # the question is our last message
    ]
