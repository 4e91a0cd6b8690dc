"""Messages that cannot be shown, and their contents, give the same rows in any order."""

from collections.abc import AsyncIterator, Sequence
from itertools import permutations
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.changes.handler import change_messages
from services.messages.send_results.handler import save_send_results
from services.messages.storing.handler import store_messages
from shared.contracts.base import Event
from shared.contracts.message import MessageRefused, MessageRouted, MessageUpdated
from shared.contracts.message_change import (
    MessageAcked,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageRead,
)
from shared.contracts.outcome import Emit
from shared.contracts.send_result import MessageSent
from tests.laws.test_handlers import open_world
from tests.support.build import NOON, at, routed

pytestmark = pytest.mark.integration

ROWS = text("""
SELECT m.wid, m.body, m."mediaType", m."mediaUrl", m."dataJson", m."isForwarded", m."isEdited",
       m."isDeleted", m.read, m.ack, m."fromMe", m."ticketId", m."contactId", m."createdAt",
       q.wid AS quoted, ARRAY(SELECT emoji FROM "Reactions" r WHERE r."messageId" = m.id) AS emoji,
       ARRAY(SELECT a.wid FROM "AwaitedQuotes" a WHERE a."messageId" = m.id) AS awaited
FROM "Messages" m LEFT JOIN "Messages" q ON q.id = m."quotedMsgId"
WHERE m.wid LIKE 'A%' ORDER BY m.wid
""")
HIDDEN = routed("A1", media_type="undecryptable", body="", quoted_wid="Q9", is_forwarded=True)
CONTENT = routed(
    "A1", body="Quero dois", media_type="image", media_url="https://m.example/1.jpg",
    data_json="{}", quoted_wid="S1",
)  # fmt: skip
ABOUT: dict[str, Any] = {
    "company_id": 1, "whatsapp_id": 10, "chat": "5511900000001", "wid": "A1", "timestamp": at(1),
}  # fmt: skip
EDIT = MessageEdited(**ABOUT, body="Quero três")
ACK = MessageAcked(**ABOUT, ack=3)
DELETION = MessageDeleted(**ABOUT)
READ = MessageRead(**ABOUT)
REACTION = MessageReacted(**ABOUT, emoji="👍")


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    """Yield a transaction on a company with a line, contacts and tickets; it is rolled back."""
    async with open_world(world_url) as connection:
        yield connection


async def apply(conn: AsyncConnection, *events: Event) -> list[Event]:
    """Pass each event to its handler, in batches of one; return the facts."""
    facts: list[Event] = []
    for event in events:
        if isinstance(event, MessageRouted):
            outcome = await store_messages(conn, [event])
        elif isinstance(event, MessageChange):
            outcome = await change_messages(conn, [event])
        else:
            assert isinstance(event, MessageSent)
            outcome = await save_send_results(conn, [event])
        facts += [item.fact for item in outcome if isinstance(item, Emit)]
    return facts


async def load_rows(conn: AsyncConnection) -> list[dict[str, Any]]:
    return [dict(row) for row in (await conn.execute(ROWS)).mappings()]


async def load_row(conn: AsyncConnection) -> dict[str, Any]:
    (row,) = await load_rows(conn)
    return row


async def forget_deleted_texts(conn: AsyncConnection) -> None:
    """Set the company's two switches that remove the texts of deleted messages (LGPD)."""
    switches = {
        name: "enabled" if name in {"enableLGPD", "lgpdDeleteMessage"} else "disabled"
        for name in (
            "hoursCloseTicketsAuto", "chatBotType", "acceptCallWhatsapp", "userRandom",
            "sendGreetingMessageOneQueues", "sendSignMessage", "sendFarewellWaitingTicket",
            "userRating", "sendGreetingAccepted", "CheckMsgIsGroup", "sendQueuePosition",
            "scheduleType", "acceptAudioMessageContact", "enableLGPD", "requiredTag",
            "lgpdDeleteMessage", "lgpdHideNumber", "lgpdConsent",
        )
    }  # fmt: skip
    names = ", ".join(f'"{name}"' for name in switches)
    values = ", ".join(f"'{value}'" for value in switches.values())
    insert = f'INSERT INTO "CompaniesSettings" ("companyId", {names}) VALUES (1, {values})'  # noqa: S608 - the test's own
    await conn.execute(text(insert))


