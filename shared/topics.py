"""The topics of a deployment: their names, partitions and retention (design 4)."""

from dataclasses import dataclass

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as `chatia topics apply` creates it; `name` is without the namespace."""

    name: str
    partitions: int = 12
    retention_ms: int = 7 * DAY_MS


TOPICS = (
    Topic("message.received"),
    Topic("message.identified"),
    Topic("message.routed"),
    Topic("message.stored"),
    Topic("message.changed"),
    Topic("message.send"),
    Topic("message.answered"),
    Topic("connection.changed"),
    Topic("contact.changed"),
    Topic("ticket.changed"),
    Topic("campaign.send"),
    Topic("campaign.changed"),
    Topic("record.changed"),
    Topic("tickets.requests"),
    Topic("messages.requests"),
    Topic("contacts.requests"),
    Topic("campaigns.requests"),
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
    return tuple(Topic(f"{prefix}.global.{event}") for event in EVOLUTION_EVENTS)
