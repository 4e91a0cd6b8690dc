"""Messages that are asked for, their sends, and what becomes of answers and echoes."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages import handlers
from shared.contracts.answer import MessageAnswered, MessageFailed, MessageSent
from shared.contracts.base import Event
from shared.contracts.message import (
    MessageRefused,
    MessageRouted,
    MessageSend,
    MessageStored,
    MessageUpdated,
)
from shared.contracts.message_change import MessageAcked, MessageChange, MessageReacted
from shared.contracts.message_request import MessageCompose
from shared.contracts.outcome import Outcome, Told
from shared.delivery.requests import answered_once
from shared.gateways.senders.outgoing import wid_in_advance
from tests.laws.test_handlers import world
from tests.support.build import at, routed

pytestmark = pytest.mark.integration

CHAT = "5511990000000"  # of contact 100, whose ticket is 1000
OURS = wid_in_advance(1, 10, "r1")


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    """Give a transaction on a company with a line, contacts and tickets; it is taken back."""
    async with world(world_url) as connection:
        yield connection


def ask(request_id: str = "r1", **members: Any) -> MessageCompose:
    given = {
        "company_id": 1, "whatsapp_id": 10, "chat": CHAT, "request_id": request_id,
        "body": "Pois não?", "timestamp": at(3),
    }  # fmt: skip
    return MessageCompose.model_validate(given | members)


def answer(**members: object) -> dict[str, Any]:
    given = {"company_id": 1, "whatsapp_id": 10, "chat": CHAT, "send_id": OURS}
    return {**given, "timestamp": at(4), **members}


def sent(wid: str | None = "W1", **members: object) -> MessageSent:
    return MessageSent(**answer(wid=wid, **members))


def failed(error_class: str = "final_recipient", **members: object) -> MessageFailed:
    words = {"error_code": "131026", "error": "Message undeliverable"}
    return MessageFailed(**answer(error_class=error_class, **words, **members))


def acked(ack: int, wid: str = "W1", **members: object) -> MessageAcked:
    about = {"company_id": 1, "whatsapp_id": 10, "chat": CHAT, "timestamp": at(5)}
    return MessageAcked(**about, wid=wid, ack=ack, **members)


def echo(wid: str = "W1", **members: object) -> MessageRouted:
    given: dict[str, object] = {
        "chat": CHAT, "from_me": True, "sender_id": None, "body": "Pois não?", "timestamp": at(4),
    }  # fmt: skip
    return routed(wid, **(given | members))


async def take(conn: AsyncConnection, *events: Event) -> list[Event]:
    """Hand each event to its handler, as the corridor does, in batches of one; gives the facts."""
    outcome: Outcome = []
    for event in events:
        if isinstance(event, MessageRouted):
            outcome += await handlers.store_messages(conn, [event], "chatia")
        elif isinstance(event, MessageChange):
            outcome += await handlers.change_messages(conn, [event], "chatia")
        elif isinstance(event, MessageAnswered):
            outcome += await handlers.join_answers(conn, [event], "chatia")
        elif isinstance(event, MessageCompose):
            outcome += await handlers.compose_messages(conn, [event])
    assert all(isinstance(item, Told) for item in outcome)
    return [item.fact for item in outcome if isinstance(item, Told)]


async def ours(conn: AsyncConnection) -> list[dict[str, Any]]:
    """Read the rows of our messages that the world did not begin with."""
    found = await conn.execute(
        text("""SELECT m.wid, m.ack, m.body, m."fromMe", m.read, m."ticketId", m."isPrivate",
                       m."mediaType", m."mediaUrl", m."createdAt", k."errorCode", k.error
                FROM "Messages" m LEFT JOIN "MessageMarks" k ON k."messageId" = m.id
                WHERE m."fromMe" AND m.body NOT IN ('Oi', 'Eco') ORDER BY m.id""")
    )
    return [dict(row) for row in found.mappings()]


async def scalar(conn: AsyncConnection, query: str) -> Any:
    return (await conn.execute(text(query))).scalar_one()


async def test_a_message_is_stored_told_and_sent_to_the_address_they_wrote_from(
    conn: AsyncConnection,
) -> None:
    await conn.execute(
        text("""UPDATE "Contacts" SET "remoteJid" = '551190000000@c.us' WHERE id = 100""")
    )
    stored, send = await take(conn, ask())
    assert isinstance(stored, MessageStored)
    assert isinstance(send, MessageSend)
    (row,) = await ours(conn)
    assert (row["wid"], row["ack"], row["ticketId"], row["read"]) == (OURS, 0, 1000, True)
    assert row["createdAt"] == at(3)
    assert (stored.wid, stored.request_id, stored.from_me) == (OURS, "r1", True)
    assert stored.contact_id == 100
    assert (send.send_id, send.jid, send.body) == (OURS, "551190000000@c.us", "Pois não?")
    assert send.expires_at == at(3) + timedelta(hours=1)
    assert send.message_id == stored.message_id


async def test_a_ticket_may_be_named_even_when_it_is_closed(conn: AsyncConnection) -> None:
    await conn.execute(text("""UPDATE "Tickets" SET status = 'closed' WHERE id = 1000"""))
    (refused,) = await take(conn, ask())
    assert isinstance(refused, MessageRefused)
    assert (refused.reason, refused.request_id) == ("no-ticket", "r1")
    await take(conn, ask("r2", ticket_id=1000))
    assert [row["ticketId"] for row in await ours(conn)] == [1000]


async def test_a_number_in_its_other_spelling_finds_the_contacts_ticket(
    conn: AsyncConnection,
) -> None:
    number, otherwise = "5511990000000", "551190000000"
    number_of = text('UPDATE "Contacts" SET number = :number WHERE id = 100')
    await conn.execute(number_of, {"number": number})
    await take(conn, ask(chat=otherwise))
    assert [row["ticketId"] for row in await ours(conn)] == [1000]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"chat": "5500000000000"}, "no-ticket"),
        ({"ticket_id": 9999}, "no-ticket"),
        ({"ticket_id": 1001}, "other-chat"),
        ({"ticket_id": 1000, "whatsapp_id": 11}, "other-line"),
        ({"company_id": 2, "whatsapp_id": 20, "ticket_id": 1000}, "no-ticket"),
    ],
)
async def test_what_is_no_ticket_of_theirs_is_refused_with_a_reason(
    members: dict[str, Any], reason: str, conn: AsyncConnection
) -> None:
    await conn.execute(text("INSERT INTO \"Companies\" (id, name) VALUES (2, 'Outra')"))
    await conn.execute(
        text(
            """INSERT INTO "Whatsapps" (id, "companyId", name) VALUES (11, 1, 'B'), (20, 2, 'C')"""
        )
    )
    (refused,) = await take(conn, ask(**members))
    assert isinstance(refused, MessageRefused)
    assert refused.reason == reason
    assert await ours(conn) == []


async def test_a_private_note_is_stored_and_never_sent(conn: AsyncConnection) -> None:
    (stored,) = await take(conn, ask(is_private=True))
    assert isinstance(stored, MessageStored)
    (row,) = await ours(conn)
    assert row["wid"].startswith("PVT")
    assert (row["ack"], row["isPrivate"]) == (2, True)
    assert await scalar(conn, "SELECT count(*) FROM \"Sends\" WHERE chat <> 'chat'") == 0


async def test_media_and_quotes_go_along(conn: AsyncConnection) -> None:
    link = "https://m.example/a.png"
    _, send = await take(conn, ask(media_url=link, media_type="image", quoted_wid="S0", user_id=7))
    assert isinstance(send, MessageSend)
    assert (send.media_url, send.media_type, send.quoted_wid) == (link, "image", "S0")
    (row,) = await ours(conn)
    assert (row["mediaType"], row["mediaUrl"]) == ("image", link)
    quoted = await conn.execute(
        text("""SELECT q.wid FROM "Messages" m JOIN "Messages" q ON q.id = m."quotedMsgId"
                WHERE m.wid = :wid"""),
        {"wid": OURS},
    )
    assert quoted.scalar_one() == "S0"


async def test_messages_of_one_moment_keep_the_order_in_which_they_were_asked_for(
    conn: AsyncConnection,
) -> None:
    asks = [ask(f"r{n}", body=f"{n}", timestamp=None) for n in range(5)]
    await handlers.compose_messages(conn, asks)
    times = {row["body"]: row["createdAt"] for row in await ours(conn)}
    assert sorted(times, key=lambda body: times[body]) == ["0", "1", "2", "3", "4"]


async def test_a_repeated_request_has_the_same_answer_and_no_second_row(
    conn: AsyncConnection,
) -> None:
    once = answered_once(
        "messages", handlers.compose_messages, (MessageStored, MessageRefused, MessageSend)
    )
    first = [item.fact for item in await once(conn, [ask(), ask()]) if isinstance(item, Told)]
    again = [item.fact for item in await once(conn, [ask()]) if isinstance(item, Told)]
    assert first == [*again, *again]
    assert len(await ours(conn)) == 1


async def test_a_request_is_known_by_its_send_even_after_its_answer_was_forgotten(
    conn: AsyncConnection,
) -> None:
    await take(conn, ask(), sent())
    (refused,) = await take(conn, ask())
    assert isinstance(refused, MessageRefused)
    assert refused.reason == "duplicate"
    assert [row["wid"] for row in await ours(conn)] == ["W1"]


async def test_an_answer_gives_the_row_the_gateways_name_and_the_ack(conn: AsyncConnection) -> None:
    await take(conn, ask())
    (updated,) = await take(conn, sent())
    assert isinstance(updated, MessageUpdated)
    assert (updated.wid, updated.ack, updated.changes) == ("W1", 1, ("ack",))
    (refused,) = await take(conn, echo())
    assert isinstance(refused, MessageRefused)
    await take(conn, acked(3))
    assert [(row["wid"], row["ack"]) for row in await ours(conn)] == [("W1", 3)]


async def test_a_failure_says_why_and_not_knowing_says_nothing_yet(conn: AsyncConnection) -> None:
    await take(conn, ask(), failed("unknown"))
    assert [row["ack"] for row in await ours(conn)] == [0]
    assert await scalar(conn, "SELECT status FROM \"Sends\" WHERE chat <> 'chat'") == "unknown"
    await take(conn, failed())
    (row,) = await ours(conn)
    assert (row["ack"], row["errorCode"], row["error"]) == (-1, "131026", "Message undeliverable")


async def test_an_ack_that_brings_our_send_id_makes_up_for_a_lost_answer(
    conn: AsyncConnection,
) -> None:
    await take(conn, ask(), failed("unknown"), acked(2, "wamid.1", send_id=OURS))
    assert [(row["wid"], row["ack"]) for row in await ours(conn)] == [("wamid.1", 2)]
    assert await scalar(conn, "SELECT status FROM \"Sends\" WHERE chat <> 'chat'") == "sent"


async def test_an_ack_with_somebody_elses_id_is_an_ack_like_any_other(
    conn: AsyncConnection,
) -> None:
    await take(conn, acked(2, "wamid.1", send_id="theirs"))
    assert await scalar(conn, "SELECT count(*) FROM \"Sends\" WHERE chat <> 'chat'") == 0
    assert await scalar(conn, 'SELECT count(*) FROM "AwaitedChanges"') == 1


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_answer_echo_acks_and_reactions_end_alike_in_whatever_order(
    order: Sequence[int], conn: AsyncConnection
) -> None:
    await take(conn, ask())
    reaction = MessageReacted(
        company_id=1, whatsapp_id=10, chat=CHAT, wid="W1", timestamp=at(6), emoji="👍"
    )
    events: list[Event] = [sent(), echo(), acked(3), reaction]
    await take(conn, *(events[number] for number in order))
    assert [(row["wid"], row["ack"]) for row in await ours(conn)] == [("W1", 3)]
    reactions = await conn.execute(
        text('SELECT m.wid, r.emoji FROM "Reactions" r JOIN "Messages" m ON m.id = r."messageId"')
    )
    assert [tuple(row) for row in reactions] == [("W1", "👍")]
    assert await scalar(conn, 'SELECT count(*) FROM "AwaitedChanges"') == 0


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_a_failure_that_was_overtaken_by_the_delivery_is_told_in_whatever_order(
    order: Sequence[int], conn: AsyncConnection
) -> None:
    await take(conn, ask())
    events: list[Event] = [sent(), echo(), acked(-1, error_code="7", error="x"), acked(2)]
    await take(conn, *(events[number] for number in order))
    assert [(r["wid"], r["ack"], r["errorCode"]) for r in await ours(conn)] == [("W1", 2, "7")]


async def test_a_customers_quote_of_an_echo_is_a_quote_of_ours(conn: AsyncConnection) -> None:
    reply = routed("Q1", chat=CHAT, body="Eco", quoted_wid="W1")
    facts = await take(conn, ask(), echo(), reply, sent())
    absorbed = [fact for fact in facts if isinstance(fact, MessageRefused)]
    assert [(fact.wid, fact.reason, fact.ticket_id) for fact in absorbed] == [
        ("W1", "absorbed", 1000)
    ]
    quoted = await conn.execute(
        text("""SELECT q.wid, q.id FROM "Messages" m JOIN "Messages" q ON q.id = m."quotedMsgId"
                WHERE m.wid = 'Q1'""")
    )
    stored = next(fact for fact in facts if isinstance(fact, MessageStored))
    assert [tuple(row) for row in quoted] == [("W1", stored.message_id)]


async def test_a_gateway_that_names_two_sends_alike_makes_no_message_vanish(
    conn: AsyncConnection,
) -> None:
    other = wid_in_advance(1, 10, "r2")
    await take(conn, ask(), ask("r2"), sent("W1"))
    savepoint = await conn.begin_nested()
    with pytest.raises(Exception, match="uq_"):
        await take(conn, sent("W1", send_id=other))
    await savepoint.rollback()
    assert len(await ours(conn)) == 2


async def test_a_campaigns_send_has_no_row_and_its_echo_and_acks_make_none(
    conn: AsyncConnection,
) -> None:
    await take(conn, acked(2, "C1"), sent("C1", send_id="campaign:7:55"), acked(3, "C1"))
    (refused,) = await take(conn, echo("C1"))
    assert isinstance(refused, MessageRefused)
    assert refused.reason == "duplicate"
    assert await ours(conn) == []
    assert await scalar(conn, 'SELECT count(*) FROM "AwaitedChanges"') == 0


async def test_our_message_from_the_telephone_is_a_row_as_ever(conn: AsyncConnection) -> None:
    await take(conn, ask(), sent(), echo("PHONE", body="do celular"))
    assert [row["wid"] for row in await ours(conn)] == ["W1", "PHONE"]
