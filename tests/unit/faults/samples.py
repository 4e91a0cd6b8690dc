"""Ticket fixtures without a database, for the traffic of rounds."""

from shared.dev.demo.companies import Person
from tests.faults.ticket_fixtures import TicketFixture, TicketFixtures
from tests.support.demo_rows import COMPANIES, build_demo_rows


def build_fixture(number: int, **members: object) -> TicketFixture:
    places = list(build_demo_rows().lines.values())
    lines = [line for company in COMPANIES for line in company.lines]
    given: dict[str, object] = {
        "id": 1000 + number,
        "version": 1,
        "contact_id": 100 + number,
        "contact_version": 1,
        "person": Person("Cliente", f"551190{number:07d}", None),
        "line": lines[number],
        "place": places[number],
        "users": (5, 6),
        "queues": (7, 8),
        "may_be_closed": number % 2 == 1,
    }
    return TicketFixture(**(given | members))  # type: ignore[arg-type]


FIXTURES = TicketFixtures(tuple(build_fixture(number) for number in range(6)))
