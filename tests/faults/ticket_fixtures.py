"""Tickets, users and queues that exist before a round and that its requests are about.

The demo's contacts never write to them, so their state follows from the requests alone.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.dev.demo.companies import Company, DemoRows, Line, LineIds, Person
from shared.dev.demo.comparison import Snapshot

USERS = 2  # of each company, and as many queues

INSERT_USERS = text("""
INSERT INTO "Users" ("companyId", name, email, "passwordHash")
SELECT b.company_id, 'Atendente ' || n, 'faults-' || b.company_id || '-' || n || '@example.com', '-'
FROM unnest(CAST(:company_id AS int[])) AS b(company_id),
     generate_series(1, CAST(:number AS int)) AS n
RETURNING "companyId", id
""")
INSERT_QUEUES = text("""
INSERT INTO "Queues" ("companyId", name, color)
SELECT b.company_id, 'Fila ' || n, '#808080'
FROM unnest(CAST(:company_id AS int[])) AS b(company_id),
     generate_series(1, CAST(:number AS int)) AS n
RETURNING "companyId", id
""")
INSERT_CONTACTS = text("""
INSERT INTO "Contacts" ("companyId", name, number)
SELECT b.company_id, b.number, b.number
FROM unnest(CAST(:company_id AS int[]), CAST(:number AS text[])) AS b(company_id, number)
RETURNING number, id, CAST(extract(epoch FROM "updatedAt") * 1000000 AS bigint) AS version
""")
INSERT_TICKETS = text("""
INSERT INTO "Tickets" ("companyId", "whatsappId", "contactId")
SELECT b.*
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[]), CAST(:contact_id AS int[]))
  AS b(company_id, whatsapp_id, contact_id)
RETURNING "contactId", id, CAST(extract(epoch FROM "updatedAt") * 1000000 AS bigint) AS version
""")
INSERT_TEMPLATES = text("""
INSERT INTO "MessageTemplates" ("companyId", "whatsappId", name, language, status, body)
SELECT b.*, 'resposta', 'pt_BR', 'APPROVED', 'Modelo: {{1}}'
FROM unnest(CAST(:company_id AS int[]), CAST(:whatsapp_id AS int[])) AS b(company_id, whatsapp_id)
""")


@dataclass(frozen=True, slots=True)
class TicketFixture:
    """A pending ticket of a contact that never writes; `version` as in facts."""

    id: int
    version: int
    contact_id: int
    contact_version: int
    person: Person
    line: Line
    place: LineIds
    users: tuple[int, ...]
    queues: tuple[int, ...]
    may_be_closed: bool


@dataclass(frozen=True, slots=True)
class TicketFixtures:
    """The ticket fixtures of a round's companies."""

    tickets: tuple[TicketFixture, ...] = ()

    @property
    def versions(self) -> dict[str, dict[int, int]]:
        """The versions of the rows before the first fact, by topic and id."""
        return {
            "ticket.changed": {ticket.id: ticket.version for ticket in self.tickets},
            "contact.changed": {
                ticket.contact_id: ticket.contact_version for ticket in self.tickets
            },
        }

    def without(self, found: Snapshot) -> Snapshot:
        """Return the rows without those of the ticket fixtures."""
        ours = {(fixture.place.company_id, fixture.person.identity) for fixture in self.tickets}
        return replace(
            found,
            messages=[f for f in found.messages if (f.company_id, f.contact) not in ours],
            tickets=[f for f in found.tickets if (f.company_id, f.contact) not in ours],
            contacts=[f for f in found.contacts if (f.company_id, f.identity) not in ours],
        )


async def build(conn: AsyncConnection, cast: Sequence[Company], stage: DemoRows) -> TicketFixtures:
    """Insert a ticket for each line; that of a company's first line is never closed."""
    lines = [(number, line) for company in cast for number, line in enumerate(company.lines)]
    places = [stage.lines[line.instance] for _, line in lines]
    # The demo's numbers never begin with a zero after the ninth one.
    people = [Person(f"Cliente {n}", f"551190{n:07d}", None) for n in range(1, len(lines) + 1)]
    users, queues = [await _insert_ids(conn, sql, stage) for sql in (INSERT_USERS, INSERT_QUEUES)]
    contacts, tickets = await _insert_conversations(conn, places, people)
    return TicketFixtures(
        tuple(
            TicketFixture(
                id=ticket.id,
                version=ticket.version,
                contact_id=contact.id,
                contact_version=contact.version,
                person=person,
                line=line,
                place=place,
                users=users[place.company_id],
                queues=queues[place.company_id],
                may_be_closed=number > 0,
            )
            for (number, line), place, person, contact, ticket in zip(
                lines, places, people, contacts, tickets, strict=True
            )
        )
    )


async def _insert_ids(
    conn: AsyncConnection, sql: TextClause, stage: DemoRows
) -> Mapping[int, tuple[int, ...]]:
    ids: dict[int, tuple[int, ...]] = defaultdict(tuple)
    for row in await conn.execute(sql, {"company_id": stage.company_ids, "number": USERS}):
        ids[row.companyId] += (row.id,)
    return ids


async def _insert_conversations(
    conn: AsyncConnection, places: Sequence[LineIds], people: Sequence[Person]
) -> tuple[list[Any], list[Any]]:
    """Return the contacts and their tickets, in the order of the people."""
    numbers = [person.number for person in people]
    of_places = {"company_id": [place.company_id for place in places]}
    rows = await conn.execute(INSERT_CONTACTS, {**of_places, "number": numbers})
    contacts = sorted(rows, key=lambda row: numbers.index(row.number))
    given = {
        **of_places,
        "whatsapp_id": [place.whatsapp_id for place in places],
        "contact_id": [contact.id for contact in contacts],
    }
    await conn.execute(INSERT_TEMPLATES, given)
    rows = await conn.execute(INSERT_TICKETS, given)
    return contacts, sorted(rows, key=lambda row: given["contact_id"].index(row.contactId))
