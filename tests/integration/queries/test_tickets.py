"""Lists and counts of tickets: the rows of one company, page by page, and only what is asked."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from shared.queries import tickets
from shared.queries.cursors import InvalidCursorError, TimePlace, encode_time
from shared.queries.query import fetch
from shared.queries.relations import Named, NamedContact
from shared.queries.tickets import COLUMNS, RELATIONS, StatusCount, Ticket, TicketFilters
from shared.time_zones import Period
from tests.support.query_rows import OURS, THEIRS, Asking

pytestmark = pytest.mark.integration

# Of each minute the last changed first: 8 7 6 5 4 3 2 1; 5 and 4 changed at the same time.
TICKETS = """
INSERT INTO "Tickets" (id, "companyId", "contactId", "whatsappId", "userId", "queueId", status,
                       "unreadMessages", "lastMessage", "createdAt", "updatedAt") VALUES
  (1, 1, 100, 10, NULL, 1, 'pending', 2, 'Oi', '2026-11-30 01:00Z', '2026-11-30 12:01Z'),
  (2, 1, 101, 10, 1, 1, 'open', 0, 'Obrigado', '2026-11-30 02:59:59Z', '2026-11-30 12:02Z'),
  (3, 1, 102, 10, 2, 2, 'open', 1, 'Sim', '2026-11-30 03:00Z', '2026-11-30 12:03Z'),
  (4, 1, 100, 11, 1, 1, 'closed', 0, 'Fim', '2026-11-29 12:00Z', '2026-11-30 12:05Z'),
  (5, 1, 101, 11, NULL, NULL, 'group', 9, 'Grupo', '2026-11-29 12:00Z', '2026-11-30 12:05Z'),
  (6, 1, 102, 11, 1, 2, 'closed', 4, 'Ok', '2026-11-30 12:00Z', '2026-11-30 12:06Z'),
  (7, 1, 100, 10, 2, 2, 'closed', 0, 'Ok', '2026-11-30 12:00Z', '2026-11-30 12:07Z'),
  (8, 1, 101, 10, 1, 1, 'closed', 0, 'Ok', '2026-12-01 02:59:59Z', '2026-12-01 12:08Z'),
  (501, 2, 600, 510, 501, 501, 'open', 5, 'Segredo', '2026-11-30 12:00Z', '2026-11-30 12:09Z');
INSERT INTO "TicketTags" ("companyId", "ticketId", "tagId")
  VALUES (1, 2, 1), (1, 2, 2), (1, 3, 1), (2, 501, 501)
