"""The desk of a round: tickets that were there before it, with users and queues, and nobody else's.

The crowd never writes to them, so what becomes of them follows from what is asked alone.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.demo.cast import Company, Line, Person, Place, Stage
from shared.demo.facts import Facts

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


@dataclass(frozen=True, slots=True)
class Held:
    """A pending ticket of somebody whom only the desk talks to; `version` as facts have it."""

    id: int
    version: int
    contact_id: int
    contact_version: int
    person: Person
    line: Line
    place: Place
    users: tuple[int, ...]
    queues: tuple[int, ...]
    may_be_closed: bool


@dataclass(frozen=True, slots=True)
class Desk:
    """All that the back office of a round's companies works on."""

    tickets: tuple[Held, ...] = ()

    @property
    def versions(self) -> dict[str, dict[int, int]]:
        """What the rows were before anything was told, by topic and id."""
        return {
            "ticket.changed": {ticket.id: ticket.version for ticket in self.tickets},
            "contact.changed": {
                ticket.contact_id: ticket.contact_version for ticket in self.tickets
            },
        }

    def without(self, found: Facts) -> Facts:
        """Leave out what is the desk's, and not the crowd's."""
        ours = {(held.place.company_id, held.person.identity) for held in self.tickets}
        return replace(
            found,
            messages=[f for f in found.messages if (f.company_id, f.contact) not in ours],
            tickets=[f for f in found.tickets if (f.company_id, f.contact) not in ours],
            contacts=[f for f in found.contacts if (f.company_id, f.identity) not in ours],
        )


async def build(conn: AsyncConnection, cast: Sequence[Company], stage: Stage) -> Desk:
    """Insert a ticket for each line; that of a company's first line is never closed."""
    lines = [(number, line) for company in cast for number, line in enumerate(company.lines)]
    places = [stage.places[line.instance] for _, line in lines]
    # The crowd's own digits never begin with a zero after the ninth one.
    people = [Person(f"Cliente {n}", f"551190{n:07d}", None) for n in range(1, len(lines) + 1)]
    users, queues = [await _ids(conn, sql, stage) for sql in (INSERT_USERS, INSERT_QUEUES)]
    contacts, tickets = await _conversations(conn, places, people)
    return Desk(
        tuple(
            Held(
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


async def _ids(
    conn: AsyncConnection, sql: TextClause, stage: Stage
) -> Mapping[int, tuple[int, ...]]:
    made: dict[int, tuple[int, ...]] = defaultdict(tuple)
    for row in await conn.execute(sql, {"company_id": stage.company_ids, "number": USERS}):
        made[row.companyId] += (row.id,)
    return made


async def _conversations(
    conn: AsyncConnection, places: Sequence[Place], people: Sequence[Person]
) -> tuple[list[Any], list[Any]]:
    """Give the contacts and their tickets, in the order of the people."""
    numbers = [person.number for person in people]
    of_places = {"company_id": [place.company_id for place in places]}
    rows = await conn.execute(INSERT_CONTACTS, {**of_places, "number": numbers})
    contacts = sorted(rows, key=lambda row: numbers.index(row.number))
    given = {
        **of_places,
        "whatsapp_id": [place.whatsapp_id for place in places],
        "contact_id": [contact.id for contact in contacts],
    }
    rows = await conn.execute(INSERT_TICKETS, given)
    return contacts, sorted(rows, key=lambda row: given["contact_id"].index(row.contactId))
