"""Messages of a ticket in both directions and around one, unread ones, and search by words."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from sqlalchemy import text

from shared.queries import messages
from shared.queries.cursors import InvalidCursorError, TimePlace, encode_time
from shared.queries.messages import Messages
from shared.queries.relations import NamedContact
from tests.support.query_rows import OURS, THEIRS, Asking

pytestmark = pytest.mark.integration

# Ticket 1 has the messages 1 to 9, of which 4 to 6 have the same second; ticket 2 has 20.
MESSAGES = """
INSERT INTO "Tickets" (id, "companyId", "contactId", "whatsappId", status) VALUES
  (1, 1, 100, 10, 'open'), (2, 1, 101, 10, 'open'), (501, 2, 600, 510, 'open');
INSERT INTO "Messages" (id, "companyId", "whatsappId", "ticketId", "contactId", wid, body, "fromMe",
                        read, "isPrivate", "createdAt")
SELECT n, 1, 10, 1, CASE WHEN n = 3 THEN NULL ELSE 100 END, 'W' || n, 'Recado ' || n, n = 3, n = 3,
       n = 8, timestamptz '2026-11-30 12:00Z' + CASE WHEN n IN (4, 5, 6) THEN 5 ELSE n END
                                                * interval '1 second'
FROM generate_series(1, 9) AS n;
INSERT INTO "Messages" (id, "companyId", "whatsappId", "ticketId", "contactId", wid, body,
                        "createdAt")
  VALUES (20, 1, 10, 2, 101, 'W20', 'O pedido NÃO CHEGOU', '2026-11-30 11:00Z'),
         (501, 2, 510, 501, 600, 'W1', 'Segredo: nao chegou', '2026-11-30 12:00Z')
