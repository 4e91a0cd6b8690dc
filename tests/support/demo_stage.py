"""A stage without a database, for scripts in tests."""

from datetime import UTC, datetime
from random import Random

from shared.demo.cast import Campaign, Place, Stage, companies
from shared.demo.crowd import Crowd
from shared.demo.records import Topics
from shared.demo.script import Script, Writer, write

NOW = datetime(2026, 11, 20, 18, 30, 15, 250_000, tzinfo=UTC)
CAST = companies("test")
TOPICS = Topics("chatia", "evolution")


def stage() -> Stage:
    places: dict[str, Place] = {}
    campaigns: list[Campaign] = []
    for company_id, company in enumerate(CAST, 1):
        for line in company.lines:
            places[line.instance] = Place(company_id, 10 + len(places))
        home = places[company.lines[0].instance]
        for name in company.campaigns:
            campaigns.append(Campaign(100 + len(campaigns), name, home))
    return Stage(places, tuple(campaigns))


def crowd(seed: int = 1) -> Crowd:
    """A crowd that says what the script of the same seed tells."""
    return Crowd(Random(seed), CAST, NOW)


def script(events: int = 600, seed: int = 1) -> Script:
    random = Random(seed)
    return write(Writer(random, stage(), TOPICS, NOW), CAST, events)
