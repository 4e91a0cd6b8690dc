"""The topics of a deployment: their names, partitions and retention (design 4)."""

from dataclasses import dataclass

DAY_MS = 86_400_000
KAFKAS_DEFAULT = 1_048_588  # bytes; set where we write, so that facts fit whatever the brokers say
OF_A_PAYLOAD = 8 * 2**20  # bytes; WhatsApp Cloud API posts up to 3 MB, and JSON in JSON is longer


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as `chatia topics apply` creates it; `name` is without the namespace."""

    name: str
    partitions: int = 12
    retention_ms: int = 7 * DAY_MS
    max_message_bytes: int | None = KAFKAS_DEFAULT  # None: what the brokers say, for outsiders'


TOPICS = (
    Topic("gateway.received", max_message_bytes=OF_A_PAYLOAD),
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


def evolution_topics(prefix: str) -> tuple[Topic, ...]:
    """Evolution API's global topics, which it names itself and which carry no namespace."""
    return tuple(
        Topic(f"{prefix}.global.{event}", max_message_bytes=None) for event in EVOLUTION_EVENTS
    )
