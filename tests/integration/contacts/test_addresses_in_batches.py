"""Links, changes and messages of a few people: the same rows however they are cut into batches."""

from collections.abc import Sequence
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.support.address_events import (
    Event,
    apply_batch,
    by_id,
    by_lid,
    by_number,
    cut_by_handler,
    link,
    move,
)
from tests.support.build import at

pytestmark = pytest.mark.integration

NUMBERS = ("5511977000001", "551177000001", "5511977000002", "5511977000003")
LIDS, USER_IDS = ("971@lid", "972@lid"), ("BR.1a", "BR.2b", "BR.3c")
EVENTS_OF_A_HISTORY = 8

# A merged contact's own addresses are read by nobody: it counts which contact it is part of.
ROWS = {
    "contacts": """
SELECT m.id IS NOT NULL AS is_merged, r.number, r.lid, r.jid, r."remoteJid", r.name, r.active
FROM "Contacts" c LEFT JOIN "Contacts" m ON m.id = c."mergedIntoContactId"
JOIN "Contacts" r ON r.id = COALESCE(m.id, c.id)
WHERE c."companyId" = 1 AND c.id NOT BETWEEN 100 AND 199""",
    "BSUIDs": """
SELECT u.portfolio, u."userId", u."newUserId", u.number, u."numberAt",
       COALESCE(m.number, m."remoteJid", c.number, c."remoteJid") AS contact
FROM "BusinessUserIds" u
LEFT JOIN "Contacts" c ON c.id = u."contactId"
LEFT JOIN "Contacts" m ON m.id = c."mergedIntoContactId" """,
    "LIDs": 'SELECT lid, number, "numberAt" FROM "LidNumbers"',
    "changes": 'SELECT number, "newNumber", "changedAt" FROM "NumberChanges"',
}


async def play(conn: AsyncConnection, batches: Sequence[Sequence[Event]]) -> dict[str, list[str]]:
    """Apply batches, return all rows in one order, and undo everything."""
    async with conn.begin_nested() as savepoint:
        for batch in batches:
            await apply_batch(conn, batch)
        rows = {
            name: sorted(repr(tuple(row)) for row in await conn.execute(text(statement)))
            for name, statement in ROWS.items()
        }
        await savepoint.rollback()
    return rows


def build_history(random: Random) -> list[Event]:
    return [build_event(random, n) for n in range(EVENTS_OF_A_HISTORY)]


def build_event(random: Random, n: int) -> Event:
    """Return an event at one of six times, so that some are equal and some come late."""
    number, new_number = random.sample(NUMBERS, 2)
    user_id, new_user_id = random.sample(USER_IDS, 2)
    lid, minutes = random.choice(LIDS), random.randrange(6)
    moment = at(minutes)
    wid = f"M{n}"
    builders = (
        lambda: by_number(number, minutes, wid=wid),
        lambda: by_number(number, minutes, wid=wid, bsuid=user_id),
        lambda: by_id(user_id, minutes, wid=wid),
        lambda: by_lid(lid, minutes, wid=wid),
        lambda: link(timestamp=moment, number=number, lid=lid, bsuid=None),
        lambda: link(timestamp=moment, number=number, bsuid=user_id),
        lambda: link(timestamp=moment, number=None, lid=lid, bsuid=user_id),
        lambda: move(timestamp=moment, number=number, new_number=new_number),
        lambda: move(timestamp=moment, bsuid=user_id, new_number=new_number),
        lambda: move(timestamp=moment, bsuid=user_id, new_bsuid=new_user_id),
        lambda: move(timestamp=moment, number=number, new_number=new_number, bsuid=user_id),
    )
    return random.choice(builders)()


@pytest.mark.parametrize("seed", range(8))
async def test_one_batch_leaves_the_rows_that_single_events_leave(
    conn: AsyncConnection, seed: int
) -> None:
    random = Random(seed)
    for _ in range(15):
        # Sorted into two batches: messages, and links and changes before or after them.
        history = sorted(build_history(random), key=lambda event: event.topic)
        if random.random() < 0.5:
            history.reverse()
        single = await play(conn, [[event] for event in history])
        assert await play(conn, cut_by_handler(history)) == single, show(history)
        assert await play(conn, [[event, event] for event in history]) == single, show(history)


def show(history: Sequence[Event]) -> str:
    """Return a line per event with the members that matter here."""
    names = ("chat", "number", "new_number", "lid", "bsuid", "new_bsuid", "timestamp")
    return "\n".join(
        f"{event.type} "
        + " ".join(f"{name}={v}" for name in names if (v := getattr(event, name, None)))
        for event in history
    )
