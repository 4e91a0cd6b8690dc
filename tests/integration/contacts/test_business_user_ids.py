"""A number and its BSUID are one contact, in whatever order they become known."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import permutations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.contacts.identifying.handler import identify_messages
from services.contacts.linking.handler import link_contacts
from shared.contracts.contact import ContactMove, ContactMoved
from shared.contracts.message import MessageIdentified, MessageReceived
from shared.contracts.outcome import Emit
from tests.laws.statement_counts import record_statements
from tests.support.address_events import (
    ID,
    NEW,
    NEXT_ID,
    OLD,
    THIRD,
    Event,
    apply,
    apply_at_once,
    by_both,
    by_id,
    by_lid,
    by_number,
    link,
    link_lid,
    move,
)
from tests.support.build import at, received

pytestmark = pytest.mark.integration

Play = Callable[..., Awaitable[list[object]]]


async def find(conn: AsyncConnection, *messages: MessageReceived) -> list[int]:
    """Return the contacts of messages."""
    facts = await apply(conn, *messages)
    return [fact.contact_id for fact in facts if isinstance(fact, MessageIdentified)]


async def read_contacts(conn: AsyncConnection, company_id: int = 1) -> list[tuple[object, ...]]:
    """Return number, JID and name of the contacts of the tests that are not merged."""
    rows = await conn.execute(
        text(
            'SELECT number, jid, "remoteJid", name FROM "Contacts" WHERE "companyId" = :company '
            'AND id NOT BETWEEN 100 AND 199 AND "mergedIntoContactId" IS NULL ORDER BY number, id'
        ),
        {"company": company_id},
    )
    return [tuple(row) for row in rows]


async def read_changes(conn: AsyncConnection) -> list[tuple[object, ...]]:
    """Return the reported changes of the numbers as written in the tests, the first one first."""
    rows = await conn.execute(
        text(
            'SELECT number, "newNumber", "changedAt" FROM "NumberChanges" '
            'WHERE number = ANY(:numbers) ORDER BY "changedAt", number'
        ),
        {"numbers": [OLD, NEW, THIRD]},
    )
    return [tuple(row) for row in rows]


ONE = [(OLD, f"{OLD}@s.whatsapp.net", f"{OLD}@s.whatsapp.net", "Maria")]
MOVED = [(NEW, f"{NEW}@s.whatsapp.net", f"{NEW}@s.whatsapp.net", "Maria")]


BATCHES = pytest.mark.parametrize("play", [apply, apply_at_once])


@BATCHES
@pytest.mark.parametrize(
    "events",
    [
        *permutations([by_number(), by_id(), by_both()]),
        *permutations([by_number(), by_id(), link()]),
        *permutations([by_id(minutes=1), by_id(minutes=3), by_both(), link()]),
    ],
    ids=lambda events: ",".join(type(e).__name__[0] + getattr(e, "wid", "") for e in events),
)
async def test_number_and_bsuid_are_one_contact_in_every_order(
    conn: AsyncConnection, events: Sequence[Event], play: Play
) -> None:
    await play(conn, *events)
    assert await read_contacts(conn) == ONE
    number, user_id = await find(conn, by_number(minutes=6), by_id(minutes=7))
    assert number == user_id


@BATCHES
@pytest.mark.parametrize(
    "events",
    [*permutations([by_number(), by_both(), move(number=OLD, new_number=NEW), by_number(NEW, 8)])],
    ids=lambda events: ",".join(type(e).__name__[7] + getattr(e, "wid", "") for e in events),
)
async def test_a_changed_number_is_one_contact_unless_both_numbers_came_before_the_change(
    conn: AsyncConnection, events: Sequence[Event], play: Play
) -> None:
    await play(conn, *events)
    numbers = [row[0] for row in await read_contacts(conn)]
    change = next(n for n, event in enumerate(events) if isinstance(event, ContactMove))
    before = {e.chat for e in events[:change] if isinstance(e, MessageReceived)}
    if before == {OLD, NEW}:  # two contacts with numbers are never merged
        assert numbers == [OLD, NEW]
    else:
        assert await read_contacts(conn) == MOVED
    by_user_id, by_new = await find(conn, by_id(minutes=9), by_number(NEW, 10))
    assert by_user_id == by_new


@BATCHES
@pytest.mark.parametrize(
    "events",
    [*permutations([by_id(), by_both(), move(bsuid=ID, new_bsuid=NEXT_ID), by_id(NEXT_ID, 8)])],
    ids=lambda events: ",".join(type(e).__name__[7] + getattr(e, "wid", "") for e in events),
)
async def test_a_replaced_bsuid_finds_the_contact_in_every_order(
    conn: AsyncConnection, events: Sequence[Event], play: Play
) -> None:
    await play(conn, *events)
    assert await read_contacts(conn) == ONE
    assert len(set(await find(conn, by_id(minutes=9), by_id(NEXT_ID, 10), by_number(OLD, 11)))) == 1


@BATCHES
@pytest.mark.parametrize("events", [*permutations([by_id(), move(bsuid=ID, new_bsuid=NEXT_ID)])])
async def test_a_replaced_bsuid_without_a_number_finds_the_contact(
    conn: AsyncConnection, events: Sequence[Event], play: Play
) -> None:
    await play(conn, *events)
    assert await read_contacts(conn) == [(None, None, NEXT_ID, "Maria")]
    first, second = await find(conn, by_id(minutes=9), by_id(NEXT_ID, 10))
    assert first == second


@pytest.mark.parametrize("both_at_once", [True, False])
async def test_the_number_and_the_bsuid_change_together(
    conn: AsyncConnection, both_at_once: bool
) -> None:
    changes = [move(number=OLD, new_number=NEW, bsuid=ID, new_bsuid=NEXT_ID)]
    if not both_at_once:
        changes = [
            move(number=OLD, bsuid=ID, new_bsuid=NEXT_ID),
            move(bsuid=NEXT_ID, new_number=NEW),
        ]
    await apply(conn, by_both(), *changes)
    assert await read_contacts(conn) == MOVED
    assert len(set(await find(conn, by_id(), by_id(NEXT_ID, 8), by_number(NEW, 9)))) == 1


async def test_replies_go_to_the_bsuid_that_replaced_another(conn: AsyncConnection) -> None:
    unnamed = by_id(push_name=None)
    await apply(conn, unnamed, move(bsuid=ID, new_bsuid=NEXT_ID), by_id(minutes=9, push_name=None))
    assert await read_contacts(conn) == [(None, None, NEXT_ID, NEXT_ID)]


async def test_a_change_that_two_lines_report_by_bsuid_is_one_change(conn: AsyncConnection) -> None:
    change = move(bsuid=ID, new_number=NEW)
    await apply(conn, by_both(), change, move(bsuid=ID, new_number=NEW, whatsapp_id=11))
    assert await read_changes(conn) == [(OLD, NEW, at(5))]
    assert await read_contacts(conn) == MOVED


async def test_two_contacts_exchange_their_numbers_in_one_batch(conn: AsyncConnection) -> None:
    await apply(conn, by_number(push_name="Ana"), by_number(NEW, 1, push_name="Rui"))
    there = move(number=NEW, new_number=THIRD)
    await link_contacts(conn, [there, move(number=OLD, new_number=NEW, timestamp=at(6))])
    assert [(row[0], row[3]) for row in await read_contacts(conn)] == [(NEW, "Ana"), (THIRD, "Rui")]


@pytest.mark.parametrize("play", [apply, apply_at_once])
async def test_each_of_two_links_of_a_lid_gives_its_number(
    conn: AsyncConnection, play: Play
) -> None:
    links = link_lid(OLD, 2), link_lid(NEW, 6), link_lid(THIRD, 7)
    facts = await play(conn, by_number(), *links)
    assert [type(fact) for fact in facts].count(ContactMoved) == 2
    assert await read_changes(conn) == [(OLD, NEW, at(6)), (NEW, THIRD, at(7))]
    assert [row[0] for row in await read_contacts(conn)] == [THIRD]


@pytest.mark.parametrize("play", [apply, apply_at_once])
async def test_an_older_link_of_a_lid_gives_no_number_back(
    conn: AsyncConnection, play: Play
) -> None:
    await play(conn, by_number(), link_lid(OLD, 2), link_lid(NEW, 6), link_lid(OLD, 3))
    assert await read_contacts(conn) == MOVED
    by_new, by_their_lid = await find(conn, by_number(NEW, 8), by_lid(minutes=9))
    assert by_new == by_their_lid


async def test_a_lid_is_known_by_the_number_that_its_person_has_now(conn: AsyncConnection) -> None:
    await apply(conn, link_lid(OLD, 2), move(number=OLD, new_number=NEW))
    by_their_lid, by_new = await find(conn, by_lid(minutes=8), by_number(NEW, 9))
    assert by_their_lid == by_new
    assert [row[0] for row in await read_contacts(conn)] == [NEW]


@pytest.mark.parametrize("events", [*permutations([by_both(2), by_number(NEW, 4, bsuid=ID)])])
async def test_a_bsuid_belongs_to_the_contact_of_its_last_number(
    conn: AsyncConnection, events: Sequence[Event]
) -> None:
    await apply(conn, by_number(OLD), by_number(NEW, 1), *events)
    by_their_id, by_new = await find(conn, by_id(minutes=8), by_number(NEW, 9))
    assert by_their_id == by_new


async def test_a_change_is_known_by_both_spellings_of_the_number(conn: AsyncConnection) -> None:
    without_ninth_digit = "551177000001"
    await apply(conn, move(number=without_ninth_digit, new_number=NEW))
    first, second, by_new = await find(
        conn, by_number(OLD, 1), by_number(without_ninth_digit, 2), by_number(NEW, 9)
    )
    assert first == second == by_new


async def test_an_old_number_may_get_another_owner(conn: AsyncConnection) -> None:
    await apply(conn, by_number(), move(number=OLD, new_number=NEW))
    late, new_owner, moved = await find(
        conn, by_number(OLD, 1), by_number(OLD, 9), by_number(NEW, 9)
    )
    assert late == moved
    assert new_owner != moved


async def test_a_change_is_published_once_for_all_its_reports(
    conn: AsyncConnection,
) -> None:
    change = move(number=OLD, new_number=NEW)
    later = move(number=OLD, new_number=NEW, timestamp=at(6), whatsapp_id=11)
    facts = await apply(conn, by_number(), change, change, later)
    (moved,) = [fact for fact in facts if isinstance(fact, ContactMoved)]
    assert (moved.number, moved.new_number, moved.is_renamed) == (OLD, NEW, True)


async def test_a_new_number_that_another_contact_has_renames_nobody(conn: AsyncConnection) -> None:
    change = move(number=OLD, new_number=NEW)
    facts = await apply(conn, by_number(), by_number(NEW, 1), change)
    (moved,) = [fact for fact in facts if isinstance(fact, ContactMoved)]
    assert not moved.is_renamed
    assert [row[0] for row in await read_contacts(conn)] == [OLD, NEW]


async def test_each_change_there_and_back_is_published(
    conn: AsyncConnection,
) -> None:
    there = move(number=OLD, new_number=NEW)
    back = move(number=NEW, new_number=OLD, timestamp=at(6))
    again = move(number=OLD, new_number=NEW, timestamp=at(7))
    facts = await apply(conn, by_number(), there, back, again)
    assert len([fact for fact in facts if isinstance(fact, ContactMoved)]) == 3
    assert await read_contacts(conn) == MOVED


@pytest.mark.parametrize("is_in_order", [True, False])
async def test_two_changes_arrive_in_any_order(conn: AsyncConnection, is_in_order: bool) -> None:
    changes = [
        move(number=OLD, new_number=NEW),
        move(number=NEW, new_number=THIRD, timestamp=at(6)),
    ]
    await apply(conn, by_number(), *(changes if is_in_order else reversed(changes)))
    assert [row[0] for row in await read_contacts(conn)] == [THIRD]


async def test_a_lid_with_another_number_than_before_is_a_new_number(conn: AsyncConnection) -> None:
    facts = await apply(conn, by_number(), link_lid(OLD, 2), link_lid(NEW, 6))
    assert [type(fact) for fact in facts].count(ContactMoved) == 1
    assert await read_contacts(conn) == MOVED


async def test_two_lines_of_one_portfolio_share_a_bsuid(conn: AsyncConnection) -> None:
    await apply(conn, by_both())
    assert len(set(await find(conn, by_id(), by_id(whatsapp_id=11)))) == 1
    assert await read_contacts(conn) == ONE


async def test_a_bsuid_in_two_portfolios_is_two_people(conn: AsyncConnection) -> None:
    batch = [by_id(minutes=1), by_id(minutes=2, whatsapp_id=12)]
    outcome = await identify_messages(conn, batch)
    facts = [item.fact for item in outcome if isinstance(item, Emit)]
    contacts = [fact.contact_id for fact in facts if isinstance(fact, MessageIdentified)]
    assert len(set(contacts)) == 2
    assert await find(conn, by_id(minutes=3), by_id(minutes=4, whatsapp_id=12)) == contacts
    await apply(conn, by_both())
    ours, theirs = await find(conn, by_id(minutes=5), by_id(minutes=6, whatsapp_id=12))
    assert ours not in contacts[1:]
    assert theirs == contacts[1]


async def test_without_a_setting_the_portfolio_is_that_of_the_payload(
    conn: AsyncConnection,
) -> None:
    await conn.execute(text('UPDATE "GatewayConnections" SET portfolio = NULL'))
    one, same, other = await find(
        conn,
        by_id(minutes=1, portfolio="W1"),
        by_id(minutes=2, portfolio="W1", whatsapp_id=11),
        by_id(minutes=3, portfolio="W2"),
    )
    assert one == same
    assert other != one


async def test_without_any_portfolio_a_bsuid_belongs_to_its_line(conn: AsyncConnection) -> None:
    await conn.execute(text('UPDATE "GatewayConnections" SET portfolio = NULL'))
    assert len(set(await find(conn, by_id(minutes=1), by_id(minutes=2, whatsapp_id=11)))) == 2


async def test_a_bsuid_in_two_companies_is_two_people(conn: AsyncConnection) -> None:
    await apply(conn, by_both(), by_id(minutes=3, company_id=2, whatsapp_id=20))
    assert await read_contacts(conn) == ONE
    assert await read_contacts(conn, 2) == [(None, None, ID, "Maria")]
    await apply(conn, move(number=OLD, new_number=NEW))
    assert await read_contacts(conn, 2) == [(None, None, ID, "Maria")]


async def test_two_contacts_with_numbers_are_not_merged_by_a_bsuid(conn: AsyncConnection) -> None:
    await apply(conn, by_both(), by_number(NEW, 3), by_number(NEW, 4, bsuid=ID))
    assert [row[0] for row in await read_contacts(conn)] == [OLD, NEW]


async def test_a_member_of_a_group_is_known_by_their_bsuid(conn: AsyncConnection) -> None:
    group = {"chat": "120363000000000009", "jid": "120363000000000009@g.us", "is_group": True}
    both = received("G1", **group, participant=OLD, participant_bsuid=ID)
    alone = received("G2", **group, participant=ID, participant_jid=ID)
    facts = await apply(conn, both, alone, by_id())
    senders = [fact.sender_id for fact in facts if isinstance(fact, MessageIdentified)]
    assert len(set(senders)) == 1


async def test_the_number_of_statements_does_not_depend_on_the_number_of_people(
    conn: AsyncConnection,
) -> None:
    counts = []
    await apply(conn, move(number=OLD, new_number=NEW))  # companies without changes are not asked
    for size in (2, 200):
        numbers = [f"55119{size:03}{n:05}" for n in range(size)]
        messages = [by_number(n, 0, bsuid=f"BR.{n}") for n in numbers]
        moves = [move(number=n, new_number=f"9{n}", new_bsuid=f"BR.9{n}") for n in numbers]
        with record_statements(conn) as statements:
            await identify_messages(conn, messages)
            await link_contacts(conn, moves)
        counts.append(len(statements))
    assert counts[0] == counts[1]
