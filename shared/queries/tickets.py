"""Tickets: a list by pages, counts by status, and how many were created in a period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row

from shared.queries import cursors
from shared.queries.cursors import TimePlace
from shared.queries.query import DEFAULT_ROWS, Page, Query, Rows, cut_page
from shared.queries.relations import (
    Named,
    NamedContact,
    build_join,
    build_selected,
    read_relation,
)
from shared.time_zones import Period

STATUSES: Final = ("open", "pending", "group", "nps", "lgpd", "closed")
NOT_CLOSED: Final = STATUSES[:-1]

# By the name of a field of `Ticket`.
COLUMNS: Final = {
    "id": "id",
    "uuid": "uuid",
    "status": "status",
    "last_message": '"lastMessage"',
    "from_me": '"fromMe"',
    "unread_messages": '"unreadMessages"',
    "is_group": '"isGroup"',
    "channel": "channel",
    "contact_id": '"contactId"',
    "user_id": '"userId"',
    "queue_id": '"queueId"',
    "whatsapp_id": '"whatsappId"',
    "created_at": '"createdAt"',
    "updated_at": '"updatedAt"',
    "closed_at": '"closedAt"',
}
RELATIONS: Final = ("contact", "user", "queue", "line", "tags")
_KEYS: Final = (
    "id",
    '"companyId"',
    '"contactId"',
    '"userId"',
    '"queueId"',
    '"whatsappId"',
    '"updatedAt"',
)
_CURSOR: Final = "tickets"


@dataclass(frozen=True, slots=True)
class TicketFilters:
    """Which tickets a list has; all that are set must match.

    The times are those of the last change. `tag_id` may be a lane of the kanban board.
    """

    statuses: Sequence[str] = STATUSES
    queue_id: int | None = None
    user_id: int | None = None
    tag_id: int | None = None
    contact_id: int | None = None
    whatsapp_id: int | None = None
    since: datetime | None = None
    before: datetime | None = None
    only_unread: bool = False


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket of a list; columns and relations that were not asked for are None."""

    id: int | None = None
    uuid: UUID | None = None
    status: str | None = None
    last_message: str | None = None
    from_me: bool | None = None
    unread_messages: int | None = None
    is_group: bool | None = None
    channel: str | None = None
    contact_id: int | None = None
    user_id: int | None = None
    queue_id: int | None = None
    whatsapp_id: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    closed_at: datetime | None = None
    contact: NamedContact | None = None
    user: Named | None = None
    queue: Named | None = None
    line: Named | None = None
    tags: tuple[Named, ...] | None = None


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many tickets have a status."""

    status: str
    tickets: int


# By the name of a field of `TicketFilters`.
_CONDITIONS: Final = {
    "queue_id": 't."queueId" = :queue_id',
    "user_id": 't."userId" = :user_id',
    "tag_id": """EXISTS (SELECT FROM "TicketTags" w WHERE w."companyId" = t."companyId"
                      AND w."ticketId" = t.id AND w."tagId" = :tag_id)""",
    "contact_id": 't."contactId" = :contact_id',
    "whatsapp_id": 't."whatsappId" = :whatsapp_id',
    "since": 't."updatedAt" >= CAST(:since AS timestamptz)',
    "before": 't."updatedAt" < CAST(:before AS timestamptz)',
}
_UNREAD: Final = 't."unreadMessages" > 0'
_AFTER: Final = '(t."updatedAt", t.id) < (CAST(:after_at AS timestamptz), CAST(:after_id AS int))'


def build_list(
    company: int,
    filters: TicketFilters,
    *,
    columns: Sequence[str] = tuple(COLUMNS),
    relations: Sequence[str] = (),
    limit: int = DEFAULT_ROWS,
    cursor: str | None = None,
) -> Query[Page[Ticket]]:
    """Build a page of a company's tickets, the last changed first.

    `columns` are names of `COLUMNS`, `relations` of `RELATIONS`; anything else raises KeyError.
    Raises InvalidCursorError.
    """
    given = {name: getattr(filters, name) for name in _CONDITIONS}
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    conditions = [_CONDITIONS[name] for name in values]
    if filters.only_unread:
        conditions.append(_UNREAD)
    if cursor is not None:
        place = cursors.decode_time(_CURSOR, cursor)
        conditions.append(_AFTER)
        values |= {"after_at": place.at, "after_id": place.id}
    # No ticket has the status NULL: without statuses the list is empty.
    asked: list[str | None] = [*dict.fromkeys(filters.statuses)] or [None]
    statuses = {f"status_{place}": status for place, status in enumerate(asked)}
    values |= {"company": company, "rows": limit + 1} | statuses
    sql = _build_list_sql(list(statuses), conditions, columns, relations)
    return Query(sql, values, lambda rows: _read_page(rows, columns, relations, limit))


def build_counts_by_status(
    company: int, statuses: Sequence[str] = STATUSES
) -> Query[tuple[StatusCount, ...]]:
    """Build the number of tickets in each of some statuses, also in those that no ticket has."""
    asked = [status for status in STATUSES if status in statuses]
    values: dict[str, Any] = {"company": company}
    condition = ""
    if len(asked) < len(STATUSES):  # else the planner would look for six statuses
        condition = "AND t.status = ANY(CAST(:statuses AS text[]))"
        values["statuses"] = asked
    sql = f"""SELECT t.status, count(*) AS tickets