"""
TICKET = 1


@pytest_asyncio.fixture(autouse=True)
async def inserted(asking: Asking) -> AsyncIterator[None]:
    await asking.insert(MESSAGES)
    yield


def list_ids(page: Messages) -> list[int]:
    return [message.id for message in page.rows]


async def test_the_last_messages_come_in_the_order_of_the_chat(asking: Asking) -> None:
    page = await asking.ask(messages.build_last(OURS, TICKET, limit=3))
    assert list_ids(page) == [7, 8, 9]


@pytest.mark.parametrize("limit", [1, 2, 4, 8, 9, 10])
async def test_pages_back_to_the_first_message_and_forth_again_have_each_once(
    asking: Asking, limit: int
) -> None:
    page = await asking.ask(messages.build_last(OURS, TICKET, limit=limit))
    back = list_ids(page)
    while page.older is not None:
        page = await asking.ask(messages.build_last(OURS, TICKET, limit=limit, before=page.older))
        assert page.rows
        back = list_ids(page) + back
    assert back == list(range(1, 10))
    forth, newer = list_ids(page), page.newer
    while newer is not None:
        page = await asking.ask(messages.build_after(OURS, TICKET, newer, limit=limit))
        if not page.rows:
            break
        forth, newer = forth + list_ids(page), page.newer
    assert forth == list(range(1, 10))
    assert page.newer == newer  # asked again it shows what has come since


async def test_a_message_that_comes_after_the_last_page_is_seen_by_its_cursor(
    asking: Asking,
) -> None:
    page = await asking.ask(messages.build_last(OURS, TICKET))
    assert page.newer is not None
    await asking.insert("""
        INSERT INTO "Messages" (id, "companyId", "whatsappId", "ticketId", wid, body, "createdAt")
        VALUES (10, 1, 10, 1, 'W10', 'Novo', '2026-11-30 13:00Z')""")
    newest = await asking.ask(messages.build_after(OURS, TICKET, page.newer))
    assert list_ids(newest) == [10]


@pytest.mark.parametrize(
    ("message", "limit", "ids", "has_older"),
    [
        (5, 4, [3, 4, 5, 6], True),
        (5, 1, [5], True),
        (1, 4, [1, 2], False),
        (3, 4, [1, 2, 3, 4], False),
        (9, 4, [7, 8, 9], True),
        (5, 100, list(range(1, 10)), False),
    ],
)
async def test_the_messages_around_one_are_half_before_it_and_half_from_it_on(
    asking: Asking, message: int, limit: int, ids: list[int], *, has_older: bool
) -> None:
    page = await asking.ask(messages.build_around(OURS, TICKET, message, limit=limit))
    assert list_ids(page) == ids
    assert (page.older is not None) == has_older
    assert page.newer is not None


@pytest.mark.parametrize("message", [20, 501, 999])
async def test_around_a_message_of_another_ticket_there_is_nothing(
    asking: Asking, message: int
) -> None:
    assert await asking.ask(messages.build_around(OURS, TICKET, message)) == Messages(
        (), None, None
    )


async def test_a_message_has_the_values_of_its_row(asking: Asking) -> None:
    (message,) = (await asking.ask(messages.build_around(OURS, TICKET, 3, limit=1))).rows
    assert message.body == "Recado 3"
    assert (message.from_me, message.is_read, message.contact_id) == (True, True, None)
    assert (message.ack, message.wid, message.media_type) == (0, "W3", None)
    assert (message.is_private, message.is_edited, message.is_deleted) == (False, False, False)
    assert message.created_at == datetime(2026, 11, 30, 12, 0, 3, tzinfo=UTC)


async def test_unread_are_the_contacts_messages_after_our_last_one(asking: Asking) -> None:
    page = await asking.ask(messages.build_unread(OURS, TICKET))
    assert [message.id for message in page.rows] == [9, 7, 6, 5, 4]  # 8 is a private note


async def test_unread_are_those_after_the_last_that_is_marked_as_read(asking: Asking) -> None:
    await asking.insert('UPDATE "Messages" SET read = TRUE WHERE id = 7')
    page = await asking.ask(messages.build_unread(OURS, TICKET))
    assert [message.id for message in page.rows] == [9]


async def test_unread_messages_come_by_pages(asking: Asking) -> None:
    first = await asking.ask(messages.build_unread(OURS, TICKET, limit=3))
    second = await asking.ask(
        messages.build_unread(OURS, TICKET, limit=3, cursor=first.next_cursor)
    )
    found = [message.id for page in (first, second) for message in page.rows]
    assert found == [9, 7, 6, 5, 4]
    assert second.next_cursor is None


async def test_a_ticket_that_we_never_answered_has_only_unread_messages(asking: Asking) -> None:
    page = await asking.ask(messages.build_unread(OURS, 2))
    assert [message.id for message in page.rows] == [20]


@pytest.mark.parametrize("words", ["nao chegou", "NÃO", "ped egou"])
async def test_a_search_finds_messages_with_their_ticket_and_contact(
    asking: Asking, words: str
) -> None:
    (found,) = (await asking.ask(messages.build_search(OURS, words))).rows
    assert (found.id, found.ticket_id, found.ticket_status) == (20, 2, "open")
    assert found.body == "O pedido NÃO CHEGOU"
    assert found.contact == NamedContact(101, "Eva", "551187654321")


async def test_a_search_returns_the_newest_first_up_to_its_limit(asking: Asking) -> None:
    result = await asking.ask(messages.build_search(OURS, "recado", limit=4))
    assert [found.id for found in result.rows] == [9, 8, 7, 6]


async def test_a_search_that_finds_nothing_says_whether_it_searched_everything(
    asking: Asking,
) -> None:
    assert (await asking.ask(messages.build_search(OURS, "absent"))).rows == ()
    assert not (await asking.ask(messages.build_search(OURS, "absent"))).is_bounded
    assert (await asking.ask(messages.build_search(OURS, "zz"))).is_bounded


async def test_without_the_index_of_trigrams_a_search_is_bounded(asking: Asking) -> None:
    await asking.insert('DROP INDEX "ix_Messages_search"')
    result = await asking.ask(messages.build_search(OURS, "chegou"))
    assert [found.id for found in result.rows] == [20]
    assert result.is_bounded


# The search looks at the newest 2,000 first, then at older ones.
OLD = """
INSERT INTO "Messages" (id, "companyId", "whatsappId", "ticketId", "contactId", wid, body,
                        "createdAt")
