"""A desk without a database, for the breaking suite's traffic."""

from shared.demo.cast import Person
from tests.faults.desk import Desk, Held
from tests.support.demo_stage import CAST, stage


def held(number: int, **members: object) -> Held:
    places = list(stage().places.values())
    lines = [line for company in CAST for line in company.lines]
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
    return Held(**(given | members))  # type: ignore[arg-type]


DESK = Desk(tuple(held(number) for number in range(6)))
