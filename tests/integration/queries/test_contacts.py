"""Contacts by number in either spelling, active ones by name, and those with open tickets."""

from datetime import UTC, datetime

import pytest

from shared.queries import contacts
from shared.queries.contacts import BusyContact
from shared.queries.cursors import NamePlace, encode_name
from tests.support.query_rows import OURS, THEIRS, Asking

pytestmark = pytest.mark.integration

TICKETS = """
INSERT INTO "Tickets" (id, "companyId", "contactId", "whatsappId", status, "updatedAt") VALUES
  (1, 1, 100, 10, 'open', '2026-11-30 12:00Z'), (2, 1, 100, 11, 'pending', '2026-11-30 13:00Z'),
  (3, 1, 101, 10, 'closed', '2026-11-30 12:00Z'), (4, 1, 102, 10, 'pending', '2026-11-30 12:00Z'),
  (501, 2, 600, 510, 'open', '2026-11-30 12:00Z')
"""


@pytest.mark.parametrize(
    ("number", "ids"),
    [
        pytest.param("5511912345678", [100], id="as it is stored"),
        pytest.param("551112345678", [], id="a landline has no ninth digit"),
        pytest.param("551187654321", [101], id="stored without the ninth digit"),
        pytest.param("5511987654321", [101], id="with the ninth digit"),
        pytest.param("+55 (11) 98765-4321", [101], id="as people write it"),
        pytest.param("5511900000000", [], id="unknown"),
        pytest.param("", [], id="empty"),
    ],
)
async def test_a_contact_is_found_by_its_number(
    asking: Asking, number: str, ids: list[int]
) -> None:
    found = await asking.ask(contacts.build_by_number(OURS, number))
    assert [contact.id for contact in found] == ids


async def test_the_same_number_in_another_company_is_another_contact(asking: Asking) -> None:
    (theirs,) = await asking.ask(contacts.build_by_number(THEIRS, "5511912345678"), THEIRS)
    assert theirs.id == 600
    assert await asking.ask(contacts.build_by_number(THEIRS, "5511912345678"), OURS) == ()


async def test_a_group_is_found_by_its_id(asking: Asking) -> None:
    await asking.insert("""
        INSERT INTO "Contacts" (id, "companyId", name, number, "isGroup")
        VALUES (110, 1, 'Obra', '5511912345678-1612345678', TRUE)""")
    (group,) = await asking.ask(contacts.build_by_number(OURS, "5511912345678-1612345678"))
    assert (group.id, group.is_group) == (110, True)


async def test_a_merged_contact_is_answered_by_the_one_that_remains(asking: Asking) -> None:
    await asking.insert("""
        UPDATE "Contacts" SET "mergedIntoContactId" = 101, active = FALSE WHERE id = 100""")
    for number in ("5511912345678", "551187654321"):
        (found,) = await asking.ask(contacts.build_by_number(OURS, number))
        assert found.id == 101


async def test_active_contacts_come_by_name_without_deleted_and_merged_ones(
    asking: Asking,
) -> None:
    await asking.insert("""
        INSERT INTO "Contacts" (id, "companyId", name, active) VALUES
          (110, 1, 'Rui', TRUE), (111, 1, 'Zoe', FALSE), (112, 1, 'Ana', TRUE);
        UPDATE "Contacts" SET "mergedIntoContactId" = 112 WHERE id = 102""")
    found, cursor = list[int](), None
    for _ in range(4):
        page = await asking.ask(contacts.build_active(OURS, limit=1, cursor=cursor))
        found += [contact.id for contact in page.rows]
        cursor = page.next_cursor
    assert found == [112, 101, 100, 110]
    assert cursor is None


async def test_a_cursor_with_a_name_of_another_company_shows_only_our_contacts(
    asking: Asking,
) -> None:
    cursor = encode_name("contacts", NamePlace("", 0))
    for company in (OURS, THEIRS):
        page = await asking.ask(contacts.build_active(company, cursor=cursor), OURS)
        assert [c.id for c in page.rows] == ([102, 101, 100] if company == OURS else [])


async def test_contacts_with_open_tickets_have_their_number_and_last_change(
    asking: Asking,
) -> None:
    await asking.insert(TICKETS)
    page = await asking.ask(contacts.build_with_open_tickets(OURS))
    at = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert page.rows == (
        BusyContact(100, "Rui", "5511912345678", is_group=False, tickets=2,
                    last_change_at=at.replace(hour=13)),
        BusyContact(102, "Caio", "5511933330000", is_group=False, tickets=1, last_change_at=at),
    )  # fmt: skip
    assert page.next_cursor is None


async def test_contacts_with_open_tickets_come_by_pages(asking: Asking) -> None:
    await asking.insert(TICKETS)
    first = await asking.ask(contacts.build_with_open_tickets(OURS, limit=1))
    query = contacts.build_with_open_tickets(OURS, limit=1, cursor=first.next_cursor)
    second = await asking.ask(query)
    assert [c.id for page in (first, second) for c in page.rows] == [100, 102]
    assert second.next_cursor is None
    assert (await asking.ask(contacts.build_with_open_tickets(THEIRS), OURS)).rows == ()