@pytest.mark.parametrize(
    ("language", "beginning"),
    [
        ("pt-BR", "Mensagem que não pôde"),
        ("pt", "Mensagem que não pôde"),
        ("en", "Message that could not"),
        ("en-US", "Message that could not"),
        ("es", "Mensaje que no se pudo"),
        ("tr", "Mensagem que não pôde"),
        ("", "Mensagem que não pôde"),
    ],
)
async def test_a_placeholder_has_a_text_in_the_language_of_the_companys_first_user(
    conn: AsyncConnection, language: str, beginning: str
) -> None:
    await conn.execute(text("UPDATE \"Users\" SET language = 'fr'"))
    await conn.execute(text('UPDATE "Users" SET language = :l WHERE id = 5'), {"l": language})
    await apply(conn, HIDDEN)
    row = await load_row(conn)
    assert row["body"].startswith(beginning)
    assert (row["mediaType"], row["contactId"], row["ticketId"]) == ("undecryptable", 100, 1000)
    assert (row["createdAt"], row["ack"], row["read"]) == (NOON, 2, False)


async def test_a_company_without_users_reads_placeholders_in_portuguese(
    conn: AsyncConnection,
) -> None:
    await conn.execute(text('DELETE FROM "Users"'))
    await apply(conn, HIDDEN)
    assert (await load_row(conn))["body"].startswith("Mensagem que não pôde")


async def test_each_kind_of_placeholder_says_what_is_hidden_and_other_texts_stay_as_they_are(
    conn: AsyncConnection,
) -> None:
    kinds = ("unsupported", "undecryptable", "view_once", "image", "conversation")
    batch = [routed(f"A{n}", media_type=kind, body="") for n, kind in enumerate(kinds)]
    batch.append(routed("A9", media_type="view_once", body="legenda"))
    await store_messages(conn, batch)
    bodies = [row["body"] for row in await load_rows(conn)]
    assert [body[:20] for body in bodies] == [
        "Mensagem que este ca", "Mensagem que não pôd", "Mensagem de visualiz", "", "", "legenda",
    ]  # fmt: skip


async def test_the_content_replaces_the_placeholder_and_leaves_the_rest_of_the_row(
    conn: AsyncConnection,
) -> None:
    before = await apply(conn, HIDDEN)
    later = CONTENT.model_copy(
        update={"ticket_id": 1001, "contact_id": 101, "sender_id": 101, "timestamp": at(9)}
    )
    (fact,) = await apply(conn, later)
    assert [event.type for event in before] == ["message.stored"]
    assert isinstance(fact, MessageUpdated)
    assert (fact.changes, fact.ticket_id, fact.opened_ticket_id) == (
        ("body", "content"),
        1000,
        None,
    )
    assert (fact.ack, fact.is_edited, fact.is_deleted, fact.read) == (2, False, False, False)
    row = await load_row(conn)
    assert {name: row[name] for name in ("body", "mediaType", "mediaUrl", "dataJson")} == {
        "body": "Quero dois",
        "mediaType": "image",
        "mediaUrl": "https://m.example/1.jpg",
        "dataJson": "{}",
    }
    assert (row["quoted"], row["awaited"], row["isForwarded"]) == ("S1", [], False)
    assert (row["ticketId"], row["contactId"], row["createdAt"]) == (1000, 100, NOON)