FROM "Tickets" t WHERE t."companyId" = :company {condition} GROUP BY t.status"""
    return Query(sql, values, lambda rows: _read_counts(rows, asked))


def build_created(company: int, period: Period) -> Query[int]:
    """Build the number of tickets that were created in a period that lies shortly before now.

    No ticket was changed before it was created, so only tickets that were changed since the
    beginning of the period are read, by the index of the list: each status on its own, since an
    index that finds several at once seems dearer than all tickets of the company.
    """
    sql = """SELECT COALESCE(sum(of_status.tickets), 0) AS tickets
FROM unnest(CAST(:statuses AS text[])) AS s(status)
CROSS JOIN LATERAL (
  SELECT count(*) AS tickets FROM "Tickets" t
  WHERE t."companyId" = :company AND t.status = s.status
    AND t."updatedAt" >= CAST(:since AS timestamptz)
    AND t."createdAt" >= CAST(:since AS timestamptz)
    AND t."createdAt" < CAST(:until AS timestamptz)
) AS of_status"""
    values = {
        "company": company,
        "statuses": list(STATUSES),
        "since": period.since,
        "until": period.until,
    }
    return Query(sql, values, lambda rows: int(rows[0].tickets))


def _build_list_sql(
    statuses: Sequence[str],
    conditions: Sequence[str],
    columns: Sequence[str],
    relations: Sequence[str],
) -> str:
    """Return the statement of a page; `statuses` are the names of their values.

    Each status is read on its own, in the order of the index, and the page is merged from these,
    so that it reads little more than its own rows. NULLS LAST is the order of no other index. A
    status of its own is also what the planner can estimate: most tickets are closed.
    """
    read = dict.fromkeys((*_KEYS, *(COLUMNS[name] for name in columns)))
    found = ", ".join(f"t.{name}" for name in read)
    of_statuses = "\n    UNION ALL ".join(
        f"""(SELECT {found} FROM "Tickets" t
     WHERE {" AND ".join(('t."companyId" = :company', f"t.status = :{status}", *conditions))}
     ORDER BY t."updatedAt" DESC NULLS LAST, t.id DESC NULLS LAST LIMIT :rows)"""
        for status in statuses
    )
    selected = [f"page.{COLUMNS[name]} AS {name}" for name in columns]
    selected += ['page."updatedAt" AS place_at', "page.id AS place_id"]
    selected += [build_selected(relation) for relation in relations]
    joins = [build_join(relation, "page") for relation in relations]
    return f"""WITH page AS MATERIALIZED (
  SELECT found.* FROM (
    {of_statuses}
  ) AS found
  ORDER BY found."updatedAt" DESC NULLS LAST, found.id DESC NULLS LAST LIMIT :rows
)
SELECT {", ".join(selected)}
{" ".join(["FROM page", *joins])}
ORDER BY page."updatedAt" DESC, page.id DESC"""


def _read_page(
    rows: Rows, columns: Sequence[str], relations: Sequence[str], limit: int
) -> Page[Ticket]:
    page = cut_page(rows, limit, _build_cursor)
    tickets = tuple(_read_ticket(row, columns, relations) for row in page.rows)
    return Page(tickets, page.next_cursor)


def _build_cursor(row: Row[Any]) -> str:
    return cursors.encode_time(_CURSOR, TimePlace(row.place_at, row.place_id))


def _read_ticket(row: Row[Any], columns: Sequence[str], relations: Sequence[str]) -> Ticket:
    values: Mapping[str, Any] = {name: getattr(row, name) for name in columns}
    related = {relation: read_relation(relation, row) for relation in relations}
    return Ticket(**values, **cast("dict[str, Any]", related))


def _read_counts(rows: Rows, statuses: Sequence[str]) -> tuple[StatusCount, ...]:
    found = {row.status: row.tickets for row in rows}
    return tuple(StatusCount(status, found.get(status, 0)) for status in statuses)
