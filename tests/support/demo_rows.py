"""Sample companies with ids, and traffic for them, without a database."""

from datetime import UTC, datetime
from random import Random

from shared.dev.demo.companies import Campaign, DemoRows, LineIds, build_companies
from shared.dev.demo.conversations import ConversationGenerator
from shared.dev.demo.records import Topics
from shared.dev.demo.traffic import SampleTraffic, TrafficContext, generate_traffic

NOW = datetime(2026, 11, 20, 18, 30, 15, 250_000, tzinfo=UTC)
COMPANIES = build_companies("test")
TOPICS = Topics("chatia", "evolution")


def build_demo_rows() -> DemoRows:
    lines: dict[str, LineIds] = {}
    campaigns: list[Campaign] = []
    for company_id, company in enumerate(COMPANIES, 1):
        for line in company.lines:
            lines[line.instance] = LineIds(company_id, 10 + len(lines))
        first_line = lines[company.lines[0].instance]
        for name in company.campaigns:
            campaigns.append(Campaign(100 + len(campaigns), name, first_line))
    return DemoRows(lines, tuple(campaigns))


def build_generator(seed: int = 1) -> ConversationGenerator:
    """Build a generator of the messages that the traffic of the same seed holds."""
    return ConversationGenerator(Random(seed), COMPANIES, NOW)


def build_traffic(events: int = 600, seed: int = 1) -> SampleTraffic:
    context = TrafficContext(Random(seed), build_demo_rows(), TOPICS, NOW)
    return generate_traffic(context, COMPANIES, events)