async def test_a_content_waits_for_what_it_quotes(conn: AsyncConnection) -> None:
    await apply(conn, HIDDEN, CONTENT.model_copy(update={"quoted_wid": "A0"}))
    assert (await load_row(conn))["awaited"] == ["A0"]
    await apply(conn, routed("A0"))
    assert [row["quoted"] for row in await load_rows(conn)] == [None, "A0"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param([HIDDEN, CONTENT], CONTENT, id="the content again"),
        pytest.param([HIDDEN, CONTENT], routed("A1", body="Outro"), id="another content"),
        pytest.param([HIDDEN, CONTENT], HIDDEN, id="the placeholder again"),
        pytest.param([CONTENT], HIDDEN, id="a placeholder after its content"),
        pytest.param([CONTENT], routed("A1", body="Outro"), id="another content of a message"),
        pytest.param([HIDDEN], HIDDEN, id="a placeholder twice"),
        pytest.param([HIDDEN], routed("A1", media_type="view_once", body=""), id="of another kind"),
    ],
)
async def test_anything_else_under_the_wid_is_a_duplicate(
    conn: AsyncConnection, first: Sequence[Event], second: Event
) -> None:
    await apply(conn, *first)
    row = await load_row(conn)
    (fact,) = await apply(conn, second)
    assert isinstance(fact, MessageRefused)
    assert fact.reason == "duplicate"
    assert await load_row(conn) == row


@pytest.mark.parametrize(
    "events",
    [
        pytest.param((CONTENT, ACK), id="ack"),
        pytest.param((CONTENT, EDIT), id="edit"),
        pytest.param((CONTENT, DELETION), id="deletion"),
        pytest.param((CONTENT, EDIT, DELETION), id="edit and deletion"),
        pytest.param((CONTENT, EDIT, READ, REACTION), id="read and reaction"),
    ],
)
@pytest.mark.parametrize("forgets", [False, True])
async def test_in_any_order_a_placeholder_its_content_and_changes_give_the_row_of_the_content(
    conn: AsyncConnection, events: tuple[Event, ...], *, forgets: bool
) -> None:
    if forgets:
        await forget_deleted_texts(conn)
    before = await conn.begin_nested()
    await apply(conn, *events)
    expected = await load_row(conn)
    await before.rollback()
    for order in permutations((*events, HIDDEN)):
        savepoint = await conn.begin_nested()
        await apply(conn, *order)
        assert await load_row(conn) == expected, [type(event).__name__ for event in order]
        await savepoint.rollback()


async def test_a_deleted_placeholder_stays_deleted_when_its_content_comes(
    conn: AsyncConnection,
) -> None:
    *_, fact = await apply(conn, HIDDEN, DELETION, CONTENT)
    assert isinstance(fact, MessageUpdated)
    assert (fact.is_deleted, fact.changes) == (True, ("body", "content"))
    assert (await load_row(conn))["isDeleted"]


async def test_under_lgpd_the_content_of_a_deleted_placeholder_leaves_no_text(
    conn: AsyncConnection,
) -> None:
    await forget_deleted_texts(conn)
    await apply(conn, HIDDEN, DELETION, CONTENT)
    row = await load_row(conn)
    assert (row["body"], row["dataJson"], row["mediaType"]) == ("", None, "image")


@pytest.mark.parametrize(("events", "left"), [((HIDDEN,), None), ((HIDDEN, EDIT), "Hi")])
async def test_the_translation_of_a_placeholders_text_goes_with_that_text(
    conn: AsyncConnection, events: tuple[Event, ...], left: str | None
) -> None:
    await apply(conn, *events)
    await conn.execute(text("UPDATE \"Messages\" SET \"translatedBody\" = 'Hi' WHERE wid = 'A1'"))
    await apply(conn, CONTENT)
    translated = 'SELECT "translatedBody" FROM "Messages" WHERE wid = \'A1\''
    assert await conn.scalar(text(translated)) == left


async def test_an_edited_placeholder_keeps_the_edited_text_and_gets_the_media_of_its_content(
    conn: AsyncConnection,
) -> None:
    *_, fact = await apply(conn, HIDDEN, EDIT, CONTENT)
    assert isinstance(fact, MessageUpdated)
    assert (fact.is_edited, fact.changes) == (True, ("content",))
    row = await load_row(conn)
    assert (row["body"], row["mediaType"]) == ("Quero três", "image")


