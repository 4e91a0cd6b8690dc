"""CloudEvents 1.0 on Kafka in binary mode: attributes as headers, members as the body."""

from datetime import UTC, datetime

from shared.contracts.base import Event

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"


def build_headers(
    event: Event,
    *,
    id: str,  # noqa: A002 - the name of the attribute in CloudEvents
    source: str,
    time: datetime,
    sequence: str | None = None,
) -> list[tuple[str, bytes]]:
    """Return the headers of an event's record; `ce_sequence` only if a sequence is given."""
    attributes = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": id,
        "ce_type": event.ce_type(),
        "ce_source": source,
        "ce_time": _format_rfc_3339(time),
        "ce_companyid": str(event.company_id),
    }
    if sequence is not None:
        attributes["ce_sequence"] = sequence
    attributes["content-type"] = CONTENT_TYPE
    return [(name, value.encode()) for name, value in attributes.items()]


def _format_rfc_3339(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValueError("An event's time needs a zone.")
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
