"""Acks, edits, deletions, reactions and reads give the same rows in any order."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.changes import awaited_changes, rules
from services.messages.changes.handler import apply_waiting_changes, change_messages
from services.messages.domain.keys import LineKey
from services.messages.storing.handler import store_messages
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
from shared.contracts.outcome import Emit, Outcome, Reject, RejectWaiting
from shared.delivery.dead_letters.store import DeadLetter, build_waiting_dead_letter
from tests.laws.test_handlers import open_world
from tests.support.build import at, routed

pytestmark = pytest.mark.integration

KEPT = timedelta(hours=72)
ROWS = """
SELECT m.wid, m.ack, m.body, m."dataJson", m."isEdited", m."isDeleted", m.read, k."editedAt",
       k."errorCode", k.error,
       (SELECT array_agg((r.author, r.emoji, r."reactedAt") ORDER BY r.author)
        FROM "Reactions" r WHERE r."messageId" = m.id) AS reactions
FROM "Messages" m LEFT JOIN "MessageMarks" k ON k."messageId" = m.id
WHERE m.wid LIKE 'A%' ORDER BY m.wid
"""


@pytest_asyncio.fixture
async def conn(world_url: str) -> AsyncIterator[AsyncConnection]:
    """Yield a transaction on a company with a line, contacts and tickets; it is rolled back."""
    async with open_world(world_url) as connection:
        yield connection


def of(wid: str = "A1", minutes: float = 0, **members: object) -> dict[str, Any]:
    given = {"company_id": 1, "whatsapp_id": 10, "chat": "5511900000001", "wid": wid}
    return {**given, "timestamp": at(minutes), **members}


def acked(ack: int, wid: str = "A1", **members: object) -> MessageAcked:
    return MessageAcked(**of(wid), ack=ack, **members)


async def apply(conn: AsyncConnection, *events: Event) -> Outcome:
    """Pass each event to its handler, in batches of one."""
    outcome: Outcome = []
    for event in events:
        if isinstance(event, MessageRouted):
            outcome += await store_messages(conn, [event])
        elif isinstance(event, MessageChange):
            outcome += await change_messages(conn, [event])
    return outcome


def build_dead_letters(outcome: Iterable[object]) -> list[DeadLetter]:
    """Build the dead letters of rejected changes that waited, as delivery does."""
    rejects = [item for item in outcome if isinstance(item, RejectWaiting)]
    return [build_waiting_dead_letter(item, "chatia") for item in rejects]


async def load_rows(conn: AsyncConnection) -> list[dict[str, Any]]:
    return [dict(row) for row in (await conn.execute(text(ROWS))).mappings()]


async def load_row(conn: AsyncConnection) -> dict[str, Any]:
    (row,) = await load_rows(conn)
    return row


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
    await apply(conn, routed("A1", from_me=True, sender_id=None), *map(acked, acks))
    assert (await load_row(conn))["ack"] == left


async def test_a_failure_keeps_the_providers_reason(conn: AsyncConnection) -> None:
    failure = acked(-1, error_code="131047", error="Re-engagement message")
    await apply(conn, routed("A1", from_me=True, sender_id=None), failure)
    row = await load_row(conn)
    assert (row["errorCode"], row["error"]) == ("131047", "Re-engagement message")


async def test_of_two_edits_the_later_one_counts(conn: AsyncConnection) -> None:
    late = MessageEdited(**of(minutes=9), body="a third try")
    early = MessageEdited(**of(minutes=3), body="a second try")
    await apply(conn, routed("A1"), late, early)
    row = await load_row(conn)
    assert (row["body"], row["isEdited"], row["editedAt"]) == ("a third try", True, at(9))


async def test_a_deleted_message_keeps_its_text(
    conn: AsyncConnection,
) -> None:
    await apply(conn, routed("A1", data_json='{"text": "Oi"}'), MessageDeleted(**of(minutes=1)))
    row = await load_row(conn)
    assert (row["isDeleted"], row["body"]) == (True, "Oi")
    assert row["dataJson"] == '{"text": "Oi"}'


async def test_the_text_of_a_deleted_message_is_removed_under_lgpd_even_after_a_late_edit(
    conn: AsyncConnection,
) -> None:
    await enable_lgpd(conn)
    edit = MessageEdited(**of(minutes=2), body="other words")
    await apply(conn, routed("A1"), MessageDeleted(**of(minutes=1)), edit)
    assert (await load_row(conn))["body"] == ""


@pytest.mark.parametrize("is_early", [False, True])
async def test_under_lgpd_a_deleted_message_keeps_its_text_in_no_column(
    conn: AsyncConnection, is_early: bool
) -> None:
    await enable_lgpd(conn)
    message = routed("A1", data_json='{"text": "Oi"}')
    deletion = MessageDeleted(**of(minutes=1))
    await apply(conn, *((deletion, message) if is_early else (message, deletion)))
    row = await load_row(conn)
    assert (row["isDeleted"], row["body"], row["dataJson"]) == (True, "", None)


async def test_under_lgpd_a_message_that_is_not_deleted_keeps_its_data(
    conn: AsyncConnection,
) -> None:
    await enable_lgpd(conn)
    await apply(conn, routed("A1", data_json='{"text": "Oi"}'), acked(3))
    assert (await load_row(conn))["dataJson"] == '{"text": "Oi"}'


TRANSLATE = """
UPDATE "Messages" SET "translatedBody" = 'Hi', "originalLanguage" = 'pt' WHERE wid = 'A1'
"""
TRANSLATION = 'SELECT "translatedBody", "originalLanguage" FROM "Messages" WHERE wid = \'A1\''


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (acked(3), ("Hi", "pt")),
        (MessageDeleted(**of(minutes=1)), ("Hi", "pt")),
        (MessageEdited(**of(minutes=1), body="other words"), (None, None)),
    ],
    ids=["ack", "deletion", "edit"],
)
async def test_a_translation_stays_as_long_as_its_text(
    conn: AsyncConnection, change: MessageChange, left: tuple[str | None, str | None]
) -> None:
    await apply(conn, routed("A1"))
    await conn.execute(text(TRANSLATE))
    await apply(conn, change)
    assert (await conn.execute(text(TRANSLATION))).one() == left


async def test_under_lgpd_a_deleted_message_keeps_no_translation(conn: AsyncConnection) -> None:
    await enable_lgpd(conn)
    await apply(conn, routed("A1", body=""))
    await conn.execute(text(TRANSLATE))
    await apply(conn, MessageDeleted(**of(minutes=1)))
    assert (await conn.execute(text(TRANSLATION))).one() == (None, None)


async def test_a_removed_reaction_does_not_come_back(conn: AsyncConnection) -> None:
    removed = MessageReacted(**of(minutes=2))
    late = MessageReacted(**of(minutes=1), emoji="👍")
    await apply(conn, routed("A1"), removed, late)
    assert [r[1] for r in (await load_row(conn))["reactions"]] == [""]


async def test_each_author_has_one_reaction(conn: AsyncConnection) -> None:
    group = [MessageReacted(**of(), emoji="👍", participant=f"551190000000{n}") for n in range(3)]
    ours = MessageReacted(**of(), emoji="🙏", from_me=True)
    await apply(conn, routed("A1"), *group, ours)
    assert len((await load_row(conn))["reactions"]) == 4


async def test_changes_before_their_message_are_applied_and_published_with_it(
    conn: AsyncConnection,
) -> None:
    edit = MessageEdited(**of(minutes=3), body="better words")
    assert await apply(conn, edit, edit, acked(3)) == []
    outcome = await apply(conn, routed("A1"))
    facts = [item.fact for item in outcome if isinstance(item, Emit)]
    (updated,) = [fact for fact in facts if fact.type == "message.updated"]
    assert isinstance(updated, MessageUpdated)
    assert (updated.ack, updated.is_edited, set(updated.changes)) == (3, True, {"ack", "body"})
    assert (await load_row(conn))["body"] == "better words"
    assert await count_early(conn) == 0


async def test_a_saved_change_whose_message_is_stored_is_applied_by_the_timer(
    conn: AsyncConnection,
) -> None:
    await apply(conn, routed("A1", from_me=True, sender_id=None))
    missed = rules.plan_changes({LineKey(1, 10)}, {}, [acked(3)])  # as if not stored yet
    await awaited_changes.save_early(conn, missed.early)
    (fact,) = await apply_waiting_changes(conn, KEPT)
    assert isinstance(fact, MessageUpdated)
    assert (fact.ack, (await load_row(conn))["ack"]) == (3, 3)


async def test_an_early_edit_by_another_author_is_a_dead_letter_when_its_message_arrives(
    conn: AsyncConnection,
) -> None:
    forged = MessageEdited(**of(), body="forged", from_me=False)
    outcome = await apply(conn, forged, routed("A1", from_me=True, sender_id=None))
    assert (await load_row(conn))["body"] != "forged"
    (dead_letter,) = build_dead_letters(outcome)
    assert (dead_letter.reason, dead_letter.company_id) == ("not-the-author", 1)
    assert MessageEdited.model_validate_json(dead_letter.body or b"") == forged


async def test_changes_of_a_message_that_retention_has_deleted_end_as_dead_letters(
    conn: AsyncConnection,
) -> None:
    await apply(conn, routed("A1"))
    await conn.execute(text("DELETE FROM \"Messages\" WHERE wid = 'A1'"))
    late = [
        acked(3),
        MessageEdited(**of(), body="nova"),
        MessageReacted(**of(), emoji="👍"),
        MessageDeleted(**of()),
    ]
    for change in late:
        await apply(conn, change)
    await conn.execute(text('UPDATE "AwaitedChanges" SET "createdAt" = now() - interval \'73 h\''))
    dead_letters = build_dead_letters(await apply_waiting_changes(conn, KEPT))
    assert [each.reason for each in dead_letters] == ["unknown-message"] * len(late)
    assert await apply_waiting_changes(conn, KEPT) == []


async def test_a_change_that_waits_too_long_is_a_dead_letter_that_can_be_replayed(
    conn: AsyncConnection,
) -> None:
    await apply(conn, acked(3, "A9"))
    await conn.execute(text('UPDATE "AwaitedChanges" SET "createdAt" = now() - interval \'73 h\''))
    outcome = await apply_waiting_changes(conn, KEPT)
    (dead_letter,) = build_dead_letters(outcome)
    assert len(outcome) == 1
    assert (dead_letter.topic, dead_letter.reason, dead_letter.company_id) == (
        "chatia.message.changed", "unknown-message", 1,
    )  # fmt: skip
    assert json.loads(dead_letter.headers) == [["ce_type", "chatia.message.acked.v1"]]
    assert MessageAcked.model_validate_json(dead_letter.body or b"") == acked(3, "A9")
    assert await count_early(conn) == 0


async def test_a_change_on_an_unknown_line_is_rejected(conn: AsyncConnection) -> None:
    (reject,) = await apply(conn, acked(3).model_copy(update={"whatsapp_id": 99}))
    assert isinstance(reject, Reject)
    assert reject.reason == "unknown-line"


def draw_history(random: Random) -> list[Event]:
    """Draw three messages and changes of them, with times that may be equal."""
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


@pytest.mark.parametrize("with_lgpd", [False, True])
async def test_shuffled_and_repeated_changes_give_the_same_rows(
    conn: AsyncConnection, with_lgpd: bool, shuffles: int
) -> None:
    if with_lgpd:
        await enable_lgpd(conn)
    for seed in range(shuffles):
        random = Random(seed)
        events = draw_history(random)
        mixed = [*events, *random.sample(events, len(events) // 2)]
        random.shuffle(mixed)
        ends = []
        for order in (events, mixed):
            async with conn.begin_nested() as attempt:
                await apply(conn, *order)
                ends.append(await load_rows(conn))
                await attempt.rollback()
        assert ends[0] == ends[1], seed


async def count_early(conn: AsyncConnection) -> int:
    rows = await conn.execute(text('SELECT count(*) FROM "AwaitedChanges"'))
    return int(rows.scalar_one())


async def enable_lgpd(conn: AsyncConnection) -> None:
    needed = (
        "hoursCloseTicketsAuto", "chatBotType", "acceptCallWhatsapp", "userRandom",
        "sendGreetingMessageOneQueues", "sendSignMessage", "sendFarewellWaitingTicket",
        "userRating", "sendGreetingAccepted", "CheckMsgIsGroup", "sendQueuePosition",
        "scheduleType", "acceptAudioMessageContact", "enableLGPD", "requiredTag",
        "lgpdDeleteMessage", "lgpdHideNumber", "lgpdConsent",
    )  # fmt: skip
    names = ", ".join(f'"{name}"' for name in needed)
    values = ", ".join("'enabled'" for _ in needed)
    sql = f'INSERT INTO "CompaniesSettings" ("companyId", {names}) VALUES (1, {values})'  # noqa: S608 - of constants
    await conn.execute(text(sql))
