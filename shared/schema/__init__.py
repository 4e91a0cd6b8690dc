"""The tables of the database, one module per owner: only the owner writes them, all may read."""

from typing import Final

# Imported for their tables, which enter the catalogue when their classes are made.
from shared.schema import campaigns, contacts, internal, messages, tickets
from shared.schema.base import Base
from shared.schema.lengths import limit_indexed_text

metadata = Base.metadata
limit_indexed_text(metadata)

SERVICES: Final = ("tickets", "messages", "contacts", "campaigns")
EVERY_SERVICE: Final = "every service"
PLATFORM: Final = "platform"

INTERNAL: Final = {
    "Deployment": PLATFORM,
    "Checkpoints": EVERY_SERVICE,
    "DeadLetters": EVERY_SERVICE,
    "Quarantines": EVERY_SERVICE,
    "GatewayConnections": "messages",
    "AwaitedQuotes": "messages",
    "AwaitedChanges": "messages",
    "MessageMarks": "messages",
    "Reactions": "messages",
    "LineStates": "messages",
    "LidNumbers": "contacts",
    "Sends": "messages",
    "LineSendRates": "campaigns",
    "TicketSuccessors": "tickets",
    "LaneTimers": "tickets",
    "Requests": EVERY_SERVICE,
    "Purges": EVERY_SERVICE,
    "PurgedRows": EVERY_SERVICE,
    "SeedRows": PLATFORM,
}


def _owners() -> dict[str, str]:
    """Tell each table's owner: the module that maps it, but for the internal ones."""
    mapped = (mapper.class_ for mapper in Base.registry.mappers)
    modules = {row.__tablename__: row.__module__.rpartition(".")[2] for row in mapped}
    return modules | INTERNAL


OWNERS: Final[dict[str, str]] = _owners()

__all__ = [
    "EVERY_SERVICE",
    "INTERNAL",
    "OWNERS",
    "PLATFORM",
    "SERVICES",
    "campaigns",
    "contacts",
    "internal",
    "messages",
    "metadata",
    "tickets",
]
