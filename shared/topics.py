"""The topics of a deployment: names, partitions and retention (docs/architecture.md)."""

from dataclasses import dataclass

DAY_MS = 86_400_000
KAFKA_DEFAULT_BYTES = (
    1_048_588  # bytes; set for our own topics, so that facts fit whatever the brokers' default
)
PAYLOAD_BYTES = 8 * 2**20  # bytes; the Cloud API posts up to 3 MB, and JSON in JSON is longer


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as `chatia topics apply` creates it; `name` is without the namespace."""

    name: str
    partitions: int = 12
    retention_ms: int = 7 * DAY_MS
    max_message_bytes: int | None = (
        KAFKA_DEFAULT_BYTES  # None: the brokers' default, for topics of other producers
    )


TOPICS = (
    Topic("gateway.received", max_message_bytes=PAYLOAD_BYTES),
    Topic("message.received", max_message_bytes=None),
    Topic("message.identified"),
    Topic("message.routed"),
    Topic("message.stored"),
    Topic("message.changed", max_message_bytes=None),
    Topic("message.send"),
    Topic("message.answered", max_message_bytes=None),
    Topic("connection.changed", max_message_bytes=None),
    Topic("contact.changed"),
    Topic("ticket.changed"),
    Topic("campaign.send", max_message_bytes=None),
    Topic("campaign.changed"),
    Topic("record.changed"),
    Topic("tickets.requests", max_message_bytes=None),
    Topic("messages.requests", max_message_bytes=None),
    Topic("contacts.requests", max_message_bytes=None),
    Topic("campaigns.requests", max_message_bytes=None),
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


def build_evolution_topics(prefix: str) -> tuple[Topic, ...]:
    """Return Evolution API's global topics, which it names itself, without a namespace."""
    return tuple(
        Topic(f"{prefix}.global.{event}", max_message_bytes=None) for event in EVOLUTION_EVENTS
    )
