"""The queries that `tests.benchmarks.queries` measures, with values drawn from a database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from shared.gateways.normalize.numbers import find_other_spelling
from shared.queries import contacts, messages, reports, tickets
from shared.queries.cursors import NamePlace, TimePlace, encode_name, encode_time
from shared.queries.existence import build_missing
from shared.queries.query import Query
from shared.queries.reports import By
from shared.queries.tickets import NOT_CLOSED, RELATIONS, TicketFilters
from shared.time_zones import Period, build_period, find_day, load_zone

DAYS = 30  # of a report
WAITING = ("open", "pending")

# Drawn by a hash of the id: anywhere in the table, and the same ones in every run.
COMPANIES = """
WITH sizes AS (
  SELECT "companyId" AS company, count(*) AS tickets FROM "Tickets" GROUP BY 1
), ranked AS (
  SELECT *, row_number() OVER (ORDER BY tickets DESC, company) AS place, count(*) OVER () AS number
  FROM sizes
)
SELECT company FROM ranked WHERE place IN (1, (number + 1) / 2) ORDER BY place DESC
"""
TICKETS = """
SELECT id, "contactId", "whatsappId", "updatedAt" FROM "Tickets"
WHERE "companyId" = $1 ORDER BY hashint4(id) LIMIT $2
"""
ASSIGNED = """
SELECT "userId", "queueId" FROM "Tickets"
WHERE "companyId" = $1 AND "userId" IS NOT NULL AND "queueId" IS NOT NULL
ORDER BY hashint4(id) LIMIT $2
"""
UNREAD_TICKETS = """
SELECT id FROM "Tickets" WHERE "companyId" = $1 AND "unreadMessages" > 0
ORDER BY "unreadMessages" DESC, id LIMIT $2
"""
MESSAGES = """
SELECT id, "ticketId", "createdAt" FROM "Messages"
WHERE "companyId" = $1 ORDER BY hashint4(id) LIMIT $2
"""
NUMBERS = """
SELECT name, id, number FROM "Contacts"
WHERE "companyId" = $1 AND NOT "isGroup" AND number IS NOT NULL ORDER BY hashint4(id) LIMIT $2
"""
TAGS = 'SELECT id FROM "Tags" WHERE "companyId" = $1 ORDER BY id LIMIT $2'
# Numbers of orders, of which each is in very few messages.
ORDERS = r"""
SELECT DISTINCT ON (hashint4(m.id)) (regexp_match(m.body, '[0-9]{5,}'))[1] AS word
FROM "Messages" m WHERE m."companyId" = $1 AND m.body ~ '[0-9]{5,}'
ORDER BY hashint4(m.id) LIMIT $2
"""
# By the names of the fields of `Drawn`.
ROWS = {
    "tickets": TICKETS,
    "assigned": ASSIGNED,
    "unread": UNREAD_TICKETS,
    "messages": MESSAGES,
    "people": NUMBERS,
    "tags": TAGS,
    "orders": ORDERS,
}
OTHER = 'SELECT min(id) FROM "Companies" WHERE id NOT IN (1, $1)'
NOW = 'SELECT max("updatedAt") AS now FROM "Tickets"'

# In the texts of `chatia db generate`.
FREQUENT = ("pedido", "entrega", "você", "bom dia", "boleto", "obrigado")
OCCASIONAL = (
    "geladeira",
    "nutricionista",
    "embreagem",
    "Petrópolis",
    "Alameda Santos",
    "furadeira",
)
SEVERAL = ("pedido atrasado", "boleto vencido", "previsao entrega dia", "troca defeito")
ABSENT = ("girassol", "hipopótamo", "quilowatt", "xadrez", "zeppelin", "wagneriano")
SHORT = ("ok", "r$", "às", "é p")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rows of a company, and words, from which queries get their values; each list is used anew."""

    company: int
    zone: ZoneInfo
    now: datetime
    tickets: Sequence[asyncpg.Record]
    assigned: Sequence[asyncpg.Record]
    unread: Sequence[asyncpg.Record]
    messages: Sequence[asyncpg.Record]
    people: Sequence[asyncpg.Record]
    tags: Sequence[asyncpg.Record]
    orders: Sequence[asyncpg.Record]
    others: Sequence[asyncpg.Record]

    @property
    def today(self) -> Period:
        """Return the last day that has tickets."""
        day = find_day(self.zone, self.now)
        return build_period(self.zone, day, day)

    def find_month(self, number: int) -> Period:
        """Return the last 30 days, or those that end so many days before."""
        day = find_day(self.zone, self.now) - timedelta(days=number % DAYS)
        return build_period(self.zone, day - timedelta(days=DAYS - 1), day)


