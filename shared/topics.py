"""The topics of a deployment: their names, partitions and retention (design 4)."""

from dataclasses import dataclass

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as `chatia topics apply` creates it; `name` is without the namespace."""

    name: str
    partitions: int = 12
    retention_ms: int = 7 * DAY_MS
    ours_alone: bool = True  # no gateway, scheduler or back office writes it


TOPICS = (
    Topic("message.received", ours_alone=False),
    Topic("message.identified"),
    Topic("message.routed"),
    Topic("message.stored"),
    Topic("message.changed"),
    Topic("message.send"),
    Topic("message.answered", ours_alone=False),
    Topic("connection.changed", ours_alone=False),
    Topic("contact.changed"),
    Topic("ticket.changed"),
    Topic("campaign.send", ours_alone=False),
    Topic("campaign.changed"),
    Topic("record.changed"),
    Topic("tickets.requests", ours_alone=False),
    Topic("messages.requests", ours_alone=False),
    Topic("contacts.requests", ours_alone=False),
    Topic("campaigns.requests", ours_alone=False),
)

EVOLUTION_EVENTS = (
    "messages.upsert",
    "messages.update",
    "messages.edited",
    "messages.delete",
    "send.message",
    "contacts.upsert",
    "contacts.update",
    "connection.update",
    "call",
)


def evolution_topics(prefix: str) -> tuple[Topic, ...]:
    """Evolution API's global topics, which it names itself and which carry no namespace."""
    return tuple(Topic(f"{prefix}.global.{event}", ours_alone=False) for event in EVOLUTION_EVENTS)
