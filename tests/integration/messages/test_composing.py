"""Messages that are asked for, their sends, and the results and echoes of these."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.changes.handler import change_messages
from services.messages.composing.handler import compose_messages
from services.messages.send_results.handler import save_send_results
from services.messages.storing.handler import store_messages
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
from shared.contracts.outcome import Emit, Outcome
from shared.contracts.send_result import MessageFailed, MessageSent, SendResult
from shared.delivery.batch.request_results import answer_once
from shared.gateways.senders.outgoing import derive_wid
from tests.laws.test_handlers import open_world
from tests.support.build import at, routed

pytestmark = pytest.mark.integration

CHAT = "5511990000000"  # of contact 100, whose ticket is 1000
OURS = derive_wid(1, 10, "r1")


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    """Yield a transaction on a company with a line, contacts and tickets; it is rolled back."""
    async with open_world(world_url) as connection:
        yield connection


def ask(request_id: str = "r1", **members: Any) -> MessageCompose:
    given = {
        "company_id": 1, "whatsapp_id": 10, "chat": CHAT, "request_id": request_id,
        "body": "Pois não?", "timestamp": at(3),
    }  # fmt: skip
    return MessageCompose.model_validate(given | members)


def of_result(**members: object) -> dict[str, Any]:
    given = {"company_id": 1, "whatsapp_id": 10, "chat": CHAT, "send_id": OURS}
    return {**given, "timestamp": at(4), **members}


def sent(wid: str | None = "W1", **members: object) -> MessageSent:
    return MessageSent(**of_result(wid=wid, **members))


def failed(error_class: str = "final_recipient", **members: object) -> MessageFailed:
    reason = {"error_code": "131026", "error": "Message undeliverable"}
    return MessageFailed(**of_result(error_class=error_class, **reason, **members))


def acked(ack: int, wid: str = "W1", **members: object) -> MessageAcked:
    about = {"company_id": 1, "whatsapp_id": 10, "chat": CHAT, "timestamp": at(5)}
    return MessageAcked(**about, wid=wid, ack=ack, **members)


def echo(wid: str = "W1", **members: object) -> MessageRouted:
    given: dict[str, object] = {
        "chat": CHAT, "from_me": True, "sender_id": None, "body": "Pois não?", "timestamp": at(4),
    }  # fmt: skip
    return routed(wid, **(given | members))


async def apply(conn: AsyncConnection, *events: Event) -> list[Event]:
    """Pass each event to its handler, in batches of one; return the facts."""
    outcome: Outcome = []
    for event in events:
        if isinstance(event, MessageRouted):
            outcome += await store_messages(conn, [event])
        elif isinstance(event, MessageChange):
            outcome += await change_messages(conn, [event])
        elif isinstance(event, SendResult):
            outcome += await save_send_results(conn, [event])
        elif isinstance(event, MessageCompose):
            outcome += await compose_messages(conn, [event])
    assert all(isinstance(item, Emit) for item in outcome)
    return [item.fact for item in outcome if isinstance(item, Emit)]


async def load_ours(conn: AsyncConnection) -> list[dict[str, Any]]:
    """Return the rows of our messages that a test has made."""
    rows = await conn.execute(
        text("""SELECT m.wid, m.ack, m.body, m."fromMe", m.read, m."ticketId", m."isPrivate",
                       m."mediaType", m."mediaUrl", m."createdAt", k."errorCode", k.error
                FROM "Messages" m LEFT JOIN "MessageMarks" k ON k."messageId" = m.id
                WHERE m."fromMe" AND m.body NOT IN ('Oi', 'Eco') ORDER BY m.id""")
    )
    return [dict(row) for row in rows.mappings()]


async def scalar(conn: AsyncConnection, query: str) -> Any:
    return (await conn.execute(text(query))).scalar_one()


async def test_a_message_is_stored_published_and_sent_to_the_contacts_last_address(
    conn: AsyncConnection,
) -> None:
    await conn.execute(
        text("""UPDATE "Contacts" SET "remoteJid" = '551190000000@c.us' WHERE id = 100""")
    )
    stored, send = await apply(conn, ask())
    assert isinstance(stored, MessageStored)
    assert isinstance(send, MessageSend)
    (row,) = await load_ours(conn)
    assert (row["wid"], row["ack"], row["ticketId"], row["read"]) == (OURS, 0, 1000, True)
    assert row["createdAt"] == at(3)
    assert (stored.wid, stored.request_id, stored.from_me) == (OURS, "r1", True)
    assert stored.contact_id == 100
    assert (send.send_id, send.jid, send.body) == (OURS, "551190000000@c.us", "Pois não?")
    assert send.expires_at == at(3) + timedelta(hours=1)
    assert send.message_id == stored.message_id


async def test_a_closed_ticket_may_be_named_by_its_id(conn: AsyncConnection) -> None:
    await conn.execute(text("""UPDATE "Tickets" SET status = 'closed' WHERE id = 1000"""))
    (refused,) = await apply(conn, ask())
    assert isinstance(refused, MessageRefused)
    assert (refused.reason, refused.request_id) == ("no-ticket", "r1")
    await apply(conn, ask("r2", ticket_id=1000))
    assert [row["ticketId"] for row in await load_ours(conn)] == [1000]


async def test_a_number_in_its_other_spelling_finds_the_contacts_ticket(
    conn: AsyncConnection,
) -> None:
    number, otherwise = "5511990000000", "551190000000"
    number_of = text('UPDATE "Contacts" SET number = :number WHERE id = 100')
    await conn.execute(number_of, {"number": number})
    await apply(conn, ask(chat=otherwise))
    assert [row["ticketId"] for row in await load_ours(conn)] == [1000]


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
async def test_a_ticket_that_is_not_of_the_chat_is_refused_with_a_reason(
    members: dict[str, Any], reason: str, conn: AsyncConnection
) -> None:
    await conn.execute(text("INSERT INTO \"Companies\" (id, name) VALUES (2, 'Outra')"))
    await conn.execute(
        text(
            """INSERT INTO "Whatsapps" (id, "companyId", name) VALUES (11, 1, 'B'), (20, 2, 'C')"""
        )
    )
    (refused,) = await apply(conn, ask(**members))
    assert isinstance(refused, MessageRefused)
    assert refused.reason == reason
    assert await load_ours(conn) == []


async def test_a_private_note_is_stored_and_never_sent(conn: AsyncConnection) -> None:
    (stored,) = await apply(conn, ask(is_private=True))
    assert isinstance(stored, MessageStored)
    (row,) = await load_ours(conn)
    assert row["wid"].startswith("PVT")
    assert (row["ack"], row["isPrivate"]) == (2, True)
    assert await scalar(conn, "SELECT count(*) FROM \"Sends\" WHERE chat <> 'chat'") == 0


async def test_media_and_quotes_are_sent_and_stored(conn: AsyncConnection) -> None:
    link = "https://m.example/a.png"
    _, send = await apply(conn, ask(media_url=link, media_type="image", quoted_wid="S0", user_id=7))
    assert isinstance(send, MessageSend)
    assert (send.media_url, send.media_type, send.quoted_wid) == (link, "image", "S0")
    (row,) = await load_ours(conn)
    assert (row["mediaType"], row["mediaUrl"]) == ("image", link)
    quoted = await conn.execute(
        text("""SELECT q.wid FROM "Messages" m JOIN "Messages" q ON q.id = m."quotedMsgId"
                WHERE m.wid = :wid"""),
        {"wid": OURS},
    )
    assert quoted.scalar_one() == "S0"


async def test_messages_of_one_moment_keep_the_order_of_their_requests(
    conn: AsyncConnection,
) -> None:
    asks = [ask(f"r{n}", body=f"{n}", timestamp=None) for n in range(5)]
    await compose_messages(conn, asks)
    times = {row["body"]: row["createdAt"] for row in await load_ours(conn)}
    assert sorted(times, key=lambda body: times[body]) == ["0", "1", "2", "3", "4"]


async def test_a_repeated_request_has_the_same_answer_and_no_second_row(
    conn: AsyncConnection,
) -> None:
    once = answer_once("messages", compose_messages, (MessageStored, MessageRefused, MessageSend))
    first = [item.fact for item in await once(conn, [ask(), ask()]) if isinstance(item, Emit)]
    again = [item.fact for item in await once(conn, [ask()]) if isinstance(item, Emit)]
    assert first == [*again, *again]
    assert len(await load_ours(conn)) == 1


async def test_a_repeated_request_is_found_by_its_send_after_its_answer_was_deleted(
    conn: AsyncConnection,
) -> None:
    await apply(conn, ask(), sent())
    (refused,) = await apply(conn, ask())
    assert isinstance(refused, MessageRefused)
    assert refused.reason == "duplicate"
    assert [row["wid"] for row in await load_ours(conn)] == ["W1"]


async def test_a_send_result_gives_the_row_the_gateways_wid_and_the_ack(
    conn: AsyncConnection,
) -> None:
    await apply(conn, ask())
    (updated,) = await apply(conn, sent())
    assert isinstance(updated, MessageUpdated)
    assert (updated.wid, updated.ack, updated.changes) == ("W1", 1, ("ack",))
    (refused,) = await apply(conn, echo())
    assert isinstance(refused, MessageRefused)
    await apply(conn, acked(3))
    assert [(row["wid"], row["ack"]) for row in await load_ours(conn)] == [("W1", 3)]


async def test_a_failure_has_a_reason_and_an_unknown_result_changes_no_ack(
    conn: AsyncConnection,
) -> None:
    await apply(conn, ask(), failed("unknown"))
    assert [row["ack"] for row in await load_ours(conn)] == [0]
    assert await scalar(conn, "SELECT status FROM \"Sends\" WHERE chat <> 'chat'") == "unknown"
    await apply(conn, failed())
    (row,) = await load_ours(conn)
    assert (row["ack"], row["errorCode"], row["error"]) == (-1, "131026", "Message undeliverable")


async def test_an_ack_with_our_send_id_replaces_a_lost_result(
    conn: AsyncConnection,
) -> None:
    await apply(conn, ask(), failed("unknown"), acked(2, "wamid.1", send_id=OURS))
    assert [(row["wid"], row["ack"]) for row in await load_ours(conn)] == [("wamid.1", 2)]
    assert await scalar(conn, "SELECT status FROM \"Sends\" WHERE chat <> 'chat'") == "sent"


async def test_an_ack_with_a_foreign_send_id_is_an_ack_like_any_other(
    conn: AsyncConnection,
) -> None:
    await apply(conn, acked(2, "wamid.1", send_id="theirs"))
    assert await scalar(conn, "SELECT count(*) FROM \"Sends\" WHERE chat <> 'chat'") == 0
    assert await scalar(conn, 'SELECT count(*) FROM "AwaitedChanges"') == 1


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_result_echo_acks_and_reactions_give_the_same_rows_in_any_order(
    order: Sequence[int], conn: AsyncConnection
) -> None:
    await apply(conn, ask())
    reaction = MessageReacted(
        company_id=1, whatsapp_id=10, chat=CHAT, wid="W1", timestamp=at(6), emoji="👍"
    )
    events: list[Event] = [sent(), echo(), acked(3), reaction]
    await apply(conn, *(events[number] for number in order))
    assert [(row["wid"], row["ack"]) for row in await load_ours(conn)] == [("W1", 3)]
    reactions = await conn.execute(
        text('SELECT m.wid, r.emoji FROM "Reactions" r JOIN "Messages" m ON m.id = r."messageId"')
    )
    assert [tuple(row) for row in reactions] == [("W1", "👍")]
    assert await scalar(conn, 'SELECT count(*) FROM "AwaitedChanges"') == 0


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_a_failure_overtaken_by_the_delivery_is_kept_as_reason_in_any_order(
    order: Sequence[int], conn: AsyncConnection
) -> None:
    await apply(conn, ask())
    events: list[Event] = [sent(), echo(), acked(-1, error_code="7", error="x"), acked(2)]
    await apply(conn, *(events[number] for number in order))
    assert [(r["wid"], r["ack"], r["errorCode"]) for r in await load_ours(conn)] == [("W1", 2, "7")]


async def test_a_quote_of_an_absorbed_echo_is_a_quote_of_our_row(conn: AsyncConnection) -> None:
    reply = routed("Q1", chat=CHAT, body="Eco", quoted_wid="W1")
    facts = await apply(conn, ask(), echo(), reply, sent())
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


async def test_one_wid_for_two_sends_loses_no_message(
    conn: AsyncConnection,
) -> None:
    other = derive_wid(1, 10, "r2")
    await apply(conn, ask(), ask("r2"), sent("W1"))
    savepoint = await conn.begin_nested()
    with pytest.raises(Exception, match="uq_"):
        await apply(conn, sent("W1", send_id=other))
    await savepoint.rollback()
    assert len(await load_ours(conn)) == 2


async def test_a_campaigns_send_has_no_row_and_its_echo_and_acks_make_none(
    conn: AsyncConnection,
) -> None:
    await apply(conn, acked(2, "C1"), sent("C1", send_id="campaign:7:55"), acked(3, "C1"))
    (refused,) = await apply(conn, echo("C1"))
    assert isinstance(refused, MessageRefused)
    assert refused.reason == "duplicate"
    assert await load_ours(conn) == []
    assert await scalar(conn, 'SELECT count(*) FROM "AwaitedChanges"') == 0


async def test_our_message_from_the_phone_is_a_row(conn: AsyncConnection) -> None:
    await apply(conn, ask(), sent(), echo("PHONE", body="do celular"))
    assert [row["wid"] for row in await load_ours(conn)] == ["W1", "PHONE"]