Queries = Callable[[Drawn], Sequence[Query[Any]]]


@dataclass(frozen=True, slots=True)
class Case:
    """A query and the most milliseconds that its p95 may take at scale 10."""

    goal_ms: float
    build: Queries


async def find_companies(conn: asyncpg.Connection) -> tuple[int, int]:
    """Return the company with the median number of tickets, and the one with most."""
    found = [row["company"] for row in await conn.fetch(COMPANIES)]
    return found[0], found[-1]


async def draw(conn: asyncpg.Connection, company: int, number: int) -> Drawn:
    """Draw values of a company."""
    zone = await conn.fetchval('SELECT timezone FROM "Companies" WHERE id = $1', company)
    other = await conn.fetchval(OTHER, company)
    return Drawn(
        company=company,
        zone=load_zone(zone),
        now=await conn.fetchval(NOW),
        others=await conn.fetch(ORDERS, other, number),
        **{name: await conn.fetch(sql, company, number) for name, sql in ROWS.items()},
    )


def each(rows: str, build: Callable[[Drawn, Any], Query[Any]]) -> Queries:
    """Return queries with one of the rows each."""
    return lambda drawn: [build(drawn, row) for row in getattr(drawn, rows)]


def list_by(rows: str, **names: str) -> Queries:
    """Return lists with relations, filtered by columns of rows, by the filter."""

    def build(drawn: Drawn, row: Any) -> Query[Any]:
        filters = TicketFilters(**{name: row[column] for name, column in names.items()})
        return tickets.build_list(drawn.company, filters, relations=RELATIONS)

    return each(rows, build)


def list_with(filters: TicketFilters) -> Queries:
    """Return one list with relations."""
    return lambda drawn: [tickets.build_list(drawn.company, filters, relations=RELATIONS)]


def list_waiting_by(rows: str, **names: str) -> Queries:
    """Return lists of open and pending tickets, as an agent's screen has them."""

    def build(drawn: Drawn, row: Any) -> Query[Any]:
        filters = TicketFilters(**{name: row[column] for name, column in names.items()})
        waiting = replace(filters, statuses=WAITING)
        return tickets.build_list(drawn.company, waiting, relations=RELATIONS)

    return each(rows, build)


def search(words: Sequence[str]) -> Queries:
    """Return searches for words."""
    return lambda drawn: [messages.build_search(drawn.company, word) for word in words]


def search_each(rows: str) -> Queries:
    """Return searches for the word of each row."""
    return each(rows, lambda drawn, row: messages.build_search(drawn.company, row["word"]))


def report(build: Callable[[int, Period, ZoneInfo, By], Query[Any]]) -> Queries:
    """Return a report of 30 days, by each kind of group in turn."""
    return lambda drawn: [
        build(drawn.company, drawn.find_month(number), drawn.zone, by)
        for number, by in enumerate(islice(cycle(By), 2 * len(By)))
    ]


def build_place(row: Any) -> str:
    """Return the cursor of a message."""
    return encode_time("messages", TimePlace(row["createdAt"], row["id"]))