"""
ALL = [8, 7, 6, 5, 4, 3, 2, 1]


@pytest_asyncio.fixture(autouse=True)
async def inserted(asking: Asking) -> AsyncIterator[None]:
    await asking.insert(TICKETS)
    yield


async def list_ids(asking: Asking, company: int = OURS, **filters: Any) -> list[int | None]:
    page = await asking.ask(tickets.build_list(company, TicketFilters(**filters)), company)
    return [ticket.id for ticket in page.rows]


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        pytest.param({}, ALL, id="all"),
        pytest.param({"statuses": ["open", "pending"]}, [3, 2, 1], id="statuses"),
        pytest.param({"statuses": []}, [], id="no status"),
        pytest.param({"statuses": ["pending", "pending"]}, [1], id="a status twice"),
        pytest.param({"queue_id": 1}, [8, 4, 2, 1], id="queue"),
        pytest.param({"user_id": 2}, [7, 3], id="user"),
        pytest.param({"tag_id": 1}, [3, 2], id="tag"),
        pytest.param({"contact_id": 100}, [7, 4, 1], id="contact"),
        pytest.param({"whatsapp_id": 11}, [6, 5, 4], id="line"),
        pytest.param({"only_unread": True}, [6, 5, 3, 1], id="unread"),
        pytest.param({"since": datetime(2026, 11, 30, 12, 6, tzinfo=UTC)}, [8, 7, 6], id="since"),
        pytest.param({"before": datetime(2026, 11, 30, 12, 3, tzinfo=UTC)}, [2, 1], id="before"),
        pytest.param({"user_id": 1, "queue_id": 1, "statuses": ["open"]}, [2], id="several"),
        pytest.param({"queue_id": 501}, [], id="a queue of another company"),
        pytest.param({"contact_id": 600}, [], id="a contact of another company"),
    ],
)
async def test_a_list_has_the_tickets_that_match_all_filters(
    asking: Asking, filters: dict[str, Any], ids: list[int]
) -> None:
    assert await list_ids(asking, **filters) == ids


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 9])
async def test_pages_of_any_size_have_every_ticket_once(asking: Asking, limit: int) -> None:
    found, cursor = list[int | None](), None
    for _ in range(len(ALL) + 1):
        query = tickets.build_list(OURS, TicketFilters(), limit=limit, cursor=cursor)
        page = await asking.ask(query)
        assert 0 < len(page.rows) <= limit
        found += [ticket.id for ticket in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == ALL


async def test_a_ticket_that_changes_between_two_pages_moves_no_other(asking: Asking) -> None:
    first = await asking.ask(tickets.build_list(OURS, TicketFilters(), limit=3))
    await asking.insert("""UPDATE "Tickets" SET "updatedAt" = '2026-12-02Z' WHERE id = 3""")
    second = await asking.ask(tickets.build_list(OURS, TicketFilters(), cursor=first.next_cursor))
    assert [ticket.id for ticket in second.rows] == [5, 4, 2, 1]


async def test_only_the_columns_and_relations_that_are_asked_for_are_read(asking: Asking) -> None:
    query = tickets.build_list(
        OURS, TicketFilters(tag_id=2), columns=("id", "status"), relations=("user",)
    )
    page = await asking.ask(query)
    assert page.rows == (Ticket(id=2, status="open", user=Named(1, "Ana")),)
    assert '"lastMessage"' not in query.sql
    assert '"Contacts"' not in query.sql


async def test_all_relations_of_a_ticket_come_with_it(asking: Asking) -> None:
    query = tickets.build_list(OURS, TicketFilters(), columns=("id",), relations=RELATIONS)
    rows = {ticket.id: ticket for ticket in (await asking.ask(query)).rows}
    assert rows[2] == Ticket(
        id=2,
        contact=NamedContact(101, "Eva", "551187654321"),
        user=Named(1, "Ana"),
        queue=Named(1, "Vendas"),
        line=Named(10, "Centro"),
        tags=(Named(2, "Atacado"), Named(1, "VIP")),
    )
    assert (rows[5].user, rows[5].queue, rows[5].tags) == (None, None, ())


async def test_every_column_has_the_value_of_its_row(asking: Asking) -> None:
    page = await asking.ask(tickets.build_list(OURS, TicketFilters(statuses=["pending"])))
    (ticket,) = page.rows
    assert ticket.uuid is not None
    assert ticket == Ticket(
        id=1,
        uuid=ticket.uuid,
        status="pending",
        last_message="Oi",
        from_me=False,
        unread_messages=2,
        is_group=False,
        channel="whatsapp",
        contact_id=100,
        user_id=None,
        queue_id=1,
        whatsapp_id=10,
        created_at=datetime(2026, 11, 30, 1, tzinfo=UTC),
        updated_at=datetime(2026, 11, 30, 12, 1, tzinfo=UTC),
        closed_at=None,
    )


async def test_a_cursor_of_another_company_only_moves_the_place(asking: Asking) -> None:
    theirs = encode_time("tickets", TimePlace(datetime(2026, 11, 30, 12, 9, tzinfo=UTC), 501))
    page = await asking.ask(tickets.build_list(OURS, TicketFilters(), cursor=theirs))
    assert [ticket.id for ticket in page.rows] == ALL[1:]


@pytest.mark.parametrize("company", [OURS, THEIRS])
async def test_without_row_level_security_a_list_is_still_of_its_company(
    asking: Asking, company: int
) -> None:
    rows = (await asking.conn.exec_driver_sql("SELECT current_user")).scalar_one()
    assert rows != asking.role
    page = await fetch(asking.conn, tickets.build_list(company, TicketFilters()))
    assert {ticket.id == 501 for ticket in page.rows} == {company == THEIRS}


@pytest.mark.parametrize("asked", [OURS, THEIRS])
async def test_a_reader_of_another_company_sees_nothing_whatever_the_query_says(
    asking: Asking, asked: int
) -> None:
    other = THEIRS if asked == OURS else OURS
    page = await asking.ask(tickets.build_list(asked, TicketFilters()), other)
    assert page.rows == ()
    counts = await asking.ask(tickets.build_counts_by_status(asked), other)
    assert {count.tickets for count in counts} == {0}


async def test_tickets_are_counted_in_every_status(asking: Asking) -> None:
    counts = await asking.ask(tickets.build_counts_by_status(OURS))
    assert {count.status: count.tickets for count in counts} == {
        "open": 2,
        "pending": 1,
        "group": 1,
        "nps": 0,
        "lgpd": 0,
        "closed": 4,
    }
    counts = await asking.ask(tickets.build_counts_by_status(OURS, ["nps", "open"]))
    assert counts == (StatusCount("open", 2), StatusCount("nps", 0))


async def test_tickets_are_counted_on_the_companys_own_day(asking: Asking) -> None:
    day = Period(datetime(2026, 11, 30, 3, tzinfo=UTC), datetime(2026, 12, 1, 3, tzinfo=UTC))
    assert await asking.ask(tickets.build_created(OURS, day)) == 4  # 3, 6, 7 and 8
    assert await asking.ask(tickets.build_created(THEIRS, day), THEIRS) == 1


@pytest.mark.parametrize("names", [("no_such_column",), ("id, body",)])
def test_a_column_that_no_list_has_is_an_error(names: tuple[str, ...]) -> None:
    with pytest.raises(KeyError):
        tickets.build_list(OURS, TicketFilters(), columns=names)
    with pytest.raises(KeyError):
        tickets.build_list(OURS, TicketFilters(), relations=names)


def test_a_cursor_of_another_list_is_refused() -> None:
    cursor = encode_time("messages", TimePlace(datetime(2026, 11, 30, tzinfo=UTC), 1))
    with pytest.raises(InvalidCursorError):
        tickets.build_list(OURS, TicketFilters(), cursor=cursor)


def test_every_column_is_a_field_of_a_ticket() -> None:
    assert set(Ticket.__slots__) == set(COLUMNS) | set(RELATIONS)
