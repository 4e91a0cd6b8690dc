"""Acks, edits, deletions, reactions, reads: whatever their order, the rows are the same."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages import handlers
from services.messages.rules import changes as changing
from services.messages.store import changes
from shared.contracts.base import Event
from shared.contracts.message import MessageRouted, MessageUpdated
from shared.contracts.message_change import (
    MessageAcked,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessageReacted,
    MessageRead,
)
from shared.contracts.outcome import Dead, Outcome, Told
from tests.laws.test_handlers import world
from tests.support.build import at, routed

pytestmark = pytest.mark.integration

KEPT = timedelta(hours=72)
ROWS = """
SELECT m.wid, m.ack, m.body, m."isEdited", m."isDeleted", m.read, k."editedAt", k."errorCode",
       k.error, (SELECT array_agg((r.author, r.emoji, r."reactedAt") ORDER BY r.author)
                 FROM "Reactions" r WHERE r."messageId" = m.id) AS reactions
FROM "Messages" m LEFT JOIN "MessageMarks" k ON k."messageId" = m.id
WHERE m.wid LIKE 'A%' ORDER BY m.wid
"""


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    """Give a transaction on a company with a line, contacts and tickets; it is taken back."""
    async with world(world_url) as connection:
        yield connection


def of(wid: str = "A1", minutes: float = 0, **members: object) -> dict[str, Any]:
    given = {"company_id": 1, "whatsapp_id": 10, "chat": "5511900000001", "wid": wid}
    return {**given, "timestamp": at(minutes), **members}


def acked(ack: int, wid: str = "A1", **members: object) -> MessageAcked:
    return MessageAcked(**of(wid), ack=ack, **members)


async def take(conn: AsyncConnection, *events: Event) -> Outcome:
    """Hand each event to its handler, as the corridor does, in batches of one kind."""
    outcome: Outcome = []
    for event in events:
        if isinstance(event, MessageRouted):
            outcome += await handlers.store_messages(conn, [event], "chatia")
        elif isinstance(event, MessageChange):
            outcome += await handlers.change_messages(conn, [event], "chatia")
    return outcome


async def rows(conn: AsyncConnection) -> list[dict[str, Any]]:
    return [dict(row) for row in (await conn.execute(text(ROWS))).mappings()]


async def row(conn: AsyncConnection) -> dict[str, Any]:
    (found,) = await rows(conn)
    return found


@pytest.mark.parametrize(
    ("acks", "left"),
    [
        ((1, 3, 2), 3),
        ((3, -1), 3),
        ((-1, 1), -1),
        ((-1, 0), -1),
        ((-1, 2), 2),
        ((2, -1), 2),
        ((4, 1), 4),
    ],
)
async def test_acks_only_grow_and_a_failure_stays_unless_the_message_arrived(
    conn: AsyncConnection, acks: Sequence[int], left: int
) -> None:
    await take(conn, routed("A1", from_me=True, sender_id=None), *map(acked, acks))
    assert (await row(conn))["ack"] == left


async def test_a_failure_keeps_the_providers_reason(conn: AsyncConnection) -> None:
    failure = acked(-1, error_code="131047", error="Re-engagement message")
    await take(conn, routed("A1", from_me=True, sender_id=None), failure)
    found = await row(conn)
    assert (found["errorCode"], found["error"]) == ("131047", "Re-engagement message")


async def test_of_two_edits_the_later_one_stands(conn: AsyncConnection) -> None:
    late = MessageEdited(**of(minutes=9), body="a third try")
    early = MessageEdited(**of(minutes=3), body="a second try")
    await take(conn, routed("A1"), late, early)
    found = await row(conn)
    assert (found["body"], found["isEdited"], found["editedAt"]) == ("a third try", True, at(9))


async def test_a_deleted_message_keeps_its_words_unless_the_company_wants_them_forgotten(
    conn: AsyncConnection,
) -> None:
    await take(conn, routed("A1"), MessageDeleted(**of(minutes=1)))
    found = await row(conn)
    assert (found["isDeleted"], found["body"]) == (True, "Oi")


async def test_deleted_words_are_forgotten_where_the_law_is_followed_so_even_if_edited_late(
    conn: AsyncConnection,
) -> None:
    await follow_the_law(conn)
    edit = MessageEdited(**of(minutes=2), body="other words")
    await take(conn, routed("A1"), MessageDeleted(**of(minutes=1)), edit)
    assert (await row(conn))["body"] == ""


async def test_a_reaction_that_was_taken_back_does_not_come_again(conn: AsyncConnection) -> None:
    taken_back = MessageReacted(**of(minutes=2))
    late = MessageReacted(**of(minutes=1), emoji="👍")
    await take(conn, routed("A1"), taken_back, late)
    assert [r[1] for r in (await row(conn))["reactions"]] == [""]


async def test_each_author_has_a_reaction_of_his_own(conn: AsyncConnection) -> None:
    group = [MessageReacted(**of(), emoji="👍", participant=f"551190000000{n}") for n in range(3)]
    ours = MessageReacted(**of(), emoji="🙏", from_me=True)
    await take(conn, routed("A1"), *group, ours)
    assert len((await row(conn))["reactions"]) == 4


async def test_what_comes_before_its_message_waits_and_is_told_with_it(
    conn: AsyncConnection,
) -> None:
    edit = MessageEdited(**of(minutes=3), body="better words")
    assert await take(conn, edit, edit, acked(3)) == []
    outcome = await take(conn, routed("A1"))
    (told,) = [i.fact for i in outcome if isinstance(i, Told) and i.fact.type == "message.updated"]
    assert isinstance(told, MessageUpdated)
    assert (told.ack, told.is_edited, set(told.changes)) == (3, True, {"ack", "body"})
    assert (await row(conn))["body"] == "better words"
    assert await waiting(conn) == 0


async def test_what_waits_although_its_message_is_here_is_applied_by_the_timer(
    conn: AsyncConnection,
) -> None:
    await take(conn, routed("A1", from_me=True, sender_id=None))
    missed = changing.change({(1, 10)}, {}, [acked(3)])  # as if the message were not seen yet
    await changes.wait(conn, missed.awaited)
    (fact,) = await handlers.settle_waiting(conn, "chatia", KEPT)
    assert isinstance(fact, MessageUpdated)
    assert (fact.ack, (await row(conn))["ack"]) == (3, 3)


async def test_an_early_edit_of_somebody_elses_words_is_a_dead_letter_when_they_arrive(
    conn: AsyncConnection,
) -> None:
    forged = MessageEdited(**of(), body="forged", from_me=False)
    await take(conn, forged, routed("A1", from_me=True, sender_id=None))
    assert (await row(conn))["body"] != "forged"
    letters = (await conn.execute(text('SELECT * FROM "DeadLetters"'))).mappings().all()
    assert [(x["reason"], x["companyId"]) for x in letters] == [("not-the-author", 1)]
    assert MessageEdited.model_validate_json(letters[0]["body"]) == forged


async def test_what_waits_too_long_is_a_dead_letter_that_can_be_replayed(
    conn: AsyncConnection,
) -> None:
    await take(conn, acked(3, "A9"))
    await conn.execute(text('UPDATE "AwaitedChanges" SET "createdAt" = now() - interval \'73 h\''))
    assert await handlers.settle_waiting(conn, "chatia", KEPT) == []
    letters = (await conn.execute(text('SELECT * FROM "DeadLetters"'))).mappings().all()
    assert [(x["topic"], x["reason"], x["companyId"]) for x in letters] == [
        ("chatia.message.changed", "unknown-message", 1)
    ]
    assert letters[0]["headers"] == [["ce_type", "chatia.message.acked.v1"]]
    assert MessageAcked.model_validate_json(letters[0]["body"]) == acked(3, "A9")
    assert await waiting(conn) == 0


async def test_a_change_on_a_line_that_is_not_there_is_given_up(conn: AsyncConnection) -> None:
    (dead,) = await take(conn, acked(3).model_copy(update={"whatsapp_id": 99}))
    assert isinstance(dead, Dead)
    assert dead.reason == "unknown-line"


def history(random: Random) -> list[Event]:
    """Draw three messages and what happens to them, with times that may be equal."""
    events: list[Event] = []
    for n in range(3):
        wid = f"A{n}"
        events.append(routed(wid, from_me=n == 0, sender_id=None if n == 0 else 100))
        for _ in range(random.randint(1, 5)):
            here = of(wid, random.randint(0, 3))
            events.append(
                random.choice(
                    [
                        MessageAcked(**here, ack=random.randint(-1, 4), error_code="7", error="x"),
                        MessageEdited(**here, body=random.choice(["one", "two", "três"])),
                        MessageReacted(**here, emoji=random.choice(["", "👍", "🙏"])),
                        MessageReacted(**here, emoji="👀", from_me=True),
                        MessageDeleted(**here),
                        MessageRead(**here),
                    ]
                )
            )
    return events


@pytest.mark.parametrize("forgets", [False, True])
async def test_shuffled_and_doubled_changes_end_in_the_same_rows(
    conn: AsyncConnection, forgets: bool, shuffles: int
) -> None:
    if forgets:
        await follow_the_law(conn)
    for seed in range(shuffles):
        random = Random(seed)
        events = history(random)
        mixed = [*events, *random.sample(events, len(events) // 2)]
        random.shuffle(mixed)
        ends = []
        for order in (events, mixed):
            async with conn.begin_nested() as attempt:
                await take(conn, *order)
                ends.append(await rows(conn))
                await attempt.rollback()
        assert ends[0] == ends[1], seed


async def waiting(conn: AsyncConnection) -> int:
    found = await conn.execute(text('SELECT count(*) FROM "AwaitedChanges"'))
    return int(found.scalar_one())


async def follow_the_law(conn: AsyncConnection) -> None:
    needed = (
        "hoursCloseTicketsAuto", "chatBotType", "acceptCallWhatsapp", "userRandom",
        "sendGreetingMessageOneQueues", "sendSignMessage", "sendFarewellWaitingTicket",
        "userRating", "sendGreetingAccepted", "CheckMsgIsGroup", "sendQueuePosition",
        "scheduleType", "acceptAudioMessageContact", "enableLGPD", "requiredTag",
        "lgpdDeleteMessage", "lgpdHideNumber", "lgpdConsent",
    )  # fmt: skip
    names = ", ".join(f'"{name}"' for name in needed)
    values = ", ".join("'enabled'" for _ in needed)
    sql = f'INSERT INTO "CompaniesSettings" ("companyId", {names}) VALUES (1, {values})'  # noqa: S608
    await conn.execute(text(sql))
