"""Contacts: by number, the active ones, and those with tickets that wait or are worked on."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row

from shared.gateways.normalize.numbers import find_other_spelling
from shared.queries import cursors
from shared.queries.cursors import NamePlace
from shared.queries.query import DEFAULT_ROWS, Page, Query, Rows, cut_page

OPEN: Final = ("open", "pending")  # as the seed counts open tickets
_NO_DIGITS: Final = re.compile(r"[^0-9]+")
_ACTIVE: Final = "contacts"
_WITH_OPEN: Final = "contacts-open"

# By the names of the fields of `Contact`.
_COLUMNS: Final = {
    "id": "id",
    "name": "name",
    "number": "number",
    "is_group": '"isGroup"',
    "email": "email",
    "channel": "channel",
    "active": "active",
    "blocked": "blocked",
    "lid": "lid",
    "created_at": '"createdAt"',
}
_READ: Final = ", ".join(f"c.{column}" for column in _COLUMNS.values())
_SELECTED: Final = ", ".join(f"c.{column} AS {name}" for name, column in _COLUMNS.items())


@dataclass(frozen=True, slots=True)
class Contact:
    """A person or group; `active` is False for a deleted one. `number` is a group's id too."""

    id: int
    name: str
    number: str | None
    is_group: bool
    email: str
    channel: str | None
    active: bool
    blocked: bool
    lid: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BusyContact:
    """A contact with its number of open and pending tickets, and when one last changed."""

    id: int
    name: str
    number: str | None
    is_group: bool
    tickets: int
    last_change_at: datetime


def list_spellings(number: str) -> list[str]:
    """Return what a number may be stored as: as it is, its digits, and their other spelling.

    Without digits there is none.
    """
    digits = _NO_DIGITS.sub("", number)
    spellings = (number.strip(), digits, find_other_spelling(digits)) if digits else ()
    return list(dict.fromkeys(spelling for spelling in spellings if spelling))


def build_by_number(company: int, number: str) -> Query[tuple[Contact, ...]]:
    """Build the contact with a number, with or without its ninth digit; empty if there is none.

    A contact that was merged into another one is answered by the one that remains.
    """
    sql = f"""WITH found AS MATERIALIZED (
  SELECT COALESCE(k."mergedIntoContactId", k.id) AS id FROM "Contacts" k
  WHERE k."companyId" = :company AND k.number = ANY(CAST(:numbers AS text[]))
)
SELECT {_SELECTED}
FROM (SELECT DISTINCT id FROM found) AS found
CROSS JOIN LATERAL (
  SELECT {_READ} FROM "Contacts" c
  WHERE c."companyId" = :company AND c.id = found.id LIMIT 1
) AS c
ORDER BY c.id"""
    values = {"company": company, "numbers": list_spellings(number)}
    return Query(sql, values, _read_contacts)


def build_active(
    company: int, *, limit: int = DEFAULT_ROWS, cursor: str | None = None
) -> Query[Page[Contact]]:
    """Build a page of the contacts that are not deleted, by name; raises InvalidCursorError."""
    values: dict[str, Any] = {"company": company, "rows": limit + 1}
    after = ""
    if cursor is not None:
        place = cursors.decode_name(_ACTIVE, cursor)
        after = "AND (c.name, c.id) > (CAST(:after_name AS text), CAST(:after_id AS int))"
        values |= {"after_name": place.name, "after_id": place.id}
    sql = f"""SELECT {_SELECTED}
FROM "Contacts" c
WHERE c."companyId" = :company AND c.active AND c."mergedIntoContactId" IS NULL {after}
ORDER BY c.name, c.id LIMIT :rows"""

    def read(rows: Rows) -> Page[Contact]:
        page = cut_page(rows, limit, _build_name_cursor)
        return Page(_read_contacts(page.rows), page.next_cursor)

    return Query(sql, values, read)


def build_with_open_tickets(
    company: int, *, limit: int = DEFAULT_ROWS, cursor: str | None = None
) -> Query[Page[BusyContact]]:
    """Build a page of the contacts with open or pending tickets, by id.

    Raises InvalidCursorError.
    """
    values: dict[str, Any] = {"company": company, "rows": limit + 1, "statuses": list(OPEN)}
    after = ""
    if cursor is not None:
        after = 'AND t."contactId" > :after_id'
        values["after_id"] = cursors.decode_id(_WITH_OPEN, cursor)
    sql = f"""WITH busy AS MATERIALIZED (
  SELECT t."contactId", count(*) AS tickets, max(t."updatedAt") AS last_change_at
  FROM "Tickets" t
  WHERE t."companyId" = :company AND t.status = ANY(CAST(:statuses AS text[])) {after}
  GROUP BY t."contactId" ORDER BY t."contactId" LIMIT :rows
)
SELECT c.id, c.name, c.number, c."isGroup" AS is_group, busy.tickets, busy.last_change_at
FROM busy
CROSS JOIN LATERAL (
  SELECT c.id, c.name, c.number, c."isGroup" FROM "Contacts" c
  WHERE c."companyId" = :company AND c.id = busy."contactId" LIMIT 1
) AS c
ORDER BY c.id"""

    def read(rows: Rows) -> Page[BusyContact]:
        page = cut_page(rows, limit, lambda row: cursors.encode_id(_WITH_OPEN, row.id))
        return Page(tuple(BusyContact(**row._asdict()) for row in page.rows), page.next_cursor)

    return Query(sql, values, read)


def _build_name_cursor(row: Row[Any]) -> str:
    return cursors.encode_name(_ACTIVE, NamePlace(row.name, row.id))


def _read_contacts(rows: Rows) -> tuple[Contact, ...]:
    return tuple(_read_contact(row) for row in rows)


def _read_contact(row: Row[Any]) -> Contact:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return Contact(**values | {"active": bool(values["active"])})
