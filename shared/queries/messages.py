"""Messages: a ticket's by pages in both directions, around one, unread ones, and by their words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row

from shared.queries import cursors
from shared.queries.cursors import TimePlace
from shared.queries.query import DEFAULT_ROWS, Page, Query, Rows, cut_page
from shared.queries.relations import NamedContact

_CURSOR: Final = "messages"

# By the names of the fields of `Message`.
_COLUMNS: Final = {
    "id": "id",
    "created_at": '"createdAt"',
    "from_me": '"fromMe"',
    "body": "body",
    "media_type": '"mediaType"',
    "media_url": '"mediaUrl"',
    "ack": "ack",
    "is_read": "read",
    "is_private": '"isPrivate"',
    "is_edited": '"isEdited"',
    "is_deleted": '"isDeleted"',
    "contact_id": '"contactId"',
    "quoted_message_id": '"quotedMsgId"',
    "wid": "wid",
}
_COLUMNS_OF_M: Final = ", ".join(f"m.{column}" for column in _COLUMNS.values())


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a ticket. `ack` -1 means that it failed, 3 that it was read.

    `contact_id` is None for messages of ours.
    """

    id: int
    created_at: datetime
    from_me: bool
    body: str
    media_type: str | None
    media_url: str | None
    ack: int
    is_read: bool
    is_private: bool
    is_edited: bool
    is_deleted: bool
    contact_id: int | None
    quoted_message_id: int | None
    wid: str | None


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of a ticket, the oldest first, and the cursors of those before and after them.

    `older` is None if there are none before; `newer` is None only if there are no messages at
    all, because new ones may come.
    """

    rows: tuple[Message, ...]
    older: str | None
    newer: str | None


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A message that holds the words, with its ticket and the ticket's contact."""

    id: int
    created_at: datetime
    from_me: bool
    body: str
    ticket_id: int
    ticket_status: str
    contact: NamedContact


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The messages that were found, the newest first, and whether older ones may be missing.

    Then only the newest 10,000 messages of the company were searched, because its words have no
    trigrams or there is no index of them.
    """

    rows: tuple[FoundMessage, ...]
    is_bounded: bool


def build_last(
    company: int, ticket: int, *, limit: int = DEFAULT_ROWS, before: str | None = None
) -> Query[Messages]:
    """Build the last messages of a ticket, or the last ones before a cursor.

    Raises InvalidCursorError.
    """
    place = None if before is None else cursors.decode_time(_CURSOR, before)
    sql, values = _build_page(company, ticket, limit, place, "DESC")

    def read(rows: Rows) -> Messages:
        shown = _read_messages(reversed(rows[:limit]))
        return _build_messages(shown, has_older=len(rows) > limit)

    return Query(sql, values, read)


def build_after(
    company: int, ticket: int, cursor: str, *, limit: int = DEFAULT_ROWS
) -> Query[Messages]:
    """Build the first messages of a ticket after a cursor; raises InvalidCursorError.

    If there are none, `newer` is the cursor that was given, so that it can be asked again.
    """
    place = cursors.decode_time(_CURSOR, cursor)
    sql, values = _build_page(company, ticket, limit, place, "ASC")

    def read(rows: Rows) -> Messages:
        shown = _read_messages(rows[:limit])
        return _build_messages(shown, has_older=True) if shown else Messages((), None, cursor)

    return Query(sql, values, read)


def build_around(
    company: int, ticket: int, message: int, *, limit: int = DEFAULT_ROWS
) -> Query[Messages]:
    """Build a message of a ticket with the messages before and after it, half of each.

    There are none if the message is not one of the ticket.
    """
    half = limit // 2
    sql = f"""WITH anchor AS MATERIALIZED (
  SELECT m."createdAt" AS at, m.id FROM "Messages" m
  WHERE m."companyId" = :company AND m.id = :message AND m."ticketId" = :ticket
)
SELECT {_select("m")}
FROM (
  {_build_side("<", "DESC", "rows_before")}
  UNION ALL
  {_build_side(">=", "ASC", "rows_after")}
) AS m
ORDER BY m."createdAt", m.id"""
    values = {
        "company": company,
        "ticket": ticket,
        "message": message,
        "rows_before": half + 1,  # one more says whether there are older ones
        "rows_after": limit - half,
    }

    def read(rows: Rows) -> Messages:
        before = sum(1 for row in rows if (row.created_at, row.id) < _find_place(rows, message))
        return _build_messages(
            _read_messages(rows[max(0, before - half) :]), has_older=before > half
        )

    return Query(sql, values, read)


def build_unread(
    company: int, ticket: int, *, limit: int = DEFAULT_ROWS, cursor: str | None = None
) -> Query[Page[Message]]:
    """Build a page of a ticket's unread messages, the newest first, as its unread count has them.

    These are the customer's messages after our last one and after the last that is marked as
    read. Raises InvalidCursorError.
    """
    place = None if cursor is None else cursors.decode_time(_CURSOR, cursor)
    # COALESCE is not leak-proof: in the condition itself, it would keep the index from being used.
    sql = f"""WITH mark AS MATERIALIZED (
  SELECT COALESCE((
    SELECT k."createdAt" FROM "Messages" k
    WHERE k."companyId" = :company AND k."ticketId" = :ticket AND (k."fromMe" OR k.read)
      AND k."isPrivate" IS NOT TRUE
    ORDER BY k."createdAt" DESC LIMIT 1), '-infinity') AS at
)
SELECT {_select("m")}
FROM mark CROSS JOIN LATERAL (
  SELECT {_COLUMNS_OF_M} FROM "Messages" m
  WHERE m."companyId" = :company AND m."ticketId" = :ticket
    AND NOT m."fromMe" AND m."isPrivate" IS NOT TRUE AND m."createdAt" > mark.at
    {_build_condition(place, "<")}
  ORDER BY m."createdAt" DESC, m.id DESC LIMIT :rows
) AS m
ORDER BY m."createdAt" DESC, m.id DESC"""
    values = {"company": company, "ticket": ticket, "rows": limit + 1, **_list_values(place)}

    def read(rows: Rows) -> Page[Message]:
        page = cut_page(rows, limit, _build_cursor)
        return Page(_read_messages(page.rows), page.next_cursor)

    return Query(sql, values, read)


def build_search(company: int, words: str, *, limit: int = DEFAULT_ROWS) -> Query[SearchResult]:
    """Build the newest messages that hold all the words, parts of words too.

    Accents and case are ignored; docs/queries.md says how far it searches.
    """
    sql = """SELECT b.is_bounded, found.*