SELECT 1000 + n, 1, 10, 2, 101, 'O' || n,
       CASE WHEN n IN (1, 2300, 2400) THEN 'boleto zz ' ELSE 'outro ' END || n,
       timestamptz '2026-10-01 00:00Z' + n / 2 * interval '1 second'
FROM generate_series(1, 2500) AS n
"""


# Long before the newest ones: the last step of the search.
OLDEST = """
INSERT INTO "Messages" (id, "companyId", "whatsappId", "ticketId", "contactId", wid, body,
                        "createdAt")
SELECT 900 + n, 1, 10, 2, 101, 'P' || n, 'boleto zz',
       timestamptz '2025-10-01 00:00Z' + n * interval '1 day'
FROM generate_series(1, 2) AS n
"""


async def test_older_messages_are_found_after_the_newest_in_one_order(asking: Asking) -> None:
    await asking.insert(OLD)
    await asking.insert(OLDEST)
    for words in ("boleto", "zz"):  # by trigrams, and without
        found = (await asking.ask(messages.build_search(OURS, words))).rows
        assert [message.id for message in found] == [3400, 3300, 1001, 902, 901]
    for limit in range(1, 5):
        found = (await asking.ask(messages.build_search(OURS, "boleto", limit=limit))).rows
        assert [message.id for message in found] == [3400, 3300, 1001, 902][:limit]


async def test_a_frequent_word_is_found_among_the_newest_without_the_index(
    asking: Asking,
) -> None:
    await asking.insert(OLD)
    scans = text("""SELECT pg_stat_get_xact_numscans('"ix_Messages_search"'::regclass)""")
    before = await asking.conn.scalar(scans)
    found = (await asking.ask(messages.build_search(OURS, "outro", limit=5))).rows
    assert [message.id for message in found] == [3500, 3499, 3498, 3497, 3496]
    assert await asking.conn.scalar(scans) == before


async def test_without_trigrams_messages_beyond_the_newest_10000_are_not_searched(
    asking: Asking,
) -> None:
    await asking.insert("SET LOCAL session_replication_role = replica")
    await asking.insert(OLD.replace("2500", "10100"))
    assert [m.id for m in (await asking.ask(messages.build_search(OURS, "boleto"))).rows] == [
        3400,
        3300,
        1001,
    ]
    result = await asking.ask(messages.build_search(OURS, "zz"))
    assert [message.id for message in result.rows] == [3400, 3300]
    assert result.is_bounded


@pytest.mark.parametrize("words", ["segredo", "nao"])
async def test_a_search_never_returns_messages_of_another_company(
    asking: Asking, words: str
) -> None:
    found = (await asking.ask(messages.build_search(OURS, words))).rows
    assert 501 not in {message.id for message in found}
    assert (await asking.ask(messages.build_search(THEIRS, words), OURS)).rows == ()


async def test_the_ticket_of_another_company_has_no_messages(asking: Asking) -> None:
    cursor = encode_time("messages", TimePlace(datetime(2026, 12, 1, tzinfo=UTC), 999))
    for company in (OURS, THEIRS):  # as a reader of ours
        for query in (
            messages.build_last(company, 501),
            messages.build_last(company, 501, before=cursor),
            messages.build_around(company, 501, 501),
        ):
            assert (await asking.ask(query, OURS)).rows == ()
        assert (await asking.ask(messages.build_unread(company, 501), OURS)).rows == ()
    assert (await asking.ask(messages.build_last(THEIRS, 501), THEIRS)).rows != ()


def test_a_cursor_of_another_list_is_refused() -> None:
    cursor = encode_time("tickets", TimePlace(datetime(2026, 11, 30, tzinfo=UTC), 1))
    with pytest.raises(InvalidCursorError):
        messages.build_last(OURS, TICKET, before=cursor)
    with pytest.raises(InvalidCursorError):
        messages.build_after(OURS, TICKET, cursor)
    with pytest.raises(InvalidCursorError):
        messages.build_unread(OURS, TICKET, cursor=cursor)
