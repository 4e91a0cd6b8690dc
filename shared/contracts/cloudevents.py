"""CloudEvents 1.0 on Kafka, binary mode: an event's attributes as headers, its members as body."""

from datetime import UTC, datetime

from shared.contracts.base import Event

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"


def headers(
    event: Event,
    *,
    id: str,  # noqa: A002 - the attribute's own name
    source: str,
    time: datetime,
    sequence: str | None = None,
) -> list[tuple[str, bytes]]:
    """List the headers of an event's record; `ce_sequence` only where the source counts."""
    attributes = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": id,
        "ce_type": event.ce_type(),
        "ce_source": source,
        "ce_time": _rfc_3339(time),
        "ce_companyid": str(event.company_id),
    }
    if sequence is not None:
        attributes["ce_sequence"] = sequence
    attributes["content-type"] = CONTENT_TYPE
    return [(name, value.encode()) for name, value in attributes.items()]


def _rfc_3339(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValueError("An event's time needs a zone.")
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