FROM (SELECT NOT searches_all_messages(:words) AS is_bounded) AS b
LEFT JOIN LATERAL (
  SELECT m.id, m."createdAt" AS created_at, m."fromMe" AS from_me, m.body,
         t.id AS ticket_id, t.status AS ticket_status,
         c.id AS contact_id, c.name AS contact_name, c.number AS contact_number
  FROM search_messages(:words, :rows) AS s
  CROSS JOIN LATERAL (
    SELECT m.id, m."createdAt", m."fromMe", m.body FROM "Messages" m
    WHERE m."companyId" = :company AND m.id = s.id LIMIT 1
  ) AS m
  CROSS JOIN LATERAL (
    SELECT t.id, t.status, t."contactId" FROM "Tickets" t
    WHERE t."companyId" = :company AND t.id = s."ticketId" LIMIT 1
  ) AS t
  CROSS JOIN LATERAL (
    SELECT c.id, c.name, c.number FROM "Contacts" c
    WHERE c."companyId" = :company AND c.id = t."contactId" LIMIT 1
  ) AS c
) AS found ON TRUE
ORDER BY found.created_at DESC, found.id DESC"""

    def read(rows: Rows) -> SearchResult:
        found = tuple(_read_found(row) for row in rows if row.id is not None)
        return SearchResult(found, rows[0].is_bounded and len(found) < limit)

    return Query(sql, {"company": company, "words": words, "rows": limit}, read)


def _build_page(
    company: int, ticket: int, limit: int, place: TimePlace | None, order: str
) -> tuple[str, dict[str, Any]]:
    """Return the statement of a page before (DESC) or after (ASC) a place, and its values."""
    condition = _build_condition(place, "<" if order == "DESC" else ">")
    sql = f"""SELECT {_select("m")}
FROM "Messages" m
WHERE m."companyId" = :company AND m."ticketId" = :ticket {condition}
ORDER BY m."createdAt" {order}, m.id {order} LIMIT :rows"""
    values = {"company": company, "ticket": ticket, "rows": limit + 1, **_list_values(place)}
    return sql, values


def _build_side(compared: str, order: str, rows: str) -> str:
    """Return the SELECT of the messages on one side of `anchor`."""
    return f"""(SELECT side.* FROM anchor AS a CROSS JOIN LATERAL (
    SELECT {_COLUMNS_OF_M} FROM "Messages" m
    WHERE m."companyId" = :company AND m."ticketId" = :ticket
      AND (m."createdAt", m.id) {compared} (a.at, a.id)
    ORDER BY m."createdAt" {order}, m.id {order} LIMIT :{rows}
  ) AS side)"""


def _select(table: str) -> str:
    return ", ".join(f"{table}.{column} AS {name}" for name, column in _COLUMNS.items())


def _build_condition(place: TimePlace | None, compared: str) -> str:
    if place is None:
        return ""
    at = "(CAST(:place_at AS timestamptz), CAST(:place_id AS int))"
    return f'AND (m."createdAt", m.id) {compared} {at}'


def _list_values(place: TimePlace | None) -> dict[str, Any]:
    return {} if place is None else {"place_at": place.at, "place_id": place.id}


def _read_messages(rows: Iterable[Row[Any]]) -> tuple[Message, ...]:
    return tuple(_read_message(row) for row in rows)


def _read_message(row: Row[Any]) -> Message:
    values = {name: getattr(row, name) for name in _COLUMNS}
    flags = {name: bool(values[name]) for name in ("is_private", "is_edited")}
    return Message(**values | flags)


def _build_messages(shown: Sequence[Message], *, has_older: bool) -> Messages:
    if not shown:
        return Messages((), None, None)
    older = _build_cursor(shown[0]) if has_older else None
    return Messages(tuple(shown), older, _build_cursor(shown[-1]))


def _build_cursor(message: Message | Row[Any]) -> str:
    return cursors.encode_time(_CURSOR, TimePlace(message.created_at, message.id))


def _find_place(rows: Rows, message: int) -> tuple[datetime, int]:
    return next((row.created_at, row.id) for row in rows if row.id == message)


def _read_found(row: Row[Any]) -> FoundMessage:
    return FoundMessage(
        row.id,
        row.created_at,
        row.from_me,
        row.body,
        row.ticket_id,
        row.ticket_status,
        NamedContact(row.contact_id, row.contact_name, row.contact_number),
    )