CASES = {
    "tickets list, open and pending": Case(5, list_with(TicketFilters(WAITING))),
    "tickets list, all": Case(5, list_with(TicketFilters())),
    "tickets list, a page anywhere": Case(
        5,
        each(
            "tickets",
            lambda drawn, row: tickets.build_list(
                drawn.company,
                TicketFilters(),
                relations=RELATIONS,
                cursor=encode_time("tickets", TimePlace(row["updatedAt"], row["id"])),
            ),
        ),
    ),
    "tickets list --queue": Case(5, list_by("assigned", queue_id="queueId")),
    "tickets list --user": Case(5, list_by("assigned", user_id="userId")),
    "tickets list --queue --user": Case(
        5, list_by("assigned", queue_id="queueId", user_id="userId")
    ),
    "tickets list --user, open and pending": Case(5, list_waiting_by("assigned", user_id="userId")),
    "tickets list --queue, open and pending": Case(
        5, list_waiting_by("assigned", queue_id="queueId")
    ),
    "tickets list --tag": Case(5, list_by("tags", tag_id="id")),
    "tickets list --contact": Case(5, list_by("tickets", contact_id="contactId")),
    "tickets list --line": Case(5, list_by("tickets", whatsapp_id="whatsappId")),
    "tickets list --before": Case(5, list_by("tickets", before="updatedAt")),
    "tickets unread": Case(5, list_with(TicketFilters(NOT_CLOSED, only_unread=True))),
    "tickets by-status": Case(20, lambda drawn: [tickets.build_counts_by_status(drawn.company)]),
    "tickets by-status --status open": Case(
        2.5, lambda drawn: [tickets.build_counts_by_status(drawn.company, ["open"])]
    ),
    "tickets today": Case(20, lambda drawn: [tickets.build_created(drawn.company, drawn.today)]),
    "messages last": Case(
        5, each("tickets", lambda drawn, row: messages.build_last(drawn.company, row["id"]))
    ),
    "messages last --before": Case(
        5,
        each(
            "messages",
            lambda drawn, row: messages.build_last(
                drawn.company, row["ticketId"], before=build_place(row)
            ),
        ),
    ),
    "messages last --after": Case(
        5,
        each(
            "messages",
            lambda drawn, row: messages.build_after(
                drawn.company, row["ticketId"], build_place(row)
            ),
        ),
    ),
    "messages last --around": Case(
        5,
        each(
            "messages",
            lambda drawn, row: messages.build_around(drawn.company, row["ticketId"], row["id"]),
        ),
    ),
    "messages unread, any ticket": Case(
        5, each("tickets", lambda drawn, row: messages.build_unread(drawn.company, row["id"]))
    ),
    "messages unread, most unread": Case(
        5, each("unread", lambda drawn, row: messages.build_unread(drawn.company, row["id"]))
    ),
    "messages search, frequent words": Case(100, search(FREQUENT)),
    "messages search, occasional words": Case(100, search(OCCASIONAL)),
    "messages search, several words": Case(100, search(SEVERAL)),
    "messages search, rare words": Case(100, search_each("orders")),
    "messages search, words of others": Case(100, search_each("others")),
    "messages search, absent words": Case(100, search(ABSENT)),
    "messages search, short words": Case(100, search(SHORT)),
    "contacts find": Case(
        2,
        each("people", lambda drawn, row: contacts.build_by_number(drawn.company, row["number"])),
    ),
    "contacts find, other ninth digit": Case(
        2,
        each(
            "people",
            lambda drawn, row: contacts.build_by_number(
                drawn.company, find_other_spelling(row["number"]) or row["number"]
            ),
        ),
    ),
    "contacts find, absent": Case(
        2,
        each(
            "people",
            lambda drawn, row: contacts.build_by_number(drawn.company, f"99{row['number'][2:]}"),
        ),
    ),
    "contacts active": Case(5, lambda drawn: [contacts.build_active(drawn.company)]),
    "contacts active, a page anywhere": Case(
        5,
        each(
            "people",
            lambda drawn, row: contacts.build_active(
                drawn.company, cursor=encode_name("contacts", NamePlace(row["name"], row["id"]))
            ),
        ),
    ),
    "contacts with-open-tickets": Case(
        20, lambda drawn: [contacts.build_with_open_tickets(drawn.company)]
    ),
    "reports counts": Case(20, report(reports.build_counts)),
    "reports times": Case(20, report(reports.build_times)),
    "reports ratings": Case(20, report(reports.build_ratings)),
    "ids that exist": Case(
        2,
        each(
            "tickets",
            lambda drawn, row: build_missing(
                drawn.company, {"ticket": row["id"], "contact": row["contactId"]}
            ),
        ),
    ),
}
