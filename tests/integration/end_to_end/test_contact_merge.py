"""Contacts of one person are merged, with their tickets and messages."""

from typing import Any

import pytest
import pytest_asyncio

from shared.contracts.contact import ContactLink, ContactMove
from shared.contracts.message_request import MessageCompose
from tests.support import world
from tests.support.build import CUSTOMER, at, received
from tests.support.deployment import Deployment

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

LID = "90000000000042@lid"


@pytest_asyncio.fixture(loop_scope="module")
async def flow(standing: Deployment) -> Deployment:
    await standing.empty()
    await world.company(standing, 1)
    await world.line(standing, 10, 1)
    return standing


def receive_by_lid(wid: str, minutes: float) -> Any:
    return received(wid, chat=LID, jid=LID, lid=LID, timestamp=at(minutes), body=f"by LID {wid}")


LINK = ContactLink(company_id=1, request_id="r1", number=CUSTOMER, lid=LID)


async def read_contacts(flow: Deployment) -> list[dict[str, Any]]:
    return await flow.sql(
        'SELECT number, lid, active, "mergedIntoContactId" IS NULL AS stands FROM "Contacts" '
        "ORDER BY number NULLS LAST"
    )


async def read_tickets(flow: Deployment) -> list[dict[str, Any]]:
    return await flow.sql(
        'SELECT c.number, t.status, t."unreadMessages", t."lastMessage", '
        "(SELECT string_agg(m.wid, ' ' ORDER BY m.wid) FROM \"Messages\" m "
        'WHERE m."ticketId" = t.id AND m."contactId" = t."contactId") AS wids '
        'FROM "Tickets" t JOIN "Contacts" c ON c.id = t."contactId" '
        "ORDER BY t.status DESC"
    )


ONE = [
    {"number": CUSTOMER, "lid": LID, "active": True, "stands": True},
    {"number": None, "lid": None, "active": False, "stands": False},
]


@pytest.mark.parametrize("joined_by", ["a message", "a link"])
async def test_two_conversations_of_one_person_become_the_older_one(
    flow: Deployment, joined_by: str
) -> None:
    await flow.publish(flow.record(receive_by_lid("A1", 1)))
    await flow.settled()
    await flow.publish(flow.record(received("A2", timestamp=at(2))))
    await flow.settled()
    if joined_by == "a link":
        await flow.publish(flow.request(LINK))
    else:
        await flow.publish(flow.record(received("A3", lid=LID, timestamp=at(3), body="both")))
    await flow.settled()
    assert await read_contacts(flow) == ONE
    pending, closed = await read_tickets(flow)
    wids = "A1 A2" if joined_by == "a link" else "A1 A2 A3"
    assert (pending["number"], pending["status"], pending["wids"]) == (CUSTOMER, "pending", wids)
    assert pending["unreadMessages"] == len(wids.split())
    assert (closed["status"], closed["wids"]) == ("closed", None)


async def test_a_link_before_the_contacts_is_stored(flow: Deployment) -> None:
    await flow.publish(flow.request(LINK))
    await flow.settled()
    assert await read_contacts(flow) == []
    await flow.publish(
        flow.record(receive_by_lid("A1", 1)), flow.record(received("A2", timestamp=at(2)))
    )
    await flow.settled()
    assert await read_contacts(flow) == ONE[:1]
    (ticket,) = await read_tickets(flow)
    assert ticket["wids"] == "A1 A2"


async def test_messages_of_the_old_id_go_to_the_canonical_contact(flow: Deployment) -> None:
    await flow.publish(flow.record(receive_by_lid("A1", 1)))
    await flow.settled()
    await flow.publish(flow.record(received("A2", lid=LID, timestamp=at(2))))
    await flow.settled()
    await flow.publish(flow.record(receive_by_lid("A3", 3)))
    await flow.settled()
    (ticket,) = [row for row in await read_tickets(flow) if row["status"] != "closed"]
    assert (ticket["number"], ticket["wids"]) == (CUSTOMER, "A1 A2 A3")


NEW = "5511900000077"
USER_ID = "BR.1a2B"


async def test_a_changed_number_keeps_the_ticket_and_leaves_one_note(flow: Deployment) -> None:
    by_user_id = received("A3", chat=USER_ID, jid=USER_ID, timestamp=at(9))
    move = ContactMove(
        company_id=1, request_id="m1", whatsapp_id=10, timestamp=at(5), number=CUSTOMER,
        new_number=NEW,
    )  # fmt: skip
    await flow.publish(flow.record(received("A1", bsuid=USER_ID, timestamp=at(1))))
    await flow.settled()
    await flow.publish(flow.request(move), flow.request(move))
    await flow.settled()
    await flow.publish(flow.record(by_user_id))
    await flow.settled()
    assert [row["number"] for row in await read_contacts(flow)] == [NEW]
    notes = await flow.sql('SELECT body, "ticketId" FROM "Messages" WHERE "isPrivate"')
    assert [note["body"] for note in notes] == [
        f"O número do contato mudou de {CUSTOMER} para {NEW}."
    ]
    messages = await flow.sql('SELECT DISTINCT "ticketId" FROM "Messages"')
    assert [row["ticketId"] for row in messages] == [notes[0]["ticketId"]]


async def test_a_reply_to_somebody_without_a_number_is_sent_to_their_bsuid(
    flow: Deployment,
) -> None:
    await flow.publish(
        flow.record(received("A1", chat=USER_ID, jid=USER_ID, timestamp=at(1), push_name=None))
    )
    await flow.settled()
    reply = MessageCompose(
        company_id=1, request_id="c1", whatsapp_id=10, chat=USER_ID, body="Bom dia"
    )
    await flow.publish(flow.request(reply))
    await flow.settled()
    rows = await flow.sql('SELECT wid, "remoteJid" FROM "Messages" WHERE body = \'Bom dia\'')
    assert [row["remoteJid"] for row in rows] == [USER_ID]
