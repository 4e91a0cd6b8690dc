"""Late messages: written long before they entered Kafka, as after a gateway's own outage."""

from datetime import datetime, timedelta


def is_late(written_at: datetime, received_at: datetime | None, late_after: timedelta) -> bool:
    """Return whether a message was older than `late_after` when it first entered Kafka.

    Its contact no longer expects an automatic text. Waiting in Kafka does not make a message older,
    so a backlog is answered as usual. A message without a time of receipt is not late.
    """
    return received_at is not None and received_at - written_at > late_after
