"""Changes of messages that users ask for: the request, the gateway's result, row and answer."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.change_requests.handler import request_changes
from services.messages.changes.handler import change_messages
from services.messages.composing.handler import compose_messages
from services.messages.send_results.handler import save_send_results
from shared.contracts.base import Event
from shared.contracts.message import MessageRefused, MessageSend, MessageUpdated
from shared.contracts.message_change import MessageAcked, MessageChange, MessageReacted
from shared.contracts.message_request import (
    MessageChangeRequest,
    MessageCompose,
    MessageDelete,
    MessageEdit,
    MessageMarkRead,
    MessageReact,
)
from shared.contracts.outcome import Emit, Outcome
from shared.contracts.send_result import MessageFailed, MessageSent, SendResult
from shared.gateways.senders.outgoing import derive_wid
from tests.laws.test_handlers import open_world
from tests.support.build import at

pytestmark = pytest.mark.integration

CHAT = "5511990000000"  # of contact 100, whose ticket is 1000
THEIRS, OURS = "S0", "P0"  # messages of ticket 1000
ABOUT = {"company_id": 1, "whatsapp_id": 10, "chat": CHAT}


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    """Yield a transaction on a company with a line, contacts and tickets; it is rolled back."""
    async with open_world(world_url) as connection:
        yield connection


def ask(
    kind: type[MessageChangeRequest], wid: str | None, request_id: str = "r1", **members: Any
) -> Any:
    given = {**ABOUT, "request_id": request_id, "wid": wid, "timestamp": at(3)}
    return kind.model_validate(given | members)


def sent(request_id: str = "r1", seconds: float = 4, **members: Any) -> MessageSent:
    given = {**ABOUT, "send_id": derive_wid(1, 10, request_id), "timestamp": at(seconds)}
    return MessageSent.model_validate(given | members)


def failed(error_class: str, request_id: str = "r1") -> MessageFailed:
    given = {**ABOUT, "send_id": derive_wid(1, 10, request_id), "timestamp": at(4)}
    reason = {"error_class": error_class, "error_code": "http-400", "error": "no"}
    return MessageFailed.model_validate(given | reason)


async def apply(conn: AsyncConnection, *events: Event) -> list[Any]:
    """Pass each event to its handler, in batches of one; return the facts."""
    outcome: Outcome = []
    for event in events:
        if isinstance(event, MessageChange):
            outcome += await change_messages(conn, [event])
        elif isinstance(event, SendResult):
            outcome += await save_send_results(conn, [event])
        elif isinstance(event, MessageCompose):
            outcome += await compose_messages(conn, [event])
        elif isinstance(event, MessageChangeRequest):
            outcome += await request_changes(conn, [event])
    assert all(isinstance(item, Emit) for item in outcome)
    return [item.fact for item in outcome if isinstance(item, Emit)]


async def load(conn: AsyncConnection, wid: str) -> dict[str, Any]:
    rows = await conn.execute(
        text("""SELECT m.id, m.body, m."isEdited", m."isDeleted", m.read,
                       (SELECT r.emoji FROM "Reactions" r
                        WHERE r."messageId" = m.id AND r.author = '') AS emoji
                FROM "Messages" m WHERE m.wid = :wid"""),
        {"wid": wid},
    )
    return dict(rows.mappings().one())


@pytest.mark.parametrize(
    ("request_", "wid", "changed", "changes"),
    [
        (ask(MessageReact, THEIRS, emoji="👍"), THEIRS, {"emoji": "👍"}, ("reactions",)),
        (ask(MessageEdit, OURS, body="melhor"), OURS, {"body": "melhor", "isEdited": True},
         ("body",)),
        (ask(MessageDelete, OURS), OURS, {"isDeleted": True}, ("deleted",)),
        (ask(MessageMarkRead, THEIRS), THEIRS, {"read": True}, ("read",)),
    ],
    ids=["react", "edit", "delete", "markRead"],
)  # fmt: skip
async def test_the_row_changes_once_and_only_when_the_gateway_has_done_it(
    request_: MessageChangeRequest,
    wid: str,
    changed: dict[str, Any],
    changes: tuple[str, ...],
    conn: AsyncConnection,
) -> None:
    before = await load(conn, wid)
    (send,) = await apply(conn, request_)
    assert isinstance(send, MessageSend)
    assert send.change
    assert (send.change.kind, send.change.wid) == (request_.type.rpartition(".")[2], wid)
    assert await load(conn, wid) == before
    (updated,) = await apply(conn, sent())
    assert isinstance(updated, MessageUpdated)
    assert (updated.wid, updated.request_id, updated.changes) == (wid, "r1", changes)
    assert await load(conn, wid) == before | changed
    assert await apply(conn, sent(seconds=9)) == []


async def test_of_two_changes_at_once_each_answer_names_its_own(conn: AsyncConnection) -> None:
    await apply(conn, ask(MessageReact, THEIRS, emoji="👍"), ask(MessageMarkRead, THEIRS, "r2"))
    for results in ([sent("r1"), sent("r2")], [sent("r1", 5), sent("r2", 5)]):
        outcome = await save_send_results(conn, results)
        facts = [item.fact for item in outcome if isinstance(item, Emit)]
        found = {f.request_id: f.changes for f in facts if isinstance(f, MessageUpdated)}
        assert found in ({"r1": ("reactions",), "r2": ("read",)}, {})


async def test_an_earlier_edit_that_is_reported_again_does_not_come_back(
    conn: AsyncConnection,
) -> None:
    first, second = (ask(MessageEdit, OURS, name, body=name) for name in ("r1", "r2"))
    await apply(conn, first, second, sent("r1", 4), sent("r2", 5), sent("r1", 6))
    assert (await load(conn, OURS))["body"] == "r2"


async def test_an_empty_emoji_removes_our_reaction(conn: AsyncConnection) -> None:
    await apply(conn, ask(MessageReact, THEIRS, emoji="👍"), sent())
    await apply(conn, ask(MessageReact, THEIRS, "r2"), sent("r2", 5))
    assert (await load(conn, THEIRS))["emoji"] == ""


async def test_the_echo_of_our_reaction_is_no_second_change(conn: AsyncConnection) -> None:
    await apply(conn, ask(MessageReact, THEIRS, emoji="👍"), sent())
    echo = MessageReacted(**ABOUT, wid=THEIRS, timestamp=at(8), emoji="👍", from_me=True)
    assert await apply(conn, echo) == []


async def test_acks_of_a_reaction_do_not_wait_for_a_message(conn: AsyncConnection) -> None:
    await apply(conn, ask(MessageReact, THEIRS, emoji="👍"), sent(wid="R9"))
    await apply(conn, MessageAcked(**ABOUT, wid="R9", timestamp=at(8), ack=2))
    waiting = await conn.execute(text('SELECT count(*) FROM "AwaitedChanges"'))
    assert waiting.scalar_one() == 0


@pytest.mark.parametrize(
    ("error_class", "reason"), [("final_recipient", "not-sent"), ("unknown", "unknown")]
)
async def test_what_the_gateway_did_not_do_is_refused_with_its_error(
    error_class: str, reason: str, conn: AsyncConnection
) -> None:
    before = await load(conn, OURS)
    (refused,) = (await apply(conn, ask(MessageDelete, OURS), failed(error_class)))[1:]
    assert isinstance(refused, MessageRefused)
    assert (refused.reason, refused.request_id) == (reason, "r1")
    assert (refused.error_code, refused.error) == ("http-400", "no")
    assert await load(conn, OURS) == before
    assert await apply(conn, failed(error_class)) == []
    (updated,) = await apply(conn, sent(seconds=6))
    assert isinstance(updated, MessageUpdated)
    assert updated.is_deleted


async def test_a_message_may_be_named_by_its_id_or_by_its_first_wid(conn: AsyncConnection) -> None:
    composed = MessageCompose(**ABOUT, request_id="c1", body="Oi", timestamp=at(1))
    stored, send, *_ = await apply(conn, composed)
    given = MessageSent(**ABOUT, send_id=send.send_id, timestamp=at(2), wid="W1")
    await apply(conn, given)
    by_id = ask(MessageEdit, None, message_id=stored.message_id, body="A")
    for request in (by_id, ask(MessageEdit, send.send_id, "r2", body="B")):
        (change,) = await apply(conn, request)
        assert change.change.wid == "W1"


async def test_a_message_may_be_edited_before_its_gateway_has_named_it(
    conn: AsyncConnection,
) -> None:
    composed = MessageCompose(**ABOUT, request_id="c1", body="Oi", timestamp=at(1))
    _, send = await apply(conn, composed)
    await apply(conn, ask(MessageEdit, send.send_id, body="melhor"))
    given = MessageSent(**ABOUT, send_id=send.send_id, timestamp=at(2), wid="W1")
    outcome = await save_send_results(conn, [given, sent()])
    facts = [item.fact for item in outcome if isinstance(item, Emit)]
    updated = [fact for fact in facts if isinstance(fact, MessageUpdated)]
    assert [(fact.request_id, fact.wid) for fact in updated] == [("r1", "W1")]
    assert len(facts) == 1
    assert (await load(conn, "W1"))["body"] == "melhor"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (ask(MessageReact, "nothing", emoji="👍"), "no-message"),
        (ask(MessageReact, "S1", emoji="👍"), "other-chat"),
        (ask(MessageEdit, THEIRS, body="x"), "not-ours"),
        (ask(MessageDelete, THEIRS), "not-ours"),
        (ask(MessageMarkRead, OURS), "ours"),
        (ask(MessageReact, "note", emoji="👍"), "private-note"),
        (ask(MessageEdit, "gone", body="x"), "deleted"),
        (ask(MessageDelete, "unsent"), "not-sent"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_change_that_is_not_possible_is_refused_by_name(
    request_: MessageChangeRequest, reason: str, conn: AsyncConnection
) -> None:
    await conn.execute(
        text("""INSERT INTO "Messages" ("companyId", "whatsappId", "ticketId", wid, body, "fromMe",
                                        "isPrivate", "isDeleted", ack)
                VALUES (1, 10, 1000, 'note', 'Oi', TRUE, TRUE, FALSE, 2),
                       (1, 10, 1000, 'gone', 'Oi', TRUE, FALSE, TRUE, 2),
                       (1, 10, 1000, 'unsent', 'Oi', TRUE, FALSE, FALSE, -1)""")
    )
    (refused,) = await apply(conn, request_)
    assert isinstance(refused, MessageRefused)
    assert (refused.reason, refused.request_id) == (reason, "r1")


async def test_metas_gateway_cannot_edit_or_delete(conn: AsyncConnection) -> None:
    await conn.execute(text("""UPDATE "GatewayConnections" SET gateway = 'cloud-api'"""))
    for request in (ask(MessageEdit, OURS, body="x"), ask(MessageDelete, OURS, "r2")):
        (refused,) = await apply(conn, request)
        assert refused.reason == "gateway-cannot"
    (send,) = await apply(conn, ask(MessageReact, THEIRS, "r3", emoji="👍"))
    assert isinstance(send, MessageSend)


async def test_another_companys_message_is_not_found(conn: AsyncConnection) -> None:
    await conn.execute(text("INSERT INTO \"Companies\" (id, name) VALUES (2, 'Outra')"))
    line = """INSERT INTO "Whatsapps" (id, "companyId", name) VALUES (20, 2, 'C')"""
    await conn.execute(text(line))
    (refused,) = await apply(conn, ask(MessageDelete, OURS, company_id=2, whatsapp_id=20))
    assert refused.reason == "no-message"


async def test_the_window_of_a_chat_is_that_of_the_customers_last_message_on_the_line(
    conn: AsyncConnection,
) -> None:
    await conn.execute(text("""UPDATE "GatewayConnections" SET gateway = 'cloud-api'"""))
    composed = MessageCompose(**ABOUT, request_id="c1", body="Oi", timestamp=at(1))
    (refused,) = await apply(conn, composed)
    assert refused.reason == "outside-window"
    age = text("""UPDATE "Messages" SET "createdAt" = now() - CAST(:age AS interval)
                  WHERE wid = :wid""")
    for wid, hours, is_open in ((OURS, 1, False), (THEIRS, 24, False), (THEIRS, 23, True)):
        await conn.execute(age, {"wid": wid, "age": timedelta(hours=hours)})
        request = composed.model_copy(update={"request_id": f"{wid}{hours}"})
        fact, *_ = await apply(conn, request)
        assert (fact.type == "message.stored") == is_open, (wid, hours)
