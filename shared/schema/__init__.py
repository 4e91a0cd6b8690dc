"""The mapped tables, one module per owner: only the owner writes them (docs/data-model.md)."""

from typing import Final

# Imported because defining their classes adds the tables to the metadata.
from shared.schema import addresses, campaigns, contacts, internal, messages, sending, tickets
from shared.schema.base import Base
from shared.schema.lengths import limit_indexed_text
from shared.schema.ranges import limit_numbers

metadata = Base.metadata
limit_indexed_text(metadata)
limit_numbers(metadata)

SERVICES: Final = ("tickets", "messages", "contacts", "campaigns")
EVERY_SERVICE: Final = "every service"
PLATFORM: Final = "platform"

INTERNAL: Final = {
    "Deployment": PLATFORM,
    "RestoredPositions": PLATFORM,
    "Checkpoints": EVERY_SERVICE,
    "DeadLetters": EVERY_SERVICE,
    "Quarantines": EVERY_SERVICE,
    "Workers": EVERY_SERVICE,
    "GatewayConnections": "messages",
    "AwaitedQuotes": "messages",
    "AwaitedChanges": "messages",
    "MessageMarks": "messages",
    "Reactions": "messages",
    "LineStates": "messages",
    "LidNumbers": "contacts",
    "BusinessUserIds": "contacts",
    "NumberChanges": "contacts",
    "Sends": "messages",
    "LostSends": "messages",
    "LineSendRates": "campaigns",
    "TicketSuccessors": "tickets",
    "LaneTimers": "tickets",
    "Requests": EVERY_SERVICE,
    "Purges": EVERY_SERVICE,
    "PurgedRows": EVERY_SERVICE,
    "SeedRows": PLATFORM,
}


def _list_owners() -> dict[str, str]:
    """Return the owner of each table: the module that maps it, or its entry in INTERNAL."""
    mapped = (mapper.class_ for mapper in Base.registry.mappers)
    modules = {row.__tablename__: row.__module__.rpartition(".")[2] for row in mapped}
    return modules | INTERNAL


OWNERS: Final[dict[str, str]] = _list_owners()

__all__ = [
    "EVERY_SERVICE",
    "INTERNAL",
    "OWNERS",
    "PLATFORM",
    "SERVICES",
    "addresses",
    "campaigns",
    "contacts",
    "internal",
    "messages",
    "metadata",
    "sending",
    "tickets",
]