@pytest.mark.parametrize("batch", list(permutations((HIDDEN, CONTENT, routed("A2")))))
async def test_a_placeholder_and_its_content_of_one_batch_are_one_row(
    conn: AsyncConnection, batch: tuple[MessageRouted, ...]
) -> None:
    outcome = await store_messages(conn, batch)
    first, _ = await load_rows(conn)
    assert (first["body"], first["mediaType"], first["quoted"]) == ("Quero dois", "image", "S1")
    types = sorted(item.fact.type for item in outcome if isinstance(item, Emit))
    is_first = batch.index(HIDDEN) < batch.index(CONTENT)
    third = "message.updated" if is_first else "message.refused"
    assert types == sorted(["message.stored", "message.stored", third])


async def test_early_changes_and_the_content_of_one_batch_are_published(
    conn: AsyncConnection,
) -> None:
    await apply(conn, EDIT)
    outcome = await store_messages(conn, [HIDDEN, CONTENT])
    updates = [item.fact for item in outcome if isinstance(item, Emit)]
    changes = [fact.changes for fact in updates if isinstance(fact, MessageUpdated)]
    assert sorted(changes) == [("body",), ("content",)]


async def test_the_other_side_cannot_put_a_text_into_our_placeholder(
    conn: AsyncConnection,
) -> None:
    ours = HIDDEN.model_copy(update={"from_me": True, "sender_id": None})
    *_, fact = await apply(conn, ours, CONTENT)
    assert isinstance(fact, MessageRefused)
    assert (await load_row(conn))["mediaType"] == "undecryptable"
    await apply(conn, CONTENT.model_copy(update={"from_me": True, "sender_id": None}))
    assert (await load_row(conn))["body"] == "Quero dois"


async def test_the_same_wid_in_another_company_or_line_is_another_message(
    conn: AsyncConnection,
) -> None:
    await conn.execute(
        text('INSERT INTO "Whatsapps" (id, "companyId", name) VALUES (11, 1, \'Outra\')')
    )
    await apply(conn, HIDDEN, CONTENT.model_copy(update={"whatsapp_id": 11}))
    assert sorted(row["mediaType"] for row in await load_rows(conn)) == ["image", "undecryptable"]


SEND = "UPDATE \"Messages\" SET wid = 'P1', \"mediaType\" = 'conversation' WHERE wid = 'P1'"
ECHO = routed("P1", from_me=True, sender_id=None, media_type="undecryptable", body="")


async def load_send(conn: AsyncConnection, wid: str) -> tuple[Any, ...]:
    query = text('SELECT body, "mediaType", "fromMe" FROM "Messages" WHERE wid = :wid')
    (row,) = (await conn.execute(query, {"wid": wid})).all()
    return tuple(row)


async def test_a_placeholder_of_our_own_send_changes_nothing(conn: AsyncConnection) -> None:
    await conn.execute(text(SEND))
    content = ECHO.model_copy(update={"media_type": "image", "body": "Outro"})
    facts = await apply(conn, ECHO, content)
    assert [fact.type for fact in facts] == ["message.refused", "message.refused"]
    assert await load_send(conn, "P1") == ("Oi", "conversation", True)


async def test_a_send_that_a_user_calls_unsupported_is_no_placeholder(
    conn: AsyncConnection,
) -> None:
    await conn.execute(text(SEND.replace("'conversation'", "'unsupported'")))
    await apply(conn, ECHO.model_copy(update={"media_type": "image", "body": "Outro"}))
    assert await load_send(conn, "P1") == ("Oi", "unsupported", True)


@pytest.mark.parametrize("comes_with_content", [False, True])
async def test_a_send_absorbs_the_placeholder_of_its_echo_and_keeps_its_text(
    conn: AsyncConnection, *, comes_with_content: bool
) -> None:
    echo = ECHO.model_copy(update={"wid": "PW1"})
    content = echo.model_copy(update={"media_type": "conversation", "body": "Oi"})
    sent = MessageSent(**(ABOUT | {"wid": "PW1", "send_id": "P1"}))
    await apply(conn, echo, *([content] if comes_with_content else []), sent, content)
    assert (await load_send(conn, "PW1"))[::2] == ("Oi", True)
